import type { z } from 'zod'
import { toJsonValue } from '../base/json.ts'
import { shapeOf } from '../contracts/shape.ts'
import type { Field, Port } from './types.ts'

/** A field that only one node writes; undefined until it did. Its last write counts. */
export function owned<const N extends string, V>(node: N, schema: z.ZodType<V>): Field<N, V | undefined, V> {
  return { kind: 'owned', owner: node, schema, reduce: null }
}

/** A list to which every node appends items; empty at first, stored by reference and never rewritten. */
export function appended<V>(item: z.ZodType<V>): Field<never, readonly V[], V> {
  return { kind: 'appended', owner: null, schema: item, reduce: null }
}

/**
 * A field that every node writes; `reduce` folds the writes in node order, then delivery order, then write order, so
 * that the result does not depend on which node finished first (ENGINE R9). It must be a pure function.
 */
export function reduced<V>(
  schema: z.ZodType<V>,
  reduce: (current: V | undefined, write: V) => V,
): Field<never, V | undefined, V> {
  return {
    kind: 'reduced',
    owner: null,
    schema,
    // Both values were parsed by the schema, whose output type is V.
    reduce: (current, write) => toJsonValue(reduce(current as V | undefined, write as V), 'the result of `reduce`'),
  }
}

/** Declares a port. The deadline is in seconds from the request; silence takes the declared fallback or stops the run. */
export function port<Q extends z.ZodType, A extends z.ZodType>(def: {
  readonly name: string
  readonly request: Q
  readonly response: A
  readonly deadlineSeconds: number
}): Port<z.output<Q>, z.output<A>> {
  return {
    name: def.name,
    request: shapeOf(def.request),
    response: shapeOf(def.response),
    deadlineSeconds: def.deadlineSeconds,
  }
}

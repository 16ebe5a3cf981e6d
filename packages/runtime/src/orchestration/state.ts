import { SignalboxError } from '../base/errors.ts'
import type { JsonObject, JsonValue } from '../base/json.ts'
import type { FieldSpec, WorkflowSpec } from '../contracts/workflow.ts'
import { type FieldWrite, type Finished, inNodeOrder } from './order.ts'

/**
 * State and who may write it (invariant 8). Within a superstep a node sees the last barrier and its own writes
 * (`applyWrites`); at the barrier the writes of all are merged in one order (`mergeWrites`).
 */

/** The fields with the snapshot's value of each; a field that was never written is absent. */
type FieldsOnly = Pick<WorkflowSpec, 'fields'>

/** What a field becomes at a barrier. */
export type Merged<R> =
  /** `refs` are those of the writes that the value came from: one for an owned field, all for a reduced one. */
  | { readonly kind: 'set'; readonly value: JsonValue; readonly refs: readonly R[] }
  /** Only what is added; the list before it is not touched. */
  | { readonly kind: 'append'; readonly items: readonly FieldWrite<R>[] }

/** The field, when the node may write it. Throws STATE_NOT_OWNED. */
function writable(spec: FieldsOnly, node: string, name: string): FieldSpec {
  const field = spec.fields.get(name)
  const subject = { details: { node, field: name } }
  if (field === undefined)
    throw new SignalboxError(
      'STATE_NOT_OWNED',
      `node \`${node}\` wrote \`${name}\`, which is not a state field`,
      subject,
    )
  if (field.owner !== null && field.owner !== node) {
    const text = `node \`${node}\` wrote state field \`${name}\`, which only \`${field.owner}\` may write`
    throw new SignalboxError('STATE_NOT_OWNED', text, subject)
  }
  return field
}

/** A handler's own writes: what it sees from now on, and the writes to record, parsed, in order. */
export interface Applied {
  readonly state: JsonObject
  readonly writes: readonly { readonly field: string; readonly value: JsonValue }[]
}

/**
 * Applies one `write` of a node to what the node sees. All fields or none: throws STATE_NOT_OWNED for a field of
 * another node, INPUT_INVALID for a value that does not fit, NODE_FAILED when a reducer throws.
 */
export function applyWrites(spec: FieldsOnly, node: string, state: JsonObject, values: JsonObject): Applied {
  const seen: Record<string, JsonValue> = {}
  const writes: { field: string; value: JsonValue }[] = []
  for (const [name, given] of Object.entries(values)) {
    const field = writable(spec, node, name)
    const value = field.shape.parse(given, `state field \`${name}\``)
    const current = Object.hasOwn(state, name) ? state[name] : undefined
    writes.push({ field: name, value })
    seen[name] =
      field.kind === 'appended' ? [...(Array.isArray(current) ? current : []), value] : fold(field, current, value)
  }
  return { state: { ...state, ...seen }, writes }
}

function fold(field: FieldSpec, current: JsonValue | undefined, write: JsonValue): JsonValue {
  if (field.reduce === null) return write
  let value: JsonValue
  try {
    value = field.reduce(current, write)
  } catch (cause) {
    throw new SignalboxError('NODE_FAILED', `the reducer of state field \`${field.name}\` threw`, { cause })
  }
  return field.shape.parse(value, `the reduced state field \`${field.name}\``)
}

/**
 * Merges the writes of a superstep into new values of the fields that were written. The result does not depend on the
 * order of `finished` (ENGINE R9). `snapshot` needs the reduced fields only. Throws STATE_NOT_OWNED, and STATE_CONFLICT
 * when two nodes wrote a field that neither a reducer nor appending joins.
 */
export function mergeWrites<R>(
  spec: WorkflowSpec,
  snapshot: JsonObject,
  finished: readonly Finished<R>[],
): ReadonlyMap<string, Merged<R>> {
  const written = new Map<string, { field: FieldSpec; writer: string; writes: FieldWrite<R>[] }>()
  for (const { node, writes } of inNodeOrder(spec, finished)) {
    for (const write of writes) {
      const field = writable(spec, node, write.field)
      const entry = written.get(write.field) ?? { field, writer: node, writes: [] }
      if (entry.writer !== node) refuseSecondWriter(field, entry.writer, node)
      entry.writes.push(write)
      written.set(write.field, entry)
    }
  }
  const merged = new Map<string, Merged<R>>()
  for (const name of spec.fields.keys()) {
    const entry = written.get(name)
    if (entry) merged.set(name, mergeField(entry.field, snapshot, entry.writes))
  }
  return merged
}

function refuseSecondWriter(field: FieldSpec, first: string, second: string): void {
  if (field.kind === 'appended' || field.reduce !== null) return
  const text = `nodes \`${first}\` and \`${second}\` both wrote state field \`${field.name}\`, which has no reducer`
  throw new SignalboxError('STATE_CONFLICT', text, { details: { field: field.name, writers: [first, second] } })
}

function mergeField<R>(field: FieldSpec, snapshot: JsonObject, writes: readonly FieldWrite<R>[]): Merged<R> {
  if (field.kind === 'appended') return { kind: 'append', items: writes }
  const before = Object.hasOwn(snapshot, field.name) ? snapshot[field.name] : undefined
  if (field.reduce !== null) {
    const value = writes.reduce<JsonValue | undefined>((current, write) => fold(field, current, write.value), before)
    return { kind: 'set', value: value ?? null, refs: writes.map((write) => write.ref) }
  }
  const last = writes.at(-1)
  return { kind: 'set', value: last?.value ?? null, refs: last ? [last.ref] : [] }
}

import { SignalboxError } from '../base/errors.ts'
import type { JsonValue } from '../base/json.ts'
import type { MessageDropped } from '../contracts/records.ts'
import type { EdgeSpec, Shape, WorkflowSpec } from '../contracts/workflow.ts'
import { type Addressed, type Finished, inDeliveryOrder, inNodeOrder, placesOf, type Sent } from './order.ts'

/**
 * Where messages go at a barrier. Each kind of edge is one row of `RULES`; a row sees one message and says where it
 * travels. Multi-selection is a further row; fan-in is a row with a third answer, `hold`, for a message that waits in
 * its edge's buffer until every source has sent.
 */

/** A message on its way. */
export interface Delivery<R> extends Addressed, Sent<R> {}

/** A message, or one delivery of it, that nobody took (invariant 9). */
export interface Drop<R> extends Sent<R> {
  readonly from: string
  /** The edge that refused it; null when it is none or several. `output` when it does not fit the run's output. */
  readonly edge: string | null
  readonly reason: MessageDropped['reason']
}

/** Where all messages of a superstep go. */
export interface Routed<R> {
  /** The queue of the next superstep, in delivery order (ENGINE R9). */
  readonly deliveries: readonly Delivery<R>[]
  readonly drops: readonly Drop<R>[]
  /** What output nodes yielded, in node order. */
  readonly outputs: readonly ({ readonly node: string } & Sent<R>)[]
}

/** What an edge does with one message. */
type Travel = { readonly kind: 'deliver'; readonly to: readonly string[] } | { readonly kind: 'refuse' }

type EdgeOf<K extends EdgeSpec['kind']> = Extract<EdgeSpec, { readonly kind: K }>

const RULES: { readonly [K in EdgeSpec['kind']]: (edge: EdgeOf<K>, message: JsonValue) => Travel } = {
  direct: (edge, message) =>
    edge.when === null || holds(edge.when, message, edge.id) ? { kind: 'deliver', to: [edge.to] } : { kind: 'refuse' },
  switch: (edge, message) => {
    const taken = edge.cases.find((one) => one.when === null || holds(one.when, message, edge.id))
    return taken ? { kind: 'deliver', to: [taken.to] } : { kind: 'refuse' }
  },
  fan_out: (edge) => ({ kind: 'deliver', to: edge.to }),
}

function travel<K extends EdgeSpec['kind']>(edge: EdgeSpec & { readonly kind: K }, message: JsonValue): Travel {
  // The row of a kind takes the edges of that kind; the compiler does not follow that through the table.
  const rule = RULES[edge.kind] as (edge: EdgeSpec, message: JsonValue) => Travel
  return rule(edge, message)
}

/** Evaluates a condition. One that throws, or answers anything but true or false, fails the run. */
function holds(when: (message: JsonValue) => boolean, message: JsonValue, edge: string): boolean {
  let answer: unknown
  try {
    answer = when(message)
  } catch (cause) {
    throw new SignalboxError('NODE_FAILED', `a condition of edge \`${edge}\` threw`, { cause, details: { edge } })
  }
  if (typeof answer === 'boolean') return answer
  const got = answer instanceof Promise ? 'a promise' : answer === null ? 'null' : typeof answer
  // A promise is dropped here; without a handler its failure would end the process.
  if (answer instanceof Promise) answer.catch(() => undefined)
  throw new SignalboxError('NODE_FAILED', `a condition of edge \`${edge}\` must return true or false, not ${got}`, {
    details: { edge },
  })
}

/**
 * Routes what the activations of a superstep sent. The result does not depend on the order of `finished`. A message
 * that no edge takes and that is no output is dropped with a reason. Throws NODE_FAILED when a condition fails.
 */
export function route<R>(spec: WorkflowSpec, finished: readonly Finished<R>[]): Routed<R> {
  const deliveries: Delivery<R>[] = []
  const drops: Drop<R>[] = []
  const outputs: ({ node: string } & Sent<R>)[] = []
  for (const { node, message, rejection } of inNodeOrder(spec, finished)) {
    if (rejection !== null) {
      const one = routeRejection(spec, node, rejection)
      deliveries.push(...one.deliveries)
      drops.push(...one.drops)
    }
    if (message !== null) {
      const one = routeMessage(spec, node, message)
      deliveries.push(...one.deliveries)
      drops.push(...one.drops)
      outputs.push(...one.outputs)
    }
  }
  return { deliveries: inDeliveryOrder(spec, deliveries), drops, outputs }
}

/** The entry of a run: its input on its way to the start node. */
export function routeStart<R>(spec: WorkflowSpec, input: Sent<R>): Delivery<R> {
  return { to: spec.start, from: null, edge: 'start', value: input.value, ref: input.ref }
}

function routeRejection<R>(spec: WorkflowSpec, from: string, sent: Sent<R>): Omit<Routed<R>, 'outputs'> {
  const to = spec.rejected.get(from)
  if (to === undefined) return { deliveries: [], drops: [{ ...sent, from, edge: null, reason: 'no_edge' }] }
  const edge = `rejected:${from}`
  if (!fits(spec.nodes.get(to)?.input, sent.value))
    return { deliveries: [], drops: [{ ...sent, from, edge, reason: 'type_mismatch' }] }
  return { deliveries: [{ ...sent, to, from, edge }], drops: [] }
}

function routeMessage<R>(spec: WorkflowSpec, from: string, sent: Sent<R>): Routed<R> {
  const places = placesOf(spec)
  const source = spec.nodes.get(from)?.output
  const deliveries: Delivery<R>[] = []
  const drops: Drop<R>[] = []
  const refused: string[] = []
  for (const edge of places.from(from)) {
    const way = travel(edge, sent.value)
    if (way.kind === 'refuse') refused.push(edge.id)
    else {
      for (const to of way.to) {
        const target = spec.nodes.get(to)?.input
        // A message that was made by a schema fits it.
        if (source === target || fits(target, sent.value)) deliveries.push({ ...sent, to, from, edge: edge.id })
        else drops.push({ ...sent, from, edge: edge.id, reason: 'type_mismatch' })
      }
    }
  }
  const output = places.outputs.has(from)
  const taken = output && (source === spec.output || fits(spec.output, sent.value))
  if (output && !taken) drops.push({ ...sent, from, edge: 'output', reason: 'type_mismatch' })
  if (!output && deliveries.length === 0 && drops.length === 0) drops.push(unwanted(from, sent, refused))
  return { deliveries, drops, outputs: taken ? [{ ...sent, node: from }] : [] }
}

function unwanted<R>(from: string, sent: Sent<R>, refused: readonly string[]): Drop<R> {
  const [only] = refused
  const edge = refused.length === 1 && only !== undefined ? only : null
  return { ...sent, from, edge, reason: refused.length === 0 ? 'no_edge' : 'condition_false' }
}

function fits(shape: Shape | undefined, value: JsonValue): boolean {
  if (shape === undefined) return false
  try {
    shape.parse(value, 'the message')
    return true
  } catch {
    return false
  }
}

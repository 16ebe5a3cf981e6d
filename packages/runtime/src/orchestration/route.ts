import { SignalboxError } from '../base/errors.ts'
import type { JsonValue } from '../base/json.ts'
import type { MessageDropped } from '../contracts/records.ts'
import type { EdgeSpec, Shape, WorkflowSpec } from '../contracts/workflow.ts'
import { type Addressed, type Finished, inDeliveryOrder, inNodeOrder, placesOf, type Sent } from './order.ts'

/**
 * Where messages go at a barrier. Each kind of edge is one row of `RULES`; a row sees one message and says where it
 * travels, or that it is held: a fan-in keeps it in its edge's buffer until every source has sent.
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

/** What fan-ins hold: by edge, by source, oldest first. An edge that holds nothing is absent. */
export type Held<R> = Readonly<Record<string, Readonly<Record<string, readonly Sent<R>[]>>>>

/** Makes one reference for a list of messages. */
export type Join<R> = (parts: readonly Sent<R>[]) => R

/** Where all messages of a superstep go. */
export interface Routed<R> {
  /** The queue of the next superstep, in delivery order (ENGINE R9). */
  readonly deliveries: readonly Delivery<R>[]
  readonly drops: readonly Drop<R>[]
  /** What output nodes yielded, in node order. */
  readonly outputs: readonly ({ readonly node: string } & Sent<R>)[]
  /** What fan-ins hold after it. */
  readonly held: Held<R>
}

/** What an edge does with one message. */
type Travel =
  | { readonly kind: 'deliver'; readonly to: readonly string[] }
  | { readonly kind: 'refuse' }
  | { readonly kind: 'hold' }

type EdgeOf<K extends EdgeSpec['kind']> = Extract<EdgeSpec, { readonly kind: K }>

const RULES: { readonly [K in EdgeSpec['kind']]: (edge: EdgeOf<K>, message: JsonValue) => Travel } = {
  direct: (edge, message) =>
    edge.when === null || holds(edge.when, message, edge.id) ? { kind: 'deliver', to: [edge.to] } : { kind: 'refuse' },
  switch: (edge, message) => {
    const taken = edge.cases.find((one) => one.when === null || holds(one.when, message, edge.id))
    return taken ? { kind: 'deliver', to: [taken.to] } : { kind: 'refuse' }
  },
  fan_out: (edge) => ({ kind: 'deliver', to: edge.to }),
  multi_selection: (edge, message) => {
    const to = selected(edge, message)
    return to.length > 0 ? { kind: 'deliver', to } : { kind: 'refuse' }
  },
  fan_in: () => ({ kind: 'hold' }),
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

/** The targets that a selection names, each once, in the order of the edge. Anything else fails the run. */
function selected({ id, to, select }: EdgeOf<'multi_selection'>, message: JsonValue): readonly string[] {
  const details = { edge: id }
  let answer: unknown
  try {
    answer = select(message)
  } catch (cause) {
    throw new SignalboxError('NODE_FAILED', `the selection of edge \`${id}\` threw`, { cause, details })
  }
  if (answer instanceof Promise) answer.catch(() => undefined)
  const names: readonly unknown[] | null = Array.isArray(answer) ? answer : null
  if (names === null)
    throw new SignalboxError('NODE_FAILED', `the selection of edge \`${id}\` must return a list`, { details })
  const strange = names.find((name) => typeof name !== 'string' || !to.includes(name))
  if (strange !== undefined)
    throw new SignalboxError(
      'NODE_FAILED',
      `the selection of edge \`${id}\` named \`${String(strange)}\`, which is not one of its targets: ${to.map((name) => `\`${name}\``).join(', ')}`,
      { details },
    )
  return to.filter((name) => names.includes(name))
}

/**
 * Routes what the activations of a superstep sent, on top of what fan-ins held before. The result does not depend on the
 * order of `finished`. A message that no edge takes and that is no output is dropped with a reason. Throws NODE_FAILED
 * when a condition or a selection fails.
 */
export function route<R>(
  spec: WorkflowSpec,
  finished: readonly Finished<R>[],
  before: Held<R>,
  join: Join<R>,
): Routed<R> {
  const deliveries: Delivery<R>[] = []
  const drops: Drop<R>[] = []
  const outputs: ({ node: string } & Sent<R>)[] = []
  const buffers = new Buffers(before)
  for (const { node, message, rejection, failed = false } of inNodeOrder(spec, finished)) {
    if (rejection !== null) {
      const one = routeRejection(spec, node, rejection, failed)
      deliveries.push(...one.deliveries)
      drops.push(...one.drops)
    }
    if (message !== null) {
      const one = routeMessage(spec, node, message, buffers)
      deliveries.push(...one.deliveries)
      drops.push(...one.drops)
      outputs.push(...one.outputs)
    }
  }
  for (const edge of spec.edges) {
    const list = edge.kind === 'fan_in' ? buffers.takeWhole(edge, join) : null
    if (list === null) continue
    if (fits(spec.nodes.get(list.to)?.input, list.value)) deliveries.push(list)
    else drops.push({ value: list.value, ref: list.ref, from: list.from, edge: list.edge, reason: 'type_mismatch' })
  }
  return { deliveries: inDeliveryOrder(spec, deliveries), drops, outputs, held: buffers.all() }
}

/** The buffers of the fan-ins while one superstep is routed. */
class Buffers<R> {
  readonly #edges: Map<string, Map<string, readonly Sent<R>[]>>
  /** The last source, in node order, that sent in this superstep. */
  readonly #latest = new Map<string, string>()

  constructor(before: Held<R>) {
    this.#edges = new Map(Object.entries(before).map(([edge, held]) => [edge, new Map(Object.entries(held))]))
  }

  hold(edge: string, from: string, sent: Sent<R>): void {
    const held = this.#edges.get(edge) ?? new Map<string, readonly Sent<R>[]>()
    this.#edges.set(edge, held.set(from, [...(held.get(from) ?? []), { value: sent.value, ref: sent.ref }]))
    this.#latest.set(edge, from)
  }

  /** All that the edge holds as one message, once every source has sent; the buffer is empty after it. */
  takeWhole(edge: EdgeOf<'fan_in'>, join: Join<R>): (Delivery<R> & { readonly from: string }) | null {
    const held = this.#edges.get(edge.id)
    const from = this.#latest.get(edge.id)
    if (!held || from === undefined || !edge.from.every((source) => held.has(source))) return null
    this.#edges.delete(edge.id)
    const parts = edge.from.flatMap((source) => held.get(source) ?? [])
    return { to: edge.to, from, edge: edge.id, value: parts.map((part) => part.value), ref: join(parts) }
  }

  all(): Held<R> {
    return Object.fromEntries([...this.#edges].map(([edge, held]) => [edge, Object.fromEntries(held)]))
  }
}

/** The entry of a run: its input on its way to the start node. */
export function routeStart<R>(spec: WorkflowSpec, input: Sent<R>): Delivery<R> {
  return { to: spec.start, from: null, edge: 'start', value: input.value, ref: input.ref }
}

function routeRejection<R>(
  spec: WorkflowSpec,
  from: string,
  sent: Sent<R>,
  failed: boolean,
): Pick<Routed<R>, 'deliveries' | 'drops'> {
  const to = (failed ? spec.failed : spec.rejected).get(from)
  if (to === undefined) return { deliveries: [], drops: [{ ...sent, from, edge: null, reason: 'no_edge' }] }
  const edge = `${failed ? 'failed' : 'rejected'}:${from}`
  if (!fits(spec.nodes.get(to)?.input, sent.value))
    return { deliveries: [], drops: [{ ...sent, from, edge, reason: 'type_mismatch' }] }
  return { deliveries: [{ ...sent, to, from, edge }], drops: [] }
}

function routeMessage<R>(
  spec: WorkflowSpec,
  from: string,
  sent: Sent<R>,
  buffers: Buffers<R>,
): Omit<Routed<R>, 'held'> {
  const places = placesOf(spec)
  const source = spec.nodes.get(from)?.output
  const deliveries: Delivery<R>[] = []
  const drops: Drop<R>[] = []
  const refused: string[] = []
  let held = false
  for (const edge of places.from(from)) {
    const way = travel(edge, sent.value)
    if (way.kind === 'refuse') refused.push(edge.id)
    else if (way.kind === 'hold') {
      buffers.hold(edge.id, from, sent)
      held = true
    } else {
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
  if (!output && !held && deliveries.length === 0 && drops.length === 0) drops.push(unwanted(from, sent, refused))
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

import type { JsonValue } from '../base/json.ts'
import { type EdgeSpec, sourcesOf, type WorkflowSpec } from '../contracts/workflow.ts'

/**
 * The one order in which writes, sends and deliveries are merged (ENGINE R9). It is made of what is declared and what
 * was delivered, never of which activation finished first.
 */

/** A value with whatever its owner refers to it by (the engine: a content reference). */
export interface Sent<R> {
  readonly value: JsonValue
  readonly ref: R
}

/** One write of one field. */
export interface FieldWrite<R> extends Sent<R> {
  readonly field: string
}

/** One activation that ended, with what it wrote and sent. */
export interface Finished<R> {
  readonly node: string
  /** Place among the deliveries to this node in the superstep, from 0. */
  readonly delivery: number
  /** In the order in which they were written. */
  readonly writes: readonly FieldWrite<R>[]
  /** Null when it ended in a rejection. */
  readonly message: Sent<R> | null
  /** Set when it ended in a rejection or a failure: a value of the `Rejection` schema. */
  readonly rejection: Sent<R> | null
  /** Set when it was a failure. */
  readonly failed?: true
}

/** What is needed of a message to put it in order. */
export interface Addressed {
  readonly to: string
  /** Null for the run's input. */
  readonly from: string | null
  /** Id of the edge, or `start`, `rejected:<node>`, `failed:<node>`, `response:<port>`. */
  readonly edge: string
}

/** Places of a spec's nodes and edges. */
export interface Places {
  readonly node: (name: string | null) => number
  readonly edge: (id: string) => number
  readonly from: (node: string) => readonly EdgeSpec[]
  readonly outputs: ReadonlySet<string>
}

/** A cache only: a spec never changes. */
const known = new WeakMap<WorkflowSpec, Places>()

/** Places of nodes and edges in declaration order, looked up once a spec. */
export function placesOf(spec: WorkflowSpec): Places {
  const cached = known.get(spec)
  if (cached) return cached
  const nodes = new Map([...spec.nodes.keys()].map((name, i) => [name, i]))
  const ids = new Map<string, number>([['start', -1]])
  for (const edge of spec.edges) ids.set(edge.id, ids.size)
  for (const name of spec.nodes.keys()) ids.set(`rejected:${name}`, ids.size)
  for (const name of spec.nodes.keys()) ids.set(`response:${name}`, ids.size)
  for (const name of spec.nodes.keys()) ids.set(`failed:${name}`, ids.size)
  for (const cause of ['loop', 'quality']) ids.set(`escalation:${cause}`, ids.size)
  const from = new Map<string, EdgeSpec[]>()
  for (const edge of spec.edges)
    for (const source of sourcesOf(edge)) from.set(source, [...(from.get(source) ?? []), edge])
  const places: Places = {
    node: (name) => (name === null ? -1 : (nodes.get(name) ?? nodes.size)),
    edge: (id) => ids.get(id) ?? ids.size,
    from: (node) => from.get(node) ?? [],
    outputs: new Set(spec.outputs),
  }
  known.set(spec, places)
  return places
}

/** Ended activations by node in declaration order, then by delivery. */
export function inNodeOrder<R>(spec: WorkflowSpec, finished: readonly Finished<R>[]): readonly Finished<R>[] {
  const places = placesOf(spec)
  return [...finished].sort((a, b) => places.node(a.node) - places.node(b.node) || a.delivery - b.delivery)
}

/**
 * Messages by target node, then edge, then source node; those that agree in all three keep their order, which must be
 * the order in which they were sent.
 */
export function inDeliveryOrder<M extends Addressed>(spec: WorkflowSpec, messages: readonly M[]): readonly M[] {
  const places = placesOf(spec)
  return [...messages].sort(
    (a, b) =>
      places.node(a.to) - places.node(b.to) ||
      places.edge(a.edge) - places.edge(b.edge) ||
      places.node(a.from) - places.node(b.from),
  )
}

/** Numbers the messages of each node from 0, in the order given: the delivery part of an activation's identity. */
export function numberDeliveries<M extends Addressed>(
  queue: readonly M[],
): readonly { readonly message: M; readonly delivery: number }[] {
  const counts = new Map<string, number>()
  return queue.map((message) => {
    const delivery = counts.get(message.to) ?? 0
    counts.set(message.to, delivery + 1)
    return { message, delivery }
  })
}

import { SignalboxError, toSignalboxError } from '../base/errors.ts'
import { canonicalJson, type JsonObject, type JsonValue, toJsonValue } from '../base/json.ts'
import type { NodeSpec, Shape, UpgradeStep, WorkflowSpec } from '../contracts/workflow.ts'

/** A checkpoint with its values opened, as far as a changed definition can concern it. */
export interface OpenCheckpoint {
  /** Fields that were written, by name. */
  readonly state: JsonObject
  readonly queue: readonly { readonly to: string; readonly from: string | null; readonly value: JsonValue }[]
  /** Nodes of the open port requests. */
  readonly requests: readonly string[]
  readonly outputs: readonly { readonly node: string; readonly value: JsonValue }[]
  /** Sources whose messages a fan-in holds until all have sent. */
  readonly held: readonly { readonly edge: string; readonly source: string }[]
  /** Nodes whose conversation is kept. */
  readonly sessions: readonly string[]
}

/** Why a kept conversation has no place in this version, or null when it has: it is never dropped without a word. */
export function sessionFault(spec: Pick<WorkflowSpec, 'nodes'>, node: string): string | null {
  const now = spec.nodes.get(node)
  if (now?.session === 'kept') return null
  const what = `the conversation of node \`${node}\` is kept, and this version`
  if (now) return `${what} keeps none there; declare \`session: 'kept'\` for it`
  return `${what} has no such node; name its successor in \`nodes\``
}

/** Kinds of nodes at which something stays open between supersteps. */
const WAITING: ReadonlySet<NodeSpec['kind']> = new Set(['port', 'timer'])

/** Id of the edge after its nodes were renamed; a fan-in's is made of the name that it leads to. */
function renamedEdge(step: UpgradeStep, edge: string): string {
  const [kind, to] = edge.split(':')
  return kind === 'fan_in' && to !== undefined ? `fan_in:${step.nodes.get(to) ?? to}` : edge
}

/** The declared steps that lead from a version to the workflow's own, in order; null when there is no way. */
export function upgradePath(spec: Pick<WorkflowSpec, 'version' | 'upgrades'>, from: string): UpgradeStep[] | null {
  const path: UpgradeStep[] = []
  let at = from
  while (at !== spec.version) {
    const step = spec.upgrades.find((one) => one.from === at)
    if (!step || path.includes(step)) return null
    path.push(step)
    at = step.to
  }
  return path.length > 0 ? path : null
}

/** True when the steps leave state and messages alone and rename nothing: they can be taken at a save point too. */
export function changesNothingStored(path: readonly UpgradeStep[]): boolean {
  return path.every((step) => step.state === null && step.messages.size === 0 && step.nodes.size === 0)
}

/**
 * Carries an open checkpoint over the steps, one after another, and checks the result by the workflow's own fields,
 * nodes and ports (invariant 11). Pure: nothing is recorded here. Throws WORKFLOW_CHANGED that says which step, and what
 * does not fit.
 */
export function carryOver(spec: WorkflowSpec, path: readonly UpgradeStep[], before: OpenCheckpoint): OpenCheckpoint {
  let open = before
  for (const step of path) open = applyStep(step, open)
  const faults: string[] = []
  const check = <T>(what: string, look: () => T, otherwise: T): T => {
    try {
      return look()
    } catch (thrown) {
      faults.push(`${what}: ${toSignalboxError(thrown).message}`)
      return otherwise
    }
  }
  const carried: OpenCheckpoint = {
    state: checkedState(spec, open.state, check),
    queue: open.queue.map((one) => ({ ...one, value: checkedMessage(spec, one, check) })),
    requests: open.requests,
    held: open.held,
    sessions: open.sessions,
    outputs: open.outputs.map((one) => ({
      ...one,
      value: check('an output that was given already', () => spec.output.parse(one.value, 'it'), one.value),
    })),
  }
  for (const node of open.requests)
    if (!WAITING.has(spec.nodes.get(node)?.kind ?? 'function'))
      faults.push(
        `a request is open at port \`${node}\`, which this version does not have; name its successor in \`nodes\``,
      )
  for (const node of open.sessions) {
    const fault = sessionFault(spec, node)
    if (fault !== null) faults.push(fault)
  }
  for (const { edge, source } of open.held) {
    const to = spec.edges.find((one) => one.id === edge)
    if (to?.kind !== 'fan_in' || !to.from.includes(source))
      faults.push(`fan-in \`${edge}\` holds a message of \`${source}\`, and this version has no such fan-in`)
  }
  if (faults.length > 0)
    throw new SignalboxError('WORKFLOW_CHANGED', `${textOf(path)} does not fit: ${faults.join('; ')}`)
  return carried
}

type Check = <T>(what: string, look: () => T, otherwise: T) => T

function checkedState(spec: WorkflowSpec, state: JsonObject, check: Check): JsonObject {
  const values: Record<string, JsonValue> = {}
  for (const [name, value] of Object.entries(state)) {
    const field = spec.fields.get(name)
    const what = `state field \`${name}\``
    values[name] = check(
      what,
      () => {
        if (!field) throw new SignalboxError('WORKFLOW_CHANGED', 'this version has no such field; leave it out')
        return field.kind === 'appended' ? parseList(field.shape, value) : field.shape.parse(value, 'its value')
      },
      null,
    )
  }
  return values
}

function parseList(item: Shape, value: JsonValue): JsonValue {
  if (!Array.isArray(value))
    throw new SignalboxError('WORKFLOW_CHANGED', 'it must be a list, because it is appended to')
  return value.map((one, i) => item.parse(one, `item ${i}`))
}

function checkedMessage(spec: WorkflowSpec, one: OpenCheckpoint['queue'][number], check: Check): JsonValue {
  return check(
    `the message that waits for node \`${one.to}\``,
    () => {
      const node = spec.nodes.get(one.to)
      if (node) return node.input.parse(one.value, 'it')
      throw new SignalboxError('WORKFLOW_CHANGED', 'this version has no such node; name its successor in `nodes`')
    },
    one.value,
  )
}

function applyStep(step: UpgradeStep, open: OpenCheckpoint): OpenCheckpoint {
  const what = `the upgrade from ${step.from} to ${step.to}`
  const named = (name: string): string => step.nodes.get(name) ?? name
  const { was, state, expect } = step
  const old = was ? fitting(was, open.state, `${what} does not take this state: it`) : open.state
  // A schema of something else than an object takes no state.
  const given = state === null ? open.state : twice(what, state, old as JsonObject)
  if (!isObject(given))
    throw new SignalboxError('WORKFLOW_CHANGED', `${what} must give an object with the state fields`)
  if (expect) fitting(expect, given, `${what} gave a state that`)
  return {
    state: given,
    queue: open.queue.map(({ to, from, value }) => {
      const target = named(to)
      const change = step.messages.get(target)
      const next = change ? twice(`${what}, for a message to \`${target}\`,`, change, value) : value
      return { to: target, from: from === null ? null : named(from), value: next }
    }),
    requests: open.requests.map(named),
    held: open.held.map(({ edge, source }) => ({ edge: renamedEdge(step, edge), source: named(source) })),
    sessions: open.sessions.map(named),
    outputs: open.outputs.map(({ node, value }) => ({ node: named(node), value })),
  }
}

/** Calls a step's function twice on copies of its own: one that is not pure would make another state on another day. */
function twice<V extends JsonValue>(what: string, change: (old: V) => unknown, value: V): JsonValue {
  const call = (): JsonValue => {
    try {
      const given = change(structuredClone(value))
      if (given instanceof Promise) {
        given.catch(() => undefined)
        throw new SignalboxError('WORKFLOW_CHANGED', 'it must not be asynchronous')
      }
      return toJsonValue(withoutUndefined(given), 'its result')
    } catch (thrown) {
      throw new SignalboxError('WORKFLOW_CHANGED', `${what} threw: ${toSignalboxError(thrown).message}`, {
        cause: thrown,
      })
    }
  }
  const [first, second] = [call(), call()]
  if (canonicalJson(first) === canonicalJson(second)) return first
  throw new SignalboxError('WORKFLOW_CHANGED', `${what} is not pure: it gave two results for one value`)
}

/** A field that is set to undefined was left out. */
function withoutUndefined(given: unknown): unknown {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) return given
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
}

function fitting(shape: Shape, value: JsonValue, what: string): JsonValue {
  try {
    return shape.parse(value, what)
  } catch (thrown) {
    throw new SignalboxError('WORKFLOW_CHANGED', toSignalboxError(thrown).message, { cause: thrown })
  }
}

function textOf(path: readonly UpgradeStep[]): string {
  return `the upgrade ${[path[0]?.from ?? '', ...path.map((step) => step.to)].join(' to ')}`
}

function isObject(value: JsonValue): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

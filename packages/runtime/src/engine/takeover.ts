import { type SignalboxError, toSignalboxError } from '../base/errors.ts'
import { canonicalJson, type JsonValue } from '../base/json.ts'
import type { CheckpointBody, FieldRef } from '../contracts/checkpoint.ts'
import { type ContentRef, joinLabels, type Labels, type ListAppend } from '../contracts/common.ts'
import { carryOver, type OpenCheckpoint } from '../reliability/upgrade.ts'
import { standsAt } from '../reliability/fold.ts'
import { appended } from './barrier.ts'
import { refOf, type Standing, whyNot } from './definitions.ts'
import type { LiveRun, Put } from './live-run.ts'
import { openFields } from './state.ts'

/**
 * Lets the definition of this process take a run over that another version was with, or parks it (invariant 11,
 * ENGINE R14). Called between supersteps and before an open one goes on. True when something was recorded or has to be:
 * the run loop looks again.
 */
export async function takeOver(run: LiveRun, worker: string): Promise<boolean> {
  const { standing } = run
  if (standing.kind === 'same' || standing.kind === 'missing' || isWith(run, standing)) return false
  const refusal = await whyNot(run.env, run.row, run.fold, standing)
  if (refusal) return parked(run, refusal)
  if (standing.kind === 'code' && standsAt(run.fold) === 'open') return false
  const path = standing.kind === 'upgrade' ? standing.path : []
  if (path.length > 0 && standsAt(run.fold) === 'barrier') return upgrade(run, worker, path)
  const taken = { steps: path.map(({ from, to }) => ({ from, to })), by: worker, appends: {}, checkpoint: null }
  run.append({ type: 'run.upgraded' as const, from: run.fold.definition, to: refOf(run.spec), ...taken })
  return settle(run)
}

function isWith(run: LiveRun, { spec }: Exclude<Standing, { kind: 'missing' }>): boolean {
  const { version, signature, shape } = run.fold.definition
  return version === spec.version && signature === spec.signature && shape === spec.shape
}

function parked(run: LiveRun, why: SignalboxError): true {
  run.stopWith({ kind: 'park', code: why.code, detail: why.message })
  return true
}

/** The row names the new definition in the commit that stores the record, so that claims go by it at once. */
async function settle(run: LiveRun): Promise<true> {
  await run.env.store.putDefinition(run.spec.definition, canonicalJson(run.spec.description))
  run.with({ definition: { version: run.spec.version, signature: run.spec.definition } })
  await run.flush()
  return true
}

type Path = Extract<Standing, { kind: 'upgrade' }>['path']

async function upgrade(run: LiveRun, worker: string, path: Path): Promise<boolean> {
  const open = await openCheckpoint(run)
  let carried: OpenCheckpoint
  try {
    // Steps are user code, and have no business outside.
    const place = { runId: run.runId, activation: null, where: 'condition', mediated: false } as const
    carried = run.env.outlet.runIn(place, () => carryOver(run.spec, path, open))
  } catch (thrown) {
    return parked(run, toSignalboxError(thrown, 'WORKFLOW_CHANGED'))
  }
  const seq = run.lastSeq + 1
  const appends: Record<string, ListAppend> = {}
  run.append((put) => ({
    type: 'run.upgraded' as const,
    from: run.fold.definition,
    to: refOf(run.spec),
    steps: path.map(({ from, to }) => ({ from, to })),
    by: worker,
    appends,
    checkpoint: checkpointOf(run, open, carried, { seq, put, appends }),
  }))
  return settle(run)
}

async function openCheckpoint(run: LiveRun): Promise<OpenCheckpoint> {
  const { state, queue, requests, outputs, fan_in } = run.fold.checkpoint
  const read = (ref: ContentRef): Promise<JsonValue> => run.contents.read(ref)
  return {
    state: (await openFields(Object.keys(state), run.fold.checkpoint, run.contents)).values,
    queue: await Promise.all(queue.map(async ({ to, from, message }) => ({ to, from, value: await read(message) }))),
    requests: requests.map((request) => request.node),
    held: heldIn(fan_in),
    sessions: Object.keys(run.fold.checkpoint.sessions ?? {}),
    outputs: await Promise.all(outputs.map(async ({ node, value }) => ({ node, value: await read(value) }))),
  }
}

function heldIn(fanIn: CheckpointBody['fan_in']): OpenCheckpoint['held'] {
  return Object.entries(fanIn).flatMap(([edge, sources]) => Object.keys(sources).map((source) => ({ edge, source })))
}

/** What fan-ins hold, under the names that edges and sources have now. */
function fanInOf(before: CheckpointBody['fan_in'], held: OpenCheckpoint['held']): CheckpointBody['fan_in'] {
  const now: Record<string, Record<string, readonly ContentRef[]>> = {}
  heldIn(before).forEach((old, i) => {
    const { edge, source } = held[i] ?? old
    now[edge] = { ...now[edge], [source]: before[old.edge]?.[old.source] ?? [] }
  })
  return now
}

/** Kept conversations under the names that their nodes have now. */
function sessionsOf(
  before: CheckpointBody['sessions'],
  old: readonly string[],
  now: readonly string[],
): Pick<CheckpointBody, 'sessions'> {
  if (!before) return {}
  const entries = old.flatMap((name, i) => (before[name] ? [[now[i] ?? name, before[name]] as const] : []))
  return { sessions: Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1))) }
}

interface Making {
  readonly seq: number
  readonly put: Put
  readonly appends: Record<string, ListAppend>
}

/** The checkpoint after the steps. What they left as it was keeps its reference; nothing is stored twice. */
function checkpointOf(run: LiveRun, open: OpenCheckpoint, carried: OpenCheckpoint, making: Making): CheckpointBody {
  const before = run.fold.checkpoint
  const kept = (ref: ContentRef, old: JsonValue | undefined, now: JsonValue): ContentRef =>
    equal(old, now) ? ref : making.put(now, ref.l)
  return {
    ...before,
    kind: 'upgrade',
    state: stateOf(run, open, carried, making),
    queue: before.queue.map((one, i) => {
      const { to, from, value } = carried.queue[i] ?? { to: one.to, from: one.from, value: null }
      return { ...one, to, from, message: kept(one.message, open.queue[i]?.value, value) }
    }),
    fan_in: fanInOf(before.fan_in, carried.held),
    requests: before.requests.map((one, i) => ({ ...one, node: carried.requests[i] ?? one.node })),
    outputs: before.outputs.map((one, i) => {
      const { node, value } = carried.outputs[i] ?? { node: one.node, value: null }
      return { node, value: kept(one.value, open.outputs[i]?.value, value) }
    }),
    ...sessionsOf(before.sessions, open.sessions, carried.sessions),
    effect_keys: run.effectKeys,
    spent: run.spent(),
    definition: refOf(run.spec),
  }
}

function stateOf(run: LiveRun, open: OpenCheckpoint, carried: OpenCheckpoint, making: Making): CheckpointBody['state'] {
  const before = run.fold.checkpoint.state
  // A step sees the whole state, so that what it makes is as little trusted as the least of it.
  const labels = joinLabels(Object.values(before).flatMap((ref) => (ref === null ? [] : [ref.l])))
  const state: Record<string, FieldRef> = {}
  for (const [name, value] of Object.entries(carried.state)) {
    const old = before[name] ?? null
    const isList = run.spec.fields.get(name)?.kind === 'appended'
    const same = old !== null && 'list' in old === isList && equal(open.state[name], value)
    if (same) state[name] = old
    else if (isList && Array.isArray(value)) state[name] = newList(run, name, value, labels, making)
    else state[name] = making.put(value, labels)
  }
  return state
}

function newList(
  run: LiveRun,
  name: string,
  values: readonly JsonValue[],
  labels: Labels,
  { seq, put, appends }: Making,
): FieldRef {
  const items = values.map((value) => ({ value, ref: put(value, labels) }))
  const { list, append } = appended(run, null, items, seq)
  appends[name] = append
  return list
}

function equal(a: JsonValue | undefined, b: JsonValue): boolean {
  return a !== undefined && canonicalJson(a) === canonicalJson(b)
}

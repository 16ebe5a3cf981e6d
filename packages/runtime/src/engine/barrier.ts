import { canonicalJson, type JsonObject, type JsonValue } from '../base/json.ts'
import type { CheckpointBody, FieldRef, QueuedMessage } from '../contracts/checkpoint.ts'
import { type ContentRef, joinLabels, type ListAppend, type ListRef } from '../contracts/common.ts'
import type { BarrierMark } from '../contracts/ending.ts'
import { type Delivery, type Drop, type Held, judgeBarrier, mergeWrites, route } from '../orchestration/index.ts'
import { digestsOf, isJudged, type OpenOutputs, shownState } from './barrier-view.ts'
import { emptyList, rollHead } from './contents.ts'
import { type Done, withRefs } from './done.ts'
import { fanInOf, joinInto } from './fan-in.ts'
import { adoptedEffects, definitionPart } from '../reliability/fold.ts'
import type { LiveRun, Put } from './live-run.ts'
import { sessionsAfter } from './sessions.ts'
import type { Scope } from './scope.ts'
import type { OpenState } from './state.ts'

/** What a barrier changes. */
interface Merge {
  readonly state: Readonly<Record<string, FieldRef>>
  readonly appends: Record<string, ListAppend>
  /** The values of the whole state after it. */
  readonly values: JsonObject
}

/**
 * Commits a superstep as one record (ENGINE R13): merges writes, routes messages, and appends the checkpoint. Throws
 * STATE_CONFLICT, STATE_NOT_OWNED, NODE_FAILED (a condition threw) or TERMINATION_FAILED before anything is appended.
 */
export function appendBarrier(
  scope: Scope,
  before: OpenState,
  held: Held<ContentRef>,
  { startedAt, done: all }: { readonly startedAt: string; readonly done: readonly Done[] },
  outputs: OpenOutputs,
): void {
  const { run, spec } = scope
  const { superstep } = scope.state.checkpoint
  const seq = run.lastSeq + 1
  let drops: readonly Drop<ContentRef>[] = []
  run.append((put) => {
    const sealed = all.map((done) => ({ done, ...withRefs(done, put) }))
    const finished = sealed.map((one) => one.finished)
    const routed = route(spec, finished, held, joinInto(put))
    const merge = mergeState(scope, before, finished, seq, put)
    const kept = sessionsAfter(scope, all)
    const judged = judge(scope, { ...merge, ...kept }, routed, outputs, put)
    drops = [...routed.drops, ...judged.drops]
    const earlier = scope.state.checkpoint
    const checkpoint: CheckpointBody = {
      kind: 'superstep',
      superstep: superstep + 1,
      state: merge.state,
      queue: judged.queue,
      fan_in: fanInOf(routed.held),
      requests: [...earlier.requests, ...scope.state.opened],
      outputs: [...earlier.outputs, ...routed.outputs.map(({ node, ref }) => ({ node, value: ref }))],
      // Of a scope, the barrier of the run around it tells them.
      effect_keys: scope.around ? [] : run.effectKeys,
      adopted: scope.around ? [] : adoptedEffects(run.fold),
      spent: run.spent(),
      ...kept,
      ...(scope.around ? {} : definitionPart(run.fold)),
      ...(judged.mark ? { mark: judged.mark } : {}),
    }
    return {
      type: 'superstep.completed' as const,
      ...scope.mark,
      superstep,
      started_at: startedAt,
      results: sealed.filter((one) => !one.done.recorded).map((one) => one.result),
      appends: merge.appends,
      checkpoint,
    }
  })
  recordDrops(scope, superstep, drops, seq)
}

interface Judgement {
  readonly queue: readonly QueuedMessage[]
  readonly drops: readonly Drop<ContentRef>[]
  readonly mark: BarrierMark | null
}

/** The termination contract's word on this barrier: an escalation takes the place of the messages that waited. */
function judge(
  { run, spec, state }: Scope,
  merge: Merge & Pick<CheckpointBody, 'sessions'>,
  { deliveries, outputs }: Pick<ReturnType<typeof route<ContentRef>>, 'deliveries' | 'outputs'>,
  before: OpenOutputs,
  put: Put,
): Judgement {
  const queue = deliveries.map(queued)
  if (!isJudged(spec)) return { queue, drops: [], mark: null }
  const { superstep, mark = {} } = state.checkpoint
  const view = {
    state: shownState(spec, merge.values),
    queue: deliveries.map(({ to, from, value }) => ({ to, from, message: value })),
    superstep: superstep + 1,
    turns: run.budget.spent.turns,
    outputs: [...before, ...outputs.map(({ node, value }) => ({ node, value }))],
  }
  const judged = judgeBarrier(spec, view, mark, digestsOf(run, merge))
  if (judged.escalation === null) return { queue, drops: [], mark: judged.mark }
  const { to, cause, message } = judged.escalation
  const refs = [...Object.values(merge.state), ...deliveries.map(({ ref }) => ref)]
  const ref = put(message, joinLabels(refs.flatMap((one) => (one === null ? [] : [one.l]))))
  return {
    queue: [{ to, from: null, edge: `escalation:${cause}`, message: ref }],
    drops: deliveries.map((one) => ({ ...one, from: one.from ?? spec.start, reason: 'escalated' as const })),
    mark: judged.mark,
  }
}

/** A message that nobody took is on record (invariant 9). */
export function recordDrops(
  { run, mark }: Scope,
  superstep: number,
  drops: readonly Pick<Drop<ContentRef>, 'from' | 'edge' | 'reason' | 'ref'>[],
  cause: number | null,
): void {
  for (const { from, edge, reason, ref } of drops)
    run.append({ type: 'message.dropped' as const, ...mark, superstep, from, edge, reason, message: ref }, cause)
}

function queued(delivery: Delivery<ContentRef>): QueuedMessage {
  return { to: delivery.to, from: delivery.from, edge: delivery.edge, message: delivery.ref }
}

function mergeState(
  { run, spec, state: at }: Scope,
  before: OpenState,
  finished: Parameters<typeof mergeWrites<ContentRef>>[2],
  seq: number,
  put: Put,
): Merge {
  const state: Record<string, FieldRef> = { ...at.checkpoint.state }
  const values: Record<string, JsonValue> = { ...before.values }
  const appends: Record<string, ListAppend> = {}
  for (const [name, merged] of mergeWrites(spec, before.values, finished)) {
    if (merged.kind === 'append') {
      const { list, append } = appended(run, state[name] ?? null, merged.items, seq)
      state[name] = list
      appends[name] = append
      const items = values[name]
      values[name] = [...(Array.isArray(items) ? items : []), ...merged.items.map((item) => item.value)]
      continue
    }
    values[name] = merged.value
    const [only] = merged.refs
    const asWritten = merged.refs.length === 1 && only !== undefined && spec.fields.get(name)?.reduce === null
    state[name] = asWritten ? only : put(merged.value, joinLabels(merged.refs.map((ref) => ref.l)))
  }
  return { state, appends, values }
}

/** A list after more items, and the append that the record with this sequence holds. */
export function appended(
  run: LiveRun,
  ref: FieldRef,
  items: readonly { readonly value: Parameters<typeof canonicalJson>[0]; readonly ref: ContentRef }[],
  seq: number,
): { list: ListRef; append: ListAppend } {
  const refs = items.map((item) => item.ref)
  const before = ref !== null && 'list' in ref ? ref : emptyList(joinLabels([]))
  const digests = items.map((item) => run.sealer.digest(canonicalJson(item.value)))
  const list: ListRef = {
    list: true,
    at: seq,
    length: before.length + refs.length,
    head: rollHead(before.head, digests),
    l: joinLabels([before.l, ...refs.map((one) => one.l)]),
  }
  return { list, append: { before, items: refs } }
}

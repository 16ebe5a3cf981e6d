import { canonicalJson } from '../base/json.ts'
import type { CheckpointBody, FieldRef, QueuedMessage } from '../contracts/checkpoint.ts'
import { type ContentRef, joinLabels, type ListAppend, type ListRef } from '../contracts/common.ts'
import { type Delivery, type Drop, type Held, mergeWrites, route } from '../orchestration/index.ts'
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
}

/**
 * Commits a superstep as one record (ENGINE R13): merges writes, routes messages, and appends the checkpoint. Throws
 * STATE_CONFLICT, STATE_NOT_OWNED or NODE_FAILED (a condition threw) before anything is appended.
 */
export function appendBarrier(
  scope: Scope,
  before: OpenState,
  held: Held<ContentRef>,
  startedAt: string,
  all: readonly Done[],
): void {
  const { run, spec } = scope
  const { superstep } = scope.state.checkpoint
  const seq = run.lastSeq + 1
  let drops: readonly Drop<ContentRef>[] = []
  run.append((put) => {
    const sealed = all.map((done) => ({ done, ...withRefs(done, put) }))
    const finished = sealed.map((one) => one.finished)
    const routed = route(spec, finished, held, joinInto(put))
    drops = routed.drops
    const merge = mergeState(scope, before, finished, seq, put)
    const earlier = scope.state.checkpoint
    const checkpoint: CheckpointBody = {
      kind: 'superstep',
      superstep: superstep + 1,
      state: merge.state,
      queue: routed.deliveries.map(queued),
      fan_in: fanInOf(routed.held),
      requests: [...earlier.requests, ...scope.state.opened],
      outputs: [...earlier.outputs, ...routed.outputs.map(({ node, ref }) => ({ node, value: ref }))],
      // Of a scope, the barrier of the run around it tells them.
      effect_keys: scope.around ? [] : run.effectKeys,
      adopted: scope.around ? [] : adoptedEffects(run.fold),
      spent: run.spent(),
      ...sessionsAfter(scope, all),
      ...(scope.around ? {} : definitionPart(run.fold)),
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
  const appends: Record<string, ListAppend> = {}
  for (const [name, merged] of mergeWrites(spec, before.values, finished)) {
    if (merged.kind === 'append') {
      const { list, append } = appended(run, state[name] ?? null, merged.items, seq)
      state[name] = list
      appends[name] = append
    } else if (merged.refs.length === 1 && spec.fields.get(name)?.reduce === null) state[name] = merged.refs[0] ?? null
    else state[name] = put(merged.value, joinLabels(merged.refs.map((ref) => ref.l)))
  }
  return { state, appends }
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

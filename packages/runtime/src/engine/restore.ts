import { SignalboxError } from '../base/errors.ts'
import { type Amounts, OPERATOR_LABELS, type Principal } from '../contracts/common.ts'
import type { ActivityOutcome, RunRecord } from '../contracts/records.ts'
import type { RestorePoint } from '../contracts/runtime.ts'
import type { EffectRow, PersonRequestRow, RunRow } from '../contracts/store.ts'
import { decodeRecord } from '../reliability/chain.ts'
import { type AskJournal, isTerminalOutcome } from '../reliability/fold.ts'
import { openRequestsIn } from '../reliability/fold-scopes.ts'
import { scopePath } from '../base/scope-id.ts'
import {
  CHECKPOINT_TYPES,
  isCheckpoint,
  isScopeCheckpoint,
  onTimeline,
  timelineRanges,
} from '../reliability/timeline.ts'
import { listApproval } from './approval-rows.ts'
import type { Env } from './env.ts'
import { refusePruned } from './pruned.ts'
import { type LiveRun, Unloaded } from './live-run.ts'
import { claimAlone, readBranches } from './load.ts'
import { findPoint, type Point, refuseChanged, refuseErased, rootOf } from './move.ts'

/** How often rows that arrive meanwhile are read before the restore gives way. */
const MAX_TRIES = 5

/** Checkpoints and save points of a run, oldest first, each with the effects that were recorded after it. */
export async function restorePoints(env: Env, row: RunRow): Promise<readonly RestorePoint[]> {
  // Nothing can be done again without its contents.
  if (row.kept !== undefined || row.code === 'RUN_MOVED') return []
  const stored = await env.store.records(row.tenant, row.runId, {
    types: [...CHECKPOINT_TYPES, 'position.saved', 'activity.outcome'],
  })
  const records = stored.map(decodeRecord)
  const ranges = timelineRanges(row.seq, await readBranches(env, row.tenant, row.runId))
  const effects = records.filter(isRealEffect)
  return records.flatMap((record) => {
    const point = pointOf(record)
    if (!point) return []
    const laterEffects = effects
      .filter((effect) => effect.seq > record.seq)
      .map((effect) => ({ tool: effect.name, seq: effect.seq, status: effect.status }))
    return [{ ...point, current: onTimeline(ranges, record.seq), laterEffects }]
  })
}

function isRealEffect(record: RunRecord): record is ActivityOutcome {
  return (
    record.type === 'activity.outcome' &&
    record.effect !== 'none' &&
    record.effect_hash !== null &&
    record.ledger === null &&
    record.origin === undefined
  )
}

function pointOf(record: RunRecord): Omit<RestorePoint, 'current' | 'laterEffects'> | null {
  const base = { seq: record.seq, at: record.at, node: null, position: null }
  if (isCheckpoint(record)) return { ...base, kind: record.checkpoint.kind, superstep: record.checkpoint.superstep }
  if (isScopeCheckpoint(record)) {
    // The barrier of a nested scope is a save point of the run, as a turn of an agent is (ENGINE R8).
    const [, superstep] = record.scope.split('.')
    const node = scopePath(record.scope).join('/')
    return { ...base, kind: 'save_point', superstep: Number(superstep), node, position: record.checkpoint.superstep }
  }
  if (record.type !== 'position.saved') return null
  return { ...base, kind: 'save_point', superstep: record.superstep, node: record.node, position: record.position }
}

/**
 * Moves the head of a run to any recorded event as a new branch (invariant 11, ENGINE R13). Later records stay on record;
 * later effects are answered from the ledger or put to a person when they are asked again. Refused while a worker runs it,
 * while an effect is open, when what it needs was erased, and when the graph or the state shape changed.
 */
export async function restoreRun(
  env: Env,
  row: RunRow,
  request: { readonly seq: number; readonly by: Principal; readonly reason: string },
): Promise<void> {
  refusePruned(row)
  const point = await findPoint(env, row, request.seq)
  await refuseChanged(env, row, point)
  refuseToRestore(row, await env.store.effects(row.tenant, rootOf(row, point)))
  await refuseErased(env, row, point)
  const requests = await env.store.requests({ tenant: row.tenant, runId: row.runId, limit: 1_000 })
  const anew = await askedAnew(env, row, point, requests)
  const run = await claimAlone(env, row, `restore:${request.by.id}`)
  // The numbers of the head go on; only the place from which work is done again moves (ENGINE R13).
  run.fold.branch += 1
  run.append((put) => ({
    type: 'branch.started' as const,
    from: point.seq,
    checkpoint_seq: point.checkpointSeq,
    spent: spentWithOpen(run),
    by: request.by,
    reason: put(request.reason, OPERATOR_LABELS),
    ...(anew.length > 0 ? { asked_anew: anew } : {}),
  }))
  run.fold.checkpointSeq = point.checkpointSeq
  run.fold.checkpoint = { ...run.fold.checkpoint, superstep: point.was.fold.checkpoint.superstep }
  run.with({ code: null })
  settleRequests(run, point, requests, new Set(anew))
  await handOver(env, run)
  env.scheduler.wake(row)
}

/** What is spent with open reservations charged in full, for a new branch (ENGINE R13). */
function spentWithOpen({ budget: { spent, held } }: LiveRun): Amounts {
  return {
    turns: spent.turns + held.turns,
    tool_calls: spent.tool_calls + held.tool_calls,
    tokens: spent.tokens + held.tokens,
    cost_nano_usd: (BigInt(spent.cost_nano_usd) + BigInt(held.cost_nano_usd)).toString(),
  }
}

/** Stores the branch and gives the run to whoever claims it. Answers to the branch that is left answer nothing any more. */
async function handOver(env: Env, run: LiveRun): Promise<void> {
  try {
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      for (const item of await env.store.inbox(run.tenant, run.runId)) {
        if (!run.seenInbox.has(item.row)) run.with({ consumed: item.row })
        run.seenInbox.add(item.row)
      }
      if (await run.release(env.host.now())) return
    }
  } catch (thrown) {
    if (!(thrown instanceof Unloaded)) throw thrown
  }
  run.unload()
  throw new SignalboxError('CONFLICT', `run \`${run.runId}\` was not restored: others act on it now; try again`)
}

/**
 * Approvals on the kept records that count for nothing any more (invariant 7): those that a later intent used, and those
 * that nobody had answered at the point and that were closed since or ran out.
 */
export async function askedAnew(
  env: Env,
  row: RunRow,
  point: Point,
  requests: readonly PersonRequestRow[],
): Promise<readonly string[]> {
  const approvals = approvalsAt(point)
  // The intents of all that came later are read only where one of them may have used an approval.
  if (approvals.length === 0) return []
  const later = await env.store.records(row.tenant, row.runId, { after: point.seq, types: ['activity.intent'] })
  const used = new Set(later.map(decodeRecord).map((one) => (one.type === 'activity.intent' ? one.approval_id : null)))
  const now = env.host.now()
  const open = new Set(requests.filter((one) => one.state === 'open' && one.deadline > now).map((one) => one.id))
  return approvals
    .filter(({ requested, decided }) => {
      const { approval_id: id } = requested
      return used.has(id) || (decided === null && !open.has(id))
    })
    .map(({ requested }) => requested.approval_id)
}

/** Approvals at a point that no intent had used there. */
export function approvalsAt({ was }: Point): readonly Approval[] {
  return [...was.fold.activations.values()].flatMap(({ asks, carried }) => [
    ...carried.values(),
    ...[...asks.values()].flatMap(({ approval, intents, outcome }) =>
      approval && intents.length === 0 && !(outcome && isTerminalOutcome(outcome)) ? [approval] : [],
    ),
  ])
}

type Approval = NonNullable<AskJournal['approval']>

/** Questions that were open at the restore point are open again; those asked after it are taken back. */
function settleRequests(
  run: LiveRun,
  point: Point,
  requests: readonly PersonRequestRow[],
  anew: ReadonlySet<string>,
): void {
  const { fold } = point.was
  const open = new Set(openRequestsIn(fold).map((request) => request.request_id))
  const approvals = new Map(approvalsAt(point).map((one) => [one.requested.approval_id, one]))
  for (const { requested, decided } of approvals.values())
    if (decided === null && !anew.has(requested.approval_id)) open.add(requested.approval_id)
  // What became of an effect that was sent is known by now: nobody is asked about it again.
  for (const { asks } of fold.activations.values())
    for (const { questions, intents } of asks.values())
      if (intents.length === 0) for (const { asked, answered } of questions) if (!answered) open.add(asked.question_id)
  for (const request of requests) {
    const approval = approvals.get(request.id)
    if (open.has(request.id) && approval) {
      // As many have said yes as at the point.
      listApproval(run, approval)
    } else if (open.has(request.id) && request.state !== 'open')
      run.with({ request: { ...request, state: 'open', decidedBy: null, decidedAt: null } })
    if (!open.has(request.id) && request.state === 'open') run.closeRequest(request.id, 'cancelled', null)
  }
}

/**
 * A terminated run stays where it is. What became of an open effect has to be known before its run goes back behind it
 * (invariant 5).
 */
export function refuseToRestore(row: RunRow, effects: readonly EffectRow[]): void {
  if (row.status === 'terminated')
    throw new SignalboxError('RUN_STATE', `run \`${row.runId}\` was terminated: it cannot be restored, fork it instead`)
  const open = effects.filter(
    (effect) => effect.runId === row.runId && (effect.state === 'open' || effect.state === 'unknown'),
  )
  const [first] = open
  if (first)
    throw new SignalboxError(
      'RUN_STATE',
      `the outcome of \`${first.tool}\` in run \`${row.runId}\` is not known yet; resolve it before a restore`,
      {
        details: { open_effects: open.length },
      },
    )
}

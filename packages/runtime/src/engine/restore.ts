import { SignalboxError } from '../base/errors.ts'
import type { Principal } from '../contracts/common.ts'
import { OPERATOR_LABELS } from '../contracts/common.ts'
import type { ActivityOutcome, RunRecord } from '../contracts/records.ts'
import type { RestorePoint } from '../contracts/runtime.ts'
import type { RunRow } from '../contracts/store.ts'
import { decodeRecord } from '../reliability/chain.ts'
import { CHECKPOINT_TYPES, isCheckpoint, onTimeline, timelineRanges } from '../reliability/timeline.ts'
import { standingOf, whyNot } from './definitions.ts'
import type { Env } from './env.ts'
import { type LiveRun, Unloaded } from './live-run.ts'
import { claimAlone, loadFold, readBranches } from './load.ts'

/** How often rows that arrive meanwhile are read before the restore gives way. */
const MAX_TRIES = 5

/** Checkpoints and save points of a run, oldest first, each with the effects that were recorded after it. */
export async function restorePoints(env: Env, row: RunRow): Promise<readonly RestorePoint[]> {
  // Nothing can be done again without its contents.
  if (row.kept !== undefined) return []
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
    record.ledger === null
  )
}

function pointOf(record: RunRecord): Omit<RestorePoint, 'current' | 'laterEffects'> | null {
  const base = { seq: record.seq, at: record.at, node: null, position: null }
  if (isCheckpoint(record)) return { ...base, kind: record.checkpoint.kind, superstep: record.checkpoint.superstep }
  if (record.type !== 'position.saved') return null
  return { ...base, kind: 'save_point', superstep: record.superstep, node: record.node, position: record.position }
}

/**
 * Moves the head of a run to a checkpoint or save point as a new branch (invariant 11, ENGINE R13). Later records stay
 * on record; later effects are answered from the ledger or put to a person when they are asked again. Refused while a
 * worker runs it, while an effect is open, and when the graph or the state shape changed.
 */
export async function restoreRun(
  env: Env,
  row: RunRow,
  request: { readonly seq: number; readonly by: Principal; readonly reason: string },
): Promise<void> {
  refusePruned(row)
  const target = await restoreTarget(env, row, request.seq)
  await refuseChanged(env, row, target)
  await refuseOpenEffects(env, row)
  const run = await claimAlone(env, row, `restore:${request.by.id}`)
  // The numbers of the head go on; only the place from which work is done again moves (ENGINE R13).
  run.fold.branch += 1
  run.append((put) => ({
    type: 'branch.started' as const,
    from: target.seq,
    checkpoint_seq: target.checkpointSeq,
    spent: run.spentWithOpen(),
    by: request.by,
    reason: put(request.reason, OPERATOR_LABELS),
  }))
  run.fold.checkpointSeq = target.checkpointSeq
  run.fold.checkpoint = { ...run.fold.checkpoint, superstep: target.superstep }
  run.with({ code: null })
  await settleRequests(env, row, run, target)
  await handOver(env, run)
  env.scheduler.wake(row)
}

/** Refuses what would need contents that were destroyed (ENGINE R13): CONTENT_ERASED. */
export function refusePruned({ runId, kept }: RunRow): void {
  if (kept === undefined) return
  const left =
    kept === 'metadata' ? 'its records are left, without contents' : 'only the hashes of its records are left'
  throw new SignalboxError(
    'CONTENT_ERASED',
    `the history of run \`${runId}\` was pruned: ${left}; see \`signalbox explain ${runId}\``,
  )
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

async function restoreTarget(
  env: Env,
  row: RunRow,
  seq: number,
): Promise<{ seq: number; checkpointSeq: number; superstep: number }> {
  const [stored] = await env.store.recordsAt(row.tenant, row.runId, [seq])
  const record = stored ? decodeRecord(stored) : null
  const point = record && pointOf(record)
  if (!point)
    throw new SignalboxError(
      'CHECKPOINT_NOT_FOUND',
      `record ${seq} of run \`${row.runId}\` is not a checkpoint or save point`,
    )
  // Its own timeline: it may lie on a branch that was left.
  const branches = (await readBranches(env, row.tenant, row.runId)).filter((branch) => branch.seq <= seq)
  const ranges = timelineRanges(seq, branches)
  const checkpoints = await env.store.records(row.tenant, row.runId, {
    types: CHECKPOINT_TYPES,
    through: seq,
  })
  const last = checkpoints.filter((one) => onTimeline(ranges, one.seq) && isCheckpoint(decodeRecord(one))).at(-1)
  return { seq, checkpointSeq: last?.seq ?? 1, superstep: point.superstep }
}

/** Questions that were open at the restore point are open again; those asked after it are taken back. */
async function settleRequests(
  env: Env,
  row: RunRow,
  run: LiveRun,
  target: { seq: number; checkpointSeq: number },
): Promise<void> {
  const { fold } = await loadFold(env, row, target.checkpointSeq, target.seq)
  const open = new Set(fold.checkpoint.requests.map((request) => request.request_id))
  for (const request of fold.opened) open.add(request.request_id)
  for (const activation of fold.activations.values())
    for (const { approval, questions } of activation.asks.values()) {
      if (approval && !approval.decided) open.add(approval.requested.approval_id)
      for (const question of questions) if (!question.answered) open.add(question.asked.question_id)
    }
  for (const request of await env.store.requests({ tenant: row.tenant, runId: row.runId, limit: 1_000 })) {
    if (open.has(request.id) && request.state !== 'open')
      run.with({ request: { ...request, state: 'open', decidedBy: null, decidedAt: null } })
    if (!open.has(request.id) && request.state === 'open') run.closeRequest(request.id, 'cancelled', null)
  }
}

/** Refuses with the difference in words when no definition of this process can go on from there. */
async function refuseChanged(env: Env, row: RunRow, target: { seq: number; checkpointSeq: number }): Promise<void> {
  const { fold } = await loadFold(env, row, target.checkpointSeq, target.seq)
  const refusal = await whyNot(env, row, fold, standingOf(env, row.workflow, fold.definition))
  if (refusal) throw refusal
}

/** What became of an open effect has to be known before its run goes back behind it (invariant 5). */
async function refuseOpenEffects(env: Env, row: RunRow): Promise<void> {
  const effects = await env.store.effects(row.tenant, row.runId)
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

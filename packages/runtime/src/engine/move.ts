import { SignalboxError } from '../base/errors.ts'
import type { CheckpointBody } from '../contracts/checkpoint.ts'
import type { ContentRef, ListRef } from '../contracts/common.ts'
import type { RunRecord } from '../contracts/records.ts'
import type { EffectRow, RunRow } from '../contracts/store.ts'
import { decodeRecord } from '../reliability/chain.ts'
import { type Ancestor, type Stretch, wayTo } from '../reliability/family.ts'
import { type AskJournal, isTerminalOutcome } from '../reliability/fold.ts'
import { openScopes } from '../reliability/fold-scopes.ts'
import { timelineRanges } from '../reliability/timeline.ts'
import { Contents } from './contents.ts'
import { openList } from './conversation.ts'
import { standingOf, whyNot } from './definitions.ts'
import type { Env } from './env.ts'
import { lastCheckpoint, type Loaded, loadFold, readAncestors, readBranches } from './load.ts'
import { refusePruned } from './pruned.ts'

/** A recorded event to which a run can be restored, or from which it can be forked: the run as it was there. */
export interface Point {
  readonly seq: number
  readonly record: RunRecord
  /** Hash of the record. */
  readonly head: string
  /** The last checkpoint at or before it on its own timeline, which may have been left. */
  readonly checkpointSeq: number
  /** State of the run right after the record, with the totals that it had then. */
  readonly was: Loaded
  readonly ancestors: readonly Ancestor[]
}

/** Finds a point. Throws CHECKPOINT_NOT_FOUND. */
export async function findPoint(env: Pick<Env, 'store'>, row: RunRow, seq: number): Promise<Point> {
  refusePruned(row)
  const { tenant, runId } = row
  const [stored] = await env.store.recordsAt(tenant, runId, [seq])
  if (!stored || seq > row.seq)
    throw new SignalboxError(
      'CHECKPOINT_NOT_FOUND',
      `run \`${runId}\` has no record ${seq}; its last one is ${row.seq}`,
    )
  const ranges = timelineRanges(seq, await readBranches(env, tenant, runId))
  const checkpointSeq = await lastCheckpoint(env, row, ranges)
  const was = await loadFold(env, row, checkpointSeq, seq)
  const ancestors = await readAncestors(env, tenant, was.started)
  return { seq, record: decodeRecord(stored), head: stored.hash, checkpointSeq, was, ancestors }
}

/** The records that led to a point, over all runs of its family. */
export function wayToPoint(row: RunRow, point: Point): readonly Stretch[] {
  return wayTo({ run: row.runId, ranges: point.was.timeline, behind: point.checkpointSeq }, point.ancestors)
}

/** The first run of the family. */
export function rootOf(row: RunRow, point: Point): string {
  return point.was.started.parent?.root ?? row.runId
}

/** Effects whose intent is on record at a point and whose end is not. */
export function openAtPoint({ was }: Point): readonly AskJournal[] {
  const asks = [...was.fold.activations.values()].flatMap(({ asks }) => [...asks.values()])
  return asks.filter(({ intents, outcome }) => {
    const sent = intents.some((intent) => intent.proposal.effect !== 'none')
    return sent && (outcome === null || !isTerminalOutcome(outcome))
  })
}

/** Row of the ledger for an effect that is open at a point. */
export function rowOf(ask: AskJournal, rows: readonly EffectRow[]): EffectRow | undefined {
  return rows.findLast((row) =>
    ask.intents.some(
      (intent) =>
        row.runId === (intent.origin?.run ?? intent.run) && row.intentSeq === (intent.origin?.seq ?? intent.seq),
    ),
  )
}

/** Refuses with the difference in words when no definition of this process can go on from there. */
export async function refuseChanged(env: Env, row: RunRow, { was }: Point): Promise<void> {
  const refusal = await whyNot(env, row, was.fold, standingOf(env, row.workflow, was.fold.definition))
  if (refusal) throw refusal
}

/** Opens one content of each record that the work would go on from. Throws CONTENT_ERASED when any of it is gone. */
export async function refuseErased(env: Env, row: RunRow, point: Point): Promise<void> {
  const sealer = await env.vault.sealer(row.tenant, row.subject)
  // Nothing can be recorded for a subject whose key was destroyed.
  sealer.seal([''])
  const { tenant, runId } = row
  const contents = new Contents({ store: env.store, vault: env.vault, tenant, runId, sealer })
  const first = new Map<string, ContentRef>()
  for (const ref of neededRefs(point)) {
    const place = `${ref.r ?? runId}#${ref.s}`
    if (!first.has(place)) first.set(place, ref)
  }
  for (const ref of first.values()) await contents.read(ref)
  for (const session of sessionsAt(point)) await openList(contents, session)
}

/** Conversations that agents would go on with: a session that cannot be read whole refuses the move. */
function sessionsAt({ was: { fold } }: Point): readonly ListRef[] {
  const left = [...fold.activations.values()].flatMap(({ result }) => (result?.session ? [result.session] : []))
  const kept = [fold, ...openScopes(fold)].flatMap(({ checkpoint }) => Object.values(checkpoint.sessions ?? {}))
  return [...kept, ...left]
}

/** Contents that a handler or a barrier would read; of growing lists, those that the open superstep added. */
function neededRefs({ was }: Point): readonly ContentRef[] {
  const { started, fold } = was
  const refs: (ContentRef | null | undefined)[] = [
    started.input,
    ...[fold, ...openScopes(fold)].flatMap(({ checkpoint }) => checkpointRefs(checkpoint)),
  ]
  for (const { position, asks, result } of fold.activations.values()) {
    refs.push(position?.state, ...(position?.append.items ?? []))
    for (const { outcome } of asks.values()) refs.push(outcome?.result)
    refs.push(result?.message, result?.rejection, ...(result?.writes ?? []).map((write) => write.value))
  }
  return refs.filter((ref): ref is ContentRef => ref !== null && ref !== undefined)
}

function checkpointRefs({ state, queue, fan_in: fanIn, requests, outputs }: CheckpointBody): readonly ContentRef[] {
  const values = Object.values(state).filter((ref): ref is ContentRef => ref !== null && !isList(ref))
  const buffered = Object.values(fanIn).flatMap((sources) => Object.values(sources).flat())
  return [
    ...values,
    ...queue.map(({ message }) => message),
    ...buffered,
    ...requests.map(({ payload }) => payload),
    ...outputs.map(({ value }) => value),
  ]
}

function isList(ref: ContentRef | ListRef): ref is ListRef {
  return 'list' in ref
}

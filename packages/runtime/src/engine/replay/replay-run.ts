import { SignalboxError, toSignalboxError } from '../../base/errors.ts'
import type { ReplayDifference, RunReplay } from '../../contracts/replay.ts'
import type { RunRow } from '../../contracts/store.ts'
import { isEnded } from '../../reliability/run-machine.ts'
import { timelineRanges } from '../../reliability/timeline.ts'
import { Contents } from '../contents.ts'
import { changesOf, type Standing, standingOf, whyNot } from '../definitions.ts'
import type { Env } from '../env.ts'
import { loadFold, readBranches, readStarted } from '../load.ts'
import { refusePruned } from '../pruned.ts'
import { type Again, runAgain } from './again.ts'
import { type Compared, difference } from './asks.ts'
import { endDifference, responseDifference, stepsRefused, upgradeDifference } from './between.ts'
import { stepDifference } from './compare.ts'
import { Flips } from './flips.ts'
import { stretchesOf } from './history.ts'
import { ReplayHost } from './host.ts'
import { RecordedStep, type Stretch } from './journal.ts'

/** Counts over the stretches of one run. */
interface Tally {
  supersteps: number
  asks: number
  readonly flips: Flips
}

/**
 * Replays a stored run with the definitions of this process: each superstep is run again from the checkpoint before it
 * with the answers that are on record, and what it asks, saves, gives and leaves is compared. The door is shut: no model,
 * tool, person or store is reached. Of a run that was restored, the timeline that counts is replayed. Never throws for
 * what a run holds; the first difference ends it.
 */
export async function replayRun(env: Env, row: RunRow): Promise<RunReplay> {
  const base = {
    runId: row.runId,
    tenant: row.tenant,
    workflow: row.workflow,
    version: row.version,
    status: row.status,
  }
  try {
    refusePruned(row)
    return { ...base, ...(await replayed(env, row)) }
  } catch (thrown) {
    const { code, message } = toSignalboxError(thrown)
    return { ...base, ...NOTHING, end: 'skipped', why: { code, message } }
  }
}

type Found = Omit<RunReplay, 'runId' | 'tenant' | 'workflow' | 'version' | 'status'>

const NOTHING: Omit<Found, 'end' | 'why'> = {
  here: null,
  otherVersion: false,
  difference: null,
  changes: [],
  cannotGoOn: null,
  supersteps: 0,
  asks: 0,
  decisions: 0,
  flips: [],
  flipped: 0,
}

async function replayed(env: Env, row: RunRow): Promise<Found> {
  const started = await readStarted(env, row.tenant, row.runId)
  const sealer = await env.vault.sealer(row.tenant, row.subject)
  // Nothing can be done again for a subject whose key was destroyed.
  sealer.seal([''])
  const host = new ReplayHost(env.host, 0)
  const again: Again = { env: { ...env, host }, host, row, started, sealer }
  const tally: Tally = { supersteps: 0, asks: 0, flips: new Flips(env, started) }
  const timeline = timelineRanges(row.seq, await readBranches(env, row.tenant, row.runId))
  let first: Different | null = null
  for await (const stretch of stretchesOf(env, row, started, timeline)) {
    const found = await oneStretch(again, stretch, tally)
    // What another version did otherwise says nothing about what came after it.
    if (found && (!first || first.otherVersion)) first = found.otherVersion ? (first ?? found) : found
    if (first && !first.otherVersion) break
  }
  const { fold } = await loadFold(env, row, row.checkpointSeq, row.seq)
  const standing = standingOf(env, row.workflow, fold.definition)
  const here = standing.kind === 'missing' ? null : standing.spec
  const changes = here && standing.kind !== 'same' ? await changesOf(env, fold.definition, here) : []
  const { flips, supersteps, asks } = tally
  return {
    here: here?.version ?? null,
    end: first ? 'differs' : 'same',
    otherVersion: first?.otherVersion ?? false,
    difference: first?.difference ?? null,
    changes,
    why: null,
    cannotGoOn: isEnded(row.status) ? null : ((await whyItCannotGoOn(again, fold)) ?? divergence(first)),
    supersteps,
    asks,
    decisions: flips.decisions,
    flips: flips.told,
    flipped: flips.flipped,
  }
}

/** What would park an open run as soon as it goes on: its open superstep asks for something else than is on record. */
function divergence(first: Different | null): string | null {
  if (!first?.isOpen) return null
  const { kind, what } = first.difference
  return kind.startsWith('ask_') || kind === 'waits' ? `REPLAY_DIVERGED: ${what}` : null
}

/** Of an open run: what a fresh process with this build says when it takes it up. */
async function whyItCannotGoOn(again: Again, fold: Stretch['from']): Promise<string | null> {
  const { env, row } = again
  const standing = standingOf(env, row.workflow, fold.definition)
  const refusal = await whyNot(env, row, fold, standing)
  if (refusal) return `${refusal.code}: ${refusal.message}`
  return stepsRefused(again, { from: fold, records: [], closing: null, drops: [] }, standing)
}

/** A difference, and what of the run it lies in. */
interface Different {
  readonly difference: ReplayDifference
  /** The version that is here is not the one that the run was with there. */
  readonly otherVersion: boolean
  /** In the superstep that is still open. */
  readonly isOpen: boolean
}

async function oneStretch(again: Again, stretch: Stretch, tally: Tally): Promise<Different | null> {
  const { env, row, sealer } = again
  const standing = standingOf(env, row.workflow, stretch.from.definition)
  if (standing.kind === 'missing')
    throw new SignalboxError('WORKFLOW_UNKNOWN', `workflow \`${row.workflow}\` is not in this build`)
  const { spec } = standing
  const contents = new Contents({ store: env.store, vault: env.vault, tenant: row.tenant, runId: row.runId, sealer })
  await tally.flips.look(stretch, spec, contents)
  const { superstep } = stretch.from.checkpoint
  const difference = await stretchDifference(again, stretch, { contents, superstep, spec }, standing, tally)
  const otherVersion = spec.version !== stretch.from.definition.version
  return difference && { difference, otherVersion, isOpen: stretch.closing === null }
}

type Place = Pick<Compared, 'contents' | 'superstep' | 'spec'>

async function stretchDifference(
  again: Again,
  stretch: Stretch,
  place: Place,
  standing: Standing,
  tally: Tally,
): Promise<ReplayDifference | null> {
  const { closing } = stretch
  if (closing?.type === 'response.received') return responseDifference(again, stretch, closing, place)
  if (closing?.type === 'run.upgraded') return upgradeDifference(again, stretch, closing, place, standing)
  const worked = await superstepDifference(again, stretch, place, tally)
  if (worked || closing) return worked
  const ended = stretch.records.find((record) => record.type === 'run.completed')
  return ended ? endDifference(again, stretch, ended, place) : null
}

async function superstepDifference(
  again: Again,
  stretch: Stretch,
  place: Place,
  tally: Tally,
): Promise<ReplayDifference | null> {
  const recorded = new RecordedStep(stretch)
  const { queue } = stretch.from.checkpoint
  const begun = recorded.stretches.size > 0 || recorded.results.size > 0
  // At the head nothing may have begun yet: there is nothing to compare with.
  if (queue.length === 0 || (!stretch.closing && !begun)) return null
  const missing = queue.find(({ to }) => !place.spec.nodes.has(to))
  if (missing)
    return {
      ...difference(place, 'message', `a message waits for node \`${missing.to}\`, which is not here any more`),
      node: missing.to,
    }
  const ran = await runAgain(again, stretch, recorded, place.spec)
  tally.supersteps += 1
  tally.asks += ran.asked.length
  return stepDifference({ ...place, recorded, closed: stretch.closing !== null }, ran)
}

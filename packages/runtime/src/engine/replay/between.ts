import { toSignalboxError } from '../../base/errors.ts'
import { timeOf } from '../../base/time.ts'
import type { ContentRef } from '../../contracts/common.ts'
import type { ResponseReceived, RunRecord, RunUpgraded } from '../../contracts/records.ts'
import type { ReplayDifference } from '../../contracts/replay.ts'
import type { WorkflowSpec } from '../../contracts/workflow.ts'
import { closingOf } from '../ending.ts'
import { complete } from '../finish.ts'
import type { LiveRun } from '../live-run.ts'
import { takeResponses } from '../responses.ts'
import { rootScope } from '../scope.ts'
import { takeOver } from '../takeover.ts'
import type { Standing } from '../definitions.ts'
import { type Again, nothingInside, scratchRun } from './again.ts'
import { type Compared, difference } from './asks.ts'
import { checkpointDifference, outputDifference } from './compare.ts'
import type { Stretch } from './journal.ts'
import type { ReplayPort } from './port.ts'

/** Between supersteps nothing is asked. */
const SILENT: ReplayPort = { stretch: () => ({ asks: new Map(), outcomes: [] }), asked: () => undefined }

type Place = Pick<Compared, 'contents' | 'superstep' | 'spec'>

/** Does something between supersteps with a run that only this replay sees, and gives what it would have appended. */
async function made(
  again: Again,
  stretch: Stretch,
  definition: { readonly spec: WorkflowSpec; readonly standing: Standing },
  act: (run: LiveRun) => Promise<unknown> | unknown,
): Promise<{ readonly run: LiveRun; readonly records: readonly RunRecord[]; readonly parked: string | null }> {
  const run = scratchRun(again, stretch, definition, SILENT)
  const records: RunRecord[] = []
  const stop = run.env.hub.listen(run.runId, (item) => {
    if (item.kind === 'record') records.push(item.record)
  })
  try {
    await act(run)
    await run.flush()
    return { run, records, parked: run.halt?.kind === 'park' ? `${run.halt.code}: ${run.halt.detail}` : null }
  } finally {
    stop()
    run.unload()
  }
}

/** A port's answer, or its silence, sends the same messages as on record. */
export async function responseDifference(
  again: Again,
  stretch: Stretch,
  closing: ResponseReceived,
  place: Place,
): Promise<ReplayDifference | null> {
  const sent = sentBy(stretch, closing)
  // Not to be found when it reached a buffer that sent it on as part of a list.
  if (closing.answer === 'answered' && !sent) return null
  const value = sent && (await place.contents.read(sent))
  const { records, run, parked } = await made(again, stretch, here(place.spec), (scratch) => {
    again.host.set(timeOf(closing.at))
    const { request_id: requestId, by } = closing
    if (by) scratch.responses.push({ row: 0, requestId, by, text: JSON.stringify(value) })
    return takeResponses(rootScope(scratch, nothingInside))
  })
  const after = records.find((record) => record.type === 'response.received')
  const at = { node: closing.node, seq: closing.seq }
  const refused = `port \`${closing.node}\` no longer takes the answer of record ${closing.seq}`
  if (parked !== null || !after) return { ...difference(place, 'result', refused), ...at }
  const found = await checkpointDifference(place, closing.checkpoint, run.contents, after.checkpoint)
  return found && { ...found, ...at }
}

function sentBy(stretch: Stretch, { seq, checkpoint }: ResponseReceived): ContentRef | null {
  const queued = checkpoint.queue.map((one) => one.message)
  const outputs = checkpoint.outputs.map((one) => one.value)
  const held = Object.values(checkpoint.fan_in).flatMap((sources) => Object.values(sources).flat())
  const dropped = stretch.drops.map((one) => one.message)
  return [...queued, ...outputs, ...held, ...dropped].find((ref) => ref.s === seq && ref.i === 0) ?? null
}

/** The declared steps make the same checkpoint as on record; asked only of the very version that took over then. */
export async function upgradeDifference(
  again: Again,
  stretch: Stretch,
  closing: RunUpgraded,
  place: Place,
  standing: Standing,
): Promise<ReplayDifference | null> {
  if (standing.kind !== 'upgrade' || standing.spec.version !== closing.to.version || !closing.checkpoint) return null
  const { records, run, parked } = await made(again, stretch, { spec: standing.spec, standing }, (scratch) =>
    takeOver(scratch, 'replay'),
  )
  const after = records.find((record) => record.type === 'run.upgraded')
  const at = { seq: closing.seq }
  if (!after?.checkpoint) {
    const what = `the steps of record ${closing.seq} can no longer be taken${parked === null ? '' : ` (${parked.split(':')[0]})`}`
    return { ...difference(place, 'upgrade', what), ...at }
  }
  const found = await checkpointDifference(place, closing.checkpoint, run.contents, after.checkpoint)
  return found && { ...found, kind: 'upgrade', ...at }
}

/** Why declared steps cannot carry an open run from where it stands, or null; nothing is recorded. */
export async function stepsRefused(again: Again, stretch: Stretch, standing: Standing): Promise<string | null> {
  if (standing.kind !== 'upgrade') return null
  try {
    const { parked } = await made(again, stretch, { spec: standing.spec, standing }, (scratch) =>
      takeOver(scratch, 'replay'),
    )
    return parked
  } catch (thrown) {
    const { code, message } = toSignalboxError(thrown)
    return `${code}: ${message}`
  }
}

/** The run comes to the same output. */
export async function endDifference(
  again: Again,
  stretch: Stretch,
  ended: Extract<RunRecord, { type: 'run.completed' }>,
  place: Place,
): Promise<ReplayDifference | null> {
  const { records, run } = await made(again, stretch, here(place.spec), async (scratch) => {
    const root = rootScope(scratch, nothingInside)
    complete(root, await closingOf(root), ended.ending?.by === 'completion_event' ? 'completion_event' : 'completed')
  })
  return outputDifference(place, ended, run.contents, records)
}

function here(spec: WorkflowSpec): { readonly spec: WorkflowSpec; readonly standing: Standing } {
  return { spec, standing: { kind: 'same', spec } }
}

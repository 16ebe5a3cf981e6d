import { type SignalboxError, toSignalboxError } from '../../base/errors.ts'
import { timeOf } from '../../base/time.ts'
import type { RunRecord, RunStarted } from '../../contracts/records.ts'
import type { RunRow } from '../../contracts/store.ts'
import type { Sealer } from '../../contracts/vault.ts'
import type { WorkflowSpec } from '../../contracts/workflow.ts'
import { BudgetLedger } from '../../policy/index.ts'
import { appendBarrier } from '../barrier.ts'
import { outputsToJudge } from '../barrier-view.ts'
import { Committer } from '../committer.ts'
import { Contents } from '../contents.ts'
import type { Standing } from '../definitions.ts'
import type { Done } from '../done.ts'
import type { Env } from '../env.ts'
import { openHeld } from '../fan-in.ts'
import { Hub } from '../hub.ts'
import { LiveRun } from '../live-run.ts'
import { rootScope } from '../scope.ts'
import { openState } from '../state.ts'
import { Superstep } from '../superstep.ts'
import { type SeenAsk, seen } from './asks.ts'
import type { ReplayHost } from './host.ts'
import { freshFold, type RecordedStep, type Stretch } from './journal.ts'
import { overlayStore } from './overlay.ts'
import type { AskedAgain, ReplayPort } from './port.ts'
import { foldJudged } from '../../reliability/judged.ts'

/** What a replay of one run works with. */
export interface Again {
  /** With the store that is replayed, which only gives. */
  readonly env: Env
  readonly host: ReplayHost
  readonly row: RunRow
  readonly started: RunStarted
  readonly sealer: Sealer
}

/** What a superstep did when it was run again. */
export interface RanAgain {
  /** Calls that were asked for, in order. */
  readonly asked: readonly SeenAsk[]
  /** Activations that came to their end. */
  readonly done: readonly Done[]
  /** Records that the run would have appended, with what opens their contents. */
  readonly records: readonly RunRecord[]
  readonly contents: Contents
  /** Hosts that user code went out to by itself, with the place. */
  readonly outside: readonly { readonly activation: string | null; readonly host: string }[]
  /** Set when every activation ended: the barrier could be made. */
  readonly over: boolean
  /** Why it came to no end: a malfunction, or the failure of a node or of the barrier. */
  readonly broken: SignalboxError | null
}

/** A run in memory as it was at the beginning of a stretch, which nobody but this replay will ever see. */
export function scratchRun(
  again: Again,
  stretch: Stretch,
  definition: { readonly spec: WorkflowSpec; readonly standing: Standing },
  replay: ReplayPort,
): LiveRun {
  const { row, started, sealer, host } = again
  const store = overlayStore(again.env.store)
  const env: Env = { ...again.env, store, committer: new Committer(store, host, () => {}), hub: new Hub(), replay }
  const { tenant, runId } = row
  const contents = new Contents({ store, vault: env.vault, tenant, runId, sealer })
  host.set(timeOf(stretch.from.checkpointAt))
  const fold = { ...freshFold(stretch.from), status: 'running' as const }
  // What the chain made of a value is on record, and no element of it is asked again.
  for (const record of stretch.records) if (record.type === 'decision.recorded') foldJudged(fold, record)
  const never = { wallMs: Number.MAX_SAFE_INTEGER, monotonicMs: Number.MAX_SAFE_INTEGER }
  return new LiveRun({
    env,
    row,
    fold,
    ...definition,
    sealer,
    contents,
    budget: new BudgetLedger(started.budget, fold.checkpoint.spent),
    lease: never,
    timeline: [{ from: 1, through: Number.MAX_SAFE_INTEGER }],
    ancestors: [],
  })
}

/** Runs the superstep of a stretch again, with what is on record of it. The engine's own superstep and barrier do it. */
export async function runAgain(
  again: Again,
  stretch: Stretch,
  recorded: RecordedStep,
  spec: WorkflowSpec,
): Promise<RanAgain> {
  const asked: SeenAsk[] = []
  const replay = {
    stretch: recorded.stretch.bind(recorded),
    asked: (ask: AskedAgain) => void asked.push(seen(recorded, ask)),
  }
  const run = scratchRun(again, stretch, { spec, standing: { kind: 'same', spec } }, replay)
  const records: RunRecord[] = []
  const stop = run.env.hub.listen(run.runId, (item) => {
    if (item.kind === 'record') records.push(item.record)
  })
  const outside: { activation: string | null; host: string }[] = []
  const unwatch = run.env.outlet.onUnmediated(({ runId, activation }, host) => {
    if (runId === run.runId) outside.push({ activation, host })
  })
  try {
    const before = await openState(spec, run.fold.checkpoint, run.contents)
    const step = new Superstep(rootScope(run, nothingInside), before)
    step.start()
    await untilNothingGoesOn(run, step, again.host)
    let broken = step.failed?.error ?? brokenBy(run)
    if (step.isOver && !broken && recorded.closing) broken = await barrier(run, before, step)
    await run.flush()
    return { asked, outside, done: step.done, records, contents: run.contents, over: step.isOver, broken }
  } finally {
    stop()
    unwatch()
    run.unload()
  }
}

function brokenBy({ halt }: LiveRun): SignalboxError | null {
  return halt?.kind === 'park' ? toSignalboxError({ code: halt.code, message: halt.detail }) : null
}

async function untilNothingGoesOn(run: LiveRun, step: Superstep, host: ReplayHost): Promise<void> {
  for (;;) {
    await run.activity.whenQuiet()
    if (step.isOver || run.halt || !host.fire()) return
  }
}

async function barrier(
  run: LiveRun,
  before: Parameters<typeof appendBarrier>[1],
  step: Superstep,
): Promise<SignalboxError | null> {
  try {
    const root = rootScope(run, nothingInside)
    const held = await openHeld(root)
    const outputs = await outputsToJudge(root)
    const place = { runId: run.runId, activation: null, where: 'condition', mediated: false } as const
    run.env.outlet.runIn(place, () => appendBarrier(root, before, held, step, outputs))
    return null
  } catch (thrown) {
    return toSignalboxError(thrown, 'NODE_FAILED')
  }
}

/** A nested scope is answered from the record as one call: what lies in it is not run again. */
export function nothingInside(): Promise<never> {
  return Promise.reject(new Error('a replay enters no scope'))
}

import { toSignalboxError } from '../base/errors.ts'
import { timeOf } from '../base/time.ts'
import type { SegmentStarted } from '../contracts/records.ts'
import { isEnded } from '../reliability/run-machine.ts'
import { armTimeout, breakOff, closingOf, stopWhenTimedOut, wakeBefore } from './ending.ts'
import { announceStop, complete, openEffects, park, stop } from './finish.ts'
import { drainInbox } from './inbox.ts'
import { buildPart } from './build.ts'
import { type LiveRun, Unloaded } from './live-run.ts'
import { runScope } from './nested.ts'
import { inForceAt } from './chain.ts'
import { decideAt, passes } from './points.ts'
import { resumeOpenEffects } from './resume-effects.ts'
import { nearestDeadline, takeResponses } from './responses.ts'
import { isStoreTrouble } from './retry.ts'
import { rootScope, type Scope } from './scope.ts'
import { openState, type OpenState } from './state.ts'
import { closeSuperstep, nextMove, VERDICT_CODES } from './step.ts'
import { Superstep } from './superstep.ts'
import { pausedUntil, stopBySwitch } from './switches/standing.ts'
import { takeOver } from './takeover.ts'

/**
 * The superstep loop (ENGINE resume, R6): advances one run until it ends, waits or leaves this process. This is the one
 * loop for running, resuming, restoring and stopping; streams only watch it (invariant 1).
 */
export async function advance(run: LiveRun, worker: string, why: SegmentStarted['why']): Promise<void> {
  const stopTimer = armRuntimeLimit(run)
  const stopTimeout = armTimeout(run)
  try {
    startSegment(run, worker, why)
    restoreHalt(run)
    const root = rootScope(run, runScope)
    let state: OpenState | null = null
    // While the run goes on, its worker drains the inbox beside it; here it is read before anything is decided upon it.
    let look = true
    for (;;) {
      if (look || run.draining || run.halt || rests(run)) await drainInbox(run)
      look = false
      if (!rests(run)) {
        stopWhenTimedOut(run)
        stopBySwitch(run)
      }
      if (run.halt) {
        await settleHalt(root, worker)
        continue
      }
      if (rests(run)) {
        // Nobody waits for these answers any more; a parked run reads them when it goes on.
        if (isEnded(run.fold.status)) for (const { row } of run.responses.splice(0)) run.with({ consumed: row })
        if (await run.release(null)) return
        continue
      }
      if (await takeOver(run, worker)) continue
      if (await takeResponses(root)) {
        await run.flush()
        continue
      }
      // Released while running: another worker claims it at once.
      if (run.draining && (await run.release(null))) return
      switch (nextMove(root)) {
        case 'superstep':
          if (await standsStill(run, worker)) {
            look = true
            break
          }
          state ??= await openState(run.spec, run.fold.checkpoint, run.contents)
          state = await runSuperstep(root, state, worker)
          break
        case 'limit':
          stopAtLimit(run)
          break
        case 'wait':
          await waitForRequests(run, worker)
          look = true
          break
        case 'verdict':
          await endByContract(root)
          break
        default:
          complete(root, await closingOf(root), 'completed')
      }
    }
  } catch (thrown) {
    await lastResort(run, thrown)
  } finally {
    stopTimer()
    stopTimeout()
    run.unload()
  }
}

function stopAtLimit(run: LiveRun): void {
  const subject = String(run.fold.checkpoint.superstep)
  run.stopWith({
    kind: 'stop',
    end: 'stopped',
    reason: { kind: 'supersteps', code: 'SUPERSTEP_LIMIT', subject },
    by: null,
  })
}

/** Ends the run as its own contract said at the last barrier. */
async function endByContract(root: Scope): Promise<void> {
  const { run } = root
  const verdict = run.fold.checkpoint.mark?.verdict
  if (!verdict) return
  const { by, subject } = verdict
  if (by === 'completion_event') complete(root, await closingOf(root), by)
  else run.stopWith({ kind: 'stop', end: 'stopped', reason: { kind: by, code: VERDICT_CODES[by], subject }, by: null })
}

/** Nothing goes on any more, but what a person may order. */
function rests(run: LiveRun): boolean {
  return isEnded(run.fold.status) || run.fold.status === 'parked'
}

function startSegment(run: LiveRun, worker: string, why: SegmentStarted['why']): void {
  const idle = Math.max(0, run.env.host.now() - timeOf(run.fold.lastAt))
  run.fold.segment += 1
  run.append({
    type: 'segment.started' as const,
    worker,
    epoch: run.epoch,
    why,
    idle_ms: idle,
    ...buildPart(run.env, run.spec, run.fold.started),
  })
}

/** A run that was stopping when it left memory goes on stopping. */
function restoreHalt(run: LiveRun): void {
  const { stopping } = run.fold
  if (stopping) run.stopWith({ kind: 'stop', end: stopping.end, reason: stopping.reason, by: stopping.by })
}

/** Active time is a hard limit like the others; waiting for people does not count, because a waiting run is not here. */
function armRuntimeLimit(run: LiveRun): () => void {
  const { leftMs } = run.budget.runtime(run.activeMs())
  let cancel = run.env.host.after(leftMs, () => {
    // Waiting in memory moved the limit: look again when it can have come.
    if (!run.budget.runtime(run.activeMs()).passed) {
      cancel = armRuntimeLimit(run)
      return
    }
    run.stopWith({
      kind: 'stop',
      end: 'stopped',
      reason: { kind: 'budget', code: 'BUDGET_EXHAUSTED', subject: 'runtime' },
      by: null,
    })
    breakOff(run)
    run.waits.wakeAll(['approval', 'retry', 'switch', 'timer', 'request'])
  })
  return () => cancel()
}

async function runSuperstep(root: Scope, before: OpenState, worker: string): Promise<OpenState | null> {
  const { run } = root
  if (!(await passInput(run))) return before
  const step = new Superstep(root, before)
  step.start()
  await untilOver(run, step, worker)
  if (run.halt) return null
  if (step.failed) {
    const { node, error } = step.failed
    const kind = error.code === 'BUDGET_EXHAUSTED' ? 'budget' : error.code === 'POLICY_DENIED' ? 'denied' : 'failed'
    run.stopWith({ kind: 'stop', end: 'stopped', reason: { kind, code: error.code, subject: node }, by: null })
    return null
  }
  if (step.left) return null
  await closeSuperstep(root, step, before)
  return null
}

/** The input's verdict, once, before anything runs. */
async function passInput(run: LiveRun): Promise<boolean> {
  if (run.fold.checkpoint.superstep !== 0 || run.fold.activations.size > 0 || !inForceAt(run.env, 'input')) return true
  const { input } = run.fold.started
  const { decision } = await decideAt(run, 'input', {
    at: 'run',
    name: run.spec.name,
    agent: null,
    value: await run.contents.read(input),
    labels: input.l,
    fits: (value) => void run.spec.input.parse(value, 'the input'),
  })
  if (passes(decision)) return true
  run.stopWith({
    kind: 'stop',
    end: 'stopped',
    reason: { kind: 'denied', code: 'POLICY_DENIED', subject: 'input' },
    by: null,
  })
  return false
}

/**
 * Waits until what was started is over. When all of it waits for people or times, the run leaves memory; what arrives
 * at that very moment keeps it here (ENGINE R3, R7).
 */
async function untilOver(run: LiveRun, work: { readonly isOver: boolean }, worker: string): Promise<void> {
  for (;;) {
    await run.activity.whenQuiet()
    if (run.dead) throw new Unloaded()
    if (work.isOver) return
    if (mustPark(run)) return
    // What waits without having sent anything has nothing to be brought to its end.
    if (run.halt?.kind === 'stop' && openEffects(run).length === 0) return
    if (run.halt?.kind === 'stop') announceStop(run, run.halt)
    await drainInbox(run)
    // A cancellation that was just read wakes nobody who waits for a question: it must not be lost with the memory.
    const mustStop = run.halt?.kind === 'stop' && run.fold.status !== 'stopping'
    // While a slow store answered, what had waited may have gone on and come to its end.
    if (!run.activity.isQuiet || mustStop || work.isOver || mustPark(run)) continue
    if (run.activity.left && run.halt === null) {
      // Some wait and some stand at a position: the run is not waiting, and another worker goes on with it at once.
      if (await run.release(null)) throw new Unloaded()
      continue
    }
    if (run.responses.length > 0) {
      // A port was answered: its message travels after this superstep, so the run stays here until the others are done.
      if (run.draining) run.unload()
      await run.activity.whenBusy()
      continue
    }
    const { on, wakeAt } = run.waits.list()
    const wake = wakeBefore(run, wakeAt)
    run.append({ type: 'run.waiting' as const, on, wake_at: wake.iso })
    if (await run.release(wake.ms)) throw new Unloaded()
    startSegment(run, worker, 'wake')
  }
}

/** Asked anew after each wait: somebody may have found a reason meanwhile. */
function mustPark(run: LiveRun): boolean {
  return run.halt?.kind === 'park'
}

/** A paused run begins no superstep; it leaves memory until the pause is lifted or over. True when it came back. */
async function standsStill(run: LiveRun, worker: string): Promise<boolean> {
  if (!pausedUntil(run)) return false
  // A lift wakes a run before its worker has read of it: who is about to wait reads again first.
  await run.env.switches.readAgain().catch(() => undefined)
  const paused = pausedUntil(run)
  if (!paused) return false
  const wake = wakeBefore(run, paused.ms)
  run.append({ type: 'run.waiting' as const, on: [{ kind: 'switch' as const, id: paused.id }], wake_at: wake.iso })
  if (await run.release(wake.ms)) throw new Unloaded()
  startSegment(run, worker, 'wake')
  return true
}

async function waitForRequests(run: LiveRun, worker: string): Promise<void> {
  const nearest = wakeBefore(run, nearestDeadline(run)?.ms ?? null)
  const on = run.fold.checkpoint.requests.map(({ request_id: id, timer }) => ({
    kind: timer ? ('timer' as const) : ('request' as const),
    id,
  }))
  run.append({ type: 'run.waiting' as const, on, wake_at: nearest.iso })
  if (await run.release(nearest.ms)) throw new Unloaded()
  startSegment(run, worker, 'wake')
}

/** Nothing new starts: parks, or ends the run once no effect is open (ENGINE R19). */
async function settleHalt(root: Scope, worker: string): Promise<void> {
  const { run } = root
  const { halt } = run
  if (!halt) return
  if (halt.kind === 'park') {
    park(run, halt)
    return
  }
  const open = openEffects(run)
  if (open.length > 0) {
    announceStop(run, halt)
    const effects = await resumeOpenEffects(run, open)
    await untilOver(run, effects, worker)
    return
  }
  stop(run, halt.reason, { ...halt, closing: await closingOf(root) })
  run.halt = null
}

/** A malfunction outside any stage: the store's own trouble unloads (the lease runs out and another takes over), all else parks. */
async function lastResort(run: LiveRun, thrown: unknown): Promise<void> {
  if (thrown instanceof Unloaded || run.dead) return
  const error = toSignalboxError(thrown)
  if (isStoreTrouble(error.code)) {
    run.onLost(error)
    return
  }
  try {
    park(run, { kind: 'park', code: error.code, detail: error.message })
    await run.release(null)
  } catch {
    // Not even that could be saved: the run stops where it was (invariant 10).
  }
}

import { SignalboxError } from '../base/errors.ts'
import { type ContentRef, NO_AMOUNTS, type Principal } from '../contracts/common.ts'
import type {
  ActivityIntent,
  ActivityOutcome,
  Proposal,
  RecordBase,
  RunStopped,
  StepFailed,
  StopReason,
  TimerSet,
} from '../contracts/records.ts'
import { type AskJournal, isTerminalOutcome, openIntent, type OpenedByAsk } from '../reliability/fold.ts'
import { depthOf, openScopes } from '../reliability/fold-scopes.ts'
import { nodePath } from '../base/scope-id.ts'
import { recordDrops } from './barrier.ts'
import { type Closing, completedEnding, endingOf, outputOf } from './ending.ts'
import type { Halt, LiveRun } from './live-run.ts'
import type { Scope } from './scope.ts'

/** Effects that were sent and whose end is not known: no run ends over one (ENGINE R19). */
export function openEffects(run: LiveRun): readonly AskJournal[] {
  return [...run.fold.activations.values()].flatMap((activation) => [...activation.asks.values()]).filter(isOpenEffect)
}

function isOpenEffect(entry: AskJournal): boolean {
  const intent = openIntent(entry)
  if (!intent || intent.proposal.effect === 'none') return false
  return entry.outcome === null || !isTerminalOutcome(entry.outcome)
}

/** The run reached its output, or the end that its own contract declares. */
export function complete(root: Scope, closing: Closing, by: 'completed' | 'completion_event'): void {
  const { run } = root
  const last = lastOutput(run)
  const partial = by === 'completion_event' && last === null ? outputOf(root, closing) : null
  if (last === null && partial === null) {
    const kind = by === 'completed' ? ({ kind: 'failed', code: 'NODE_FAILED' } as const) : NO_OUTPUT
    stop(run, { ...kind, subject: 'no output was reached' }, { end: 'stopped', by: null, closing })
    return
  }
  const ending = completedEnding(run, by, closing)
  closeRequests(run)
  closeCalls(run)
  dropHeld(root)
  run.append((put) => ({
    type: 'run.completed' as const,
    // One of the two is there: looked at above.
    output: last ?? (partial && put(partial.value, partial.labels)),
    decision: null,
    ending,
    ...nearMisses(run),
  }))
}

/** Limits that the run came close to. */
function nearMisses({ budget }: LiveRun): { readonly near_misses?: readonly string[] } {
  const limits = budget.nearMisses()
  return limits.length > 0 ? { near_misses: limits } : {}
}

const NO_OUTPUT = { kind: 'completion_event', code: 'NO_OUTPUT' } as const

/** What fan-ins still hold when nothing more can come reached nobody (invariant 9). */
export function dropHeld(scope: Scope): void {
  const { superstep, fan_in: held } = scope.state.checkpoint
  for (const [edge, sources] of Object.entries(held))
    for (const [from, refs] of Object.entries(sources)) {
      const drops = refs.map((ref) => ({ from, edge, reason: 'fan_in_incomplete' as const, ref }))
      recordDrops(scope, superstep, drops, scope.state.checkpointSeq)
    }
}

/** Ends the run before its output, with what was left undone; or waits, stopping, while an effect is open. */
export function stop(
  run: LiveRun,
  reason: StopReason,
  how: {
    readonly end: 'stopped' | 'cancelled' | 'terminated'
    readonly by: Principal | null
    readonly closing: Closing
  },
): void {
  const { end, by, closing } = how
  const ending = endingOf(run, reason, closing)
  const inside = undoneInside(run)
  closeRequests(run)
  closeCalls(run)
  const { queue, requests, fan_in: held } = run.fold.checkpoint
  const waiting = run.spec.edges.flatMap((edge) => (edge.kind === 'fan_in' && held[edge.id] ? [edge.to] : []))
  const nodes = [...queue.map(({ to }) => to), ...requests.map(({ node }) => node), ...waiting, ...inside]
  run.append((put): Omit<RunStopped, keyof RecordBase> => {
    const partial = closing.partial && put(closing.partial.value, closing.partial.labels)
    return {
      type: `run.${end}`,
      reason,
      by,
      partial: partial ?? lastOutput(run),
      undone: [...new Set(nodes)],
      ending,
      ...nearMisses(run),
    }
  })
  run.with({ code: reason.code })
}

/** What nested scopes leave undone, each node with those around it. */
function undoneInside(run: LiveRun): readonly string[] {
  return openScopes(run.fold)
    .toReversed()
    .flatMap(({ id, checkpoint: { queue, requests } }) =>
      [...queue.map(({ to }) => to), ...requests.map(({ node }) => node)].map((node) => nodePath(id, node)),
    )
}

/** Stands still until a person acts (invariant 2). */
export function park(run: LiveRun, halt: Extract<Halt, { kind: 'park' }>): void {
  const parked = { type: 'run.parked' as const, code: halt.code }
  try {
    run.append((put) => ({ ...parked, detail: put(halt.detail) }))
  } catch (thrown) {
    // Nothing can be sealed any more when the subject's key was destroyed; the run parks all the same.
    if (!(thrown instanceof SignalboxError && thrown.code === 'CONTENT_ERASED')) throw thrown
    run.append({ ...parked, detail: null })
  }
  run.with({ code: halt.code })
  run.halt = null
}

/** Says that the run stops, before what is open is brought to its end. */
export function announceStop(run: LiveRun, halt: Extract<Halt, { kind: 'stop' }>): void {
  if (run.fold.status === 'stopping') return
  run.append({ type: 'run.stopping' as const, reason: halt.reason, end: halt.end, by: halt.by })
  run.with({ code: halt.reason.code })
}

function lastOutput(run: LiveRun): ContentRef | null {
  return run.fold.checkpoint.outputs.at(-1)?.value ?? null
}

/**
 * Reads, model calls, timers, requests and steps that nobody asks again: their end is put on record here, and what
 * was reserved for them is charged (invariants 6 and 15). No effect is among them (ENGINE R19).
 */
function closeCalls(run: LiveRun): void {
  // What lies in a nested scope comes before the scope, which its own end closes.
  const inwards = [...run.fold.activations.values()].sort((a, b) => depthOf(b.scope) - depthOf(a.scope))
  for (const activation of inwards)
    for (const entry of activation.asks.values()) {
      const { outcome, timer, request, failures } = entry
      // An attempt that was to be followed by another one is settled already.
      const intent = openIntent(entry)
      const asked = intent ?? timer ?? request?.opened ?? failures.at(-1) ?? entry.intents.at(-1) ?? outcome
      if (asked?.proposal && (outcome === null || outcome.retry)) closeCall(run, asked, asked.proposal, intent)
    }
}

function closeCall(
  run: LiveRun,
  asked: Pick<ActivityIntent | ActivityOutcome | TimerSet | OpenedByAsk | StepFailed, 'ask' | 'seq'>,
  proposal: Proposal,
  intent: ActivityIntent | null,
): void {
  run.append(
    {
      type: 'activity.outcome' as const,
      ask: asked.ask,
      kind: proposal.kind,
      name: proposal.name,
      class: proposal.class,
      effect: proposal.effect,
      agent: proposal.agent,
      status: 'cancelled' as const,
      code: 'CANCELLED',
      result: null,
      effect_hash: null,
      effect_id: intent?.effect_id ?? null,
      idempotency_key: intent?.idempotency_key ?? null,
      settled: intent?.reserved ?? NO_AMOUNTS,
      usage: null,
      price: null,
      latency_ms: 0,
      ledger: null,
      resolved_by: null,
      proposal: intent ? null : proposal,
      decision: null,
      approval_id: intent?.approval_id ?? null,
    },
    asked.seq,
  )
}

/** Questions of the run that nobody needs to answer any more. */
function closeRequests(run: LiveRun): void {
  // A timer asks nobody.
  for (const { checkpoint, opened } of [run.fold, ...run.fold.scopes.values()])
    for (const request of [...checkpoint.requests, ...opened])
      if (!request.timer) run.closeRequest(request.request_id, 'cancelled', null)
  for (const activation of run.fold.activations.values())
    for (const entry of activation.asks.values()) closeAsked(run, entry)
}

function closeAsked(run: LiveRun, { approval, request, questions, outcome }: AskJournal): void {
  // An ask that ended asks nobody any more: its questions were closed by what ended it.
  if (outcome && isTerminalOutcome(outcome)) return
  if (approval && !approval.decided) run.closeRequest(approval.requested.approval_id, 'cancelled', null)
  if (request && !request.answered) run.closeRequest(request.opened.request.request_id, 'cancelled', null)
  for (const { asked, answered } of questions) if (!answered) run.closeRequest(asked.question_id, 'cancelled', null)
}

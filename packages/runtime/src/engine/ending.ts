import { canonicalJson, type JsonValue } from '../base/json.ts'
import { isoTime, timeOf } from '../base/time.ts'
import type { Labels } from '../contracts/common.ts'
import type { EndedBy, EndingRecord, LeftUndone } from '../contracts/ending.ts'
import type { StopReason } from '../contracts/records.ts'
import { declaredUndone, partialOf } from '../orchestration/index.ts'
import { nodePath } from '../base/scope-id.ts'
import type { WorkflowSpec } from '../contracts/workflow.ts'
import { type AskJournal, isTerminalOutcome } from '../reliability/fold.ts'
import { openScopes } from '../reliability/fold-scopes.ts'
import type { ScopeState } from '../reliability/run-fold.ts'
import { viewOf } from './barrier-view.ts'
import type { LiveRun } from './live-run.ts'
import { decideAt, passes } from './points.ts'
import { type Scope, specInside } from './scope.ts'
import { openState } from './state.ts'

/** What the termination contract tells of the run at its end. */
export interface Closing {
  /** What there is of a result; null when the contract does not say, cannot say, or policy lets nobody see it. */
  readonly partial: { readonly value: JsonValue; readonly labels: Labels } | null
  readonly told: readonly LeftUndone[]
}

/**
 * Asks the termination contract what there is of a result and what is left undone, from the last barrier. These functions
 * describe and decide nothing: one that throws, contents that were erased or a policy that breaks down leave a part of
 * the ending untold, and never keep a run from ending.
 */
export async function closingOf(scope: Scope): Promise<Closing> {
  const { run, spec, state } = scope
  const { partial, leftUndone } = spec.termination
  const told: LeftUndone[] = []
  let value: Closing['partial'] = null
  if (partial !== null)
    value = await orNull(told, 'partial', async () => {
      const { values, labels } = await openState(spec, state.checkpoint, run.contents)
      const view = await viewOf(scope, values)
      return await passed(run, spec, { value: outside(run, () => partialOf(partial, view.state)), labels })
    })
  if (leftUndone !== null) {
    const named = await orNull(told, 'leftUndone', async () => {
      const { values } = await openState(spec, state.checkpoint, run.contents)
      const view = await viewOf(scope, values)
      return outside(run, () => declaredUndone(leftUndone, view))
    })
    for (const what of named ?? []) told.push({ what, why: 'declared' })
  }
  return { partial: value, told }
}

async function orNull<T>(told: LeftUndone[], what: string, tell: () => Promise<T>): Promise<T | null> {
  try {
    return await tell()
  } catch {
    told.push({ what, why: 'not_told' })
    return null
  }
}

/** The contract's functions are user code, and have no business outside. */
function outside<T>(run: LiveRun, call: () => T): T {
  return run.env.outlet.runIn({ runId: run.runId, activation: null, where: 'condition', mediated: false }, call)
}

/** A partial result leaves the run as an output does, and is judged like one. */
async function passed(
  run: LiveRun,
  spec: WorkflowSpec,
  partial: NonNullable<Closing['partial']>,
): Promise<Closing['partial']> {
  const fits = (value: JsonValue) => void spec.output.parse(value, 'the output')
  const subject = { at: 'partial', name: 'partial', agent: null, ...partial, fits }
  const { decision, value, labels } = await decideAt(run, 'output', subject)
  return passes(decision) ? { value, labels } : null
}

/** The contract's partial result, where it is an output of the workflow. */
export function outputOf({ spec }: Scope, { partial }: Closing): Closing['partial'] {
  if (partial === null) return null
  try {
    return { ...partial, value: spec.output.parse(partial.value, 'the output') }
  } catch {
    return null
  }
}

const BY: Readonly<Record<Exclude<StopReason['kind'], 'budget'>, EndedBy>> = {
  failed: 'failure',
  rejected: 'rejected',
  denied: 'denied',
  person: 'person',
  supersteps: 'supersteps',
  deadline: 'deadline',
  unmediated: 'unmediated',
  completion_event: 'completion_event',
  timeout: 'timeout',
  loop: 'loop',
  quality: 'quality',
}

/** The ending of a run that stops for this reason. Called before what is open is closed. */
export function endingOf(run: LiveRun, reason: StopReason, { told }: Closing): EndingRecord {
  const limit = reason.kind === 'budget' ? limitOf(run, reason) : null
  const by = reason.kind === 'budget' ? (limit === 'turns' ? 'max_turns' : 'budget') : BY[reason.kind]
  const cycle = reason.kind === 'loop' ? run.fold.checkpoint.mark?.verdict?.cycle : undefined
  return {
    by,
    code: reason.code,
    subject: limit ?? reason.subject,
    left_undone: unique([...undoneAt(run), ...told]),
    ...totals(run),
    ...(cycle ? { cycle } : {}),
  }
}

/** The ending of a run that reached its output, or the end that its own contract declares. */
export function completedEnding(run: LiveRun, by: 'completed' | 'completion_event', { told }: Closing): EndingRecord {
  return { by, code: null, subject: null, left_undone: unique([...undoneAt(run), ...told]), ...totals(run) }
}

function totals(run: LiveRun): Pick<EndingRecord, 'turns' | 'cost_nano_usd'> {
  const { turns, cost_nano_usd } = run.budget.spent
  return { turns, cost_nano_usd }
}

/** Limits of a budget as a reason names them. */
const LIMITS: ReadonlySet<string> = new Set(['turns', 'tool_calls', 'tokens', 'cost', 'runtime'])

/** Which limit it was: the reason's own, else that of the last call that the budget refused. */
function limitOf(run: LiveRun, { subject }: StopReason): string | null {
  if (subject !== null && LIMITS.has(subject)) return subject
  const refused = asksOf(run).flatMap(({ outcome }) => (outcome?.status === 'refused' ? [outcome] : []))
  return refused.sort((a, b) => a.seq - b.seq).at(-1)?.limits?.[0] ?? null
}

function asksOf(run: LiveRun): readonly AskJournal[] {
  return [...run.fold.activations.values()].flatMap((activation) => [...activation.asks.values()])
}

/** What the records tell of what is open, in the run and in its nested scopes. */
function undoneAt(run: LiveRun): LeftUndone[] {
  const begun = new Set(asksOf(run).map(({ ask }) => ask.node))
  for (const { result } of run.fold.activations.values()) if (result) begun.add(result.node)
  const inside = openScopes(run.fold).flatMap((scope) =>
    undoneIn(scope, specInside(run.spec, run.fold, scope.id), begun, (node) => nodePath(scope.id, node)),
  )
  return [...undoneIn(run.fold, run.spec, begun, (node) => node), ...inside, ...asksOf(run).flatMap(openOf)]
}

function undoneIn(
  { checkpoint, opened }: ScopeState,
  { edges }: Pick<WorkflowSpec, 'edges'>,
  begun: ReadonlySet<string>,
  path: (node: string) => string,
): LeftUndone[] {
  const { queue, requests, fan_in: held } = checkpoint
  const waiting = edges.flatMap((edge) => (edge.kind === 'fan_in' && held[edge.id] ? [edge.to] : []))
  return [
    ...queue.map(({ to }): LeftUndone => ({ what: path(to), why: begun.has(to) ? 'unfinished' : 'message_waiting' })),
    ...waiting.map((to): LeftUndone => ({ what: path(to), why: 'fan_in_incomplete' })),
    ...[...requests, ...opened].map(
      ({ node, timer }): LeftUndone => ({ what: path(node), why: timer ? 'timer_running' : 'request_open' }),
    ),
  ]
}

function openOf({ approval, questions, outcome, ask, intents }: AskJournal): LeftUndone[] {
  // What the stop itself ended was open until then.
  const cancelled = outcome?.status === 'cancelled'
  if (outcome && cancelled && outcome.code === 'EFFECT_UNKNOWN') return [{ what: outcome.name, why: 'effect_unknown' }]
  if (outcome && isTerminalOutcome(outcome) && !cancelled) return []
  const what = approval?.requested.proposal.name ?? intents.at(-1)?.proposal.name ?? ask.node
  const open: LeftUndone[] = []
  if (approval && (approval.decided?.answer ?? 'cancelled') === 'cancelled') open.push({ what, why: 'approval_open' })
  if (questions.some(({ answered }) => !answered)) open.push({ what, why: 'question_open' })
  return open
}

function unique(all: readonly LeftUndone[]): LeftUndone[] {
  return [...new Map(all.map((one) => [canonicalJson(one), one])).values()]
}

/** When the run's own time is over, in ms since 1970; null when it has none. Waiting counts, and so does downtime. */
export function timeoutAt(run: LiveRun): number | null {
  const { timeoutSeconds } = run.spec.termination
  return timeoutSeconds === null ? null : timeOf(run.fold.since) + timeoutSeconds * 1_000
}

/** Nothing new starts once the run's own time is over. */
export function stopWhenTimedOut(run: LiveRun): void {
  const at = timeoutAt(run)
  if (at === null || run.env.host.now() < at) return
  const seconds = run.spec.termination.timeoutSeconds
  const reason = { kind: 'timeout', code: 'RUN_TIMEOUT', subject: `${seconds} s` } as const
  run.stopWith({ kind: 'stop', end: 'stopped', reason, by: null })
}

/** Ends the run at its time although a call is under way: that is broken off, and an effect of it is looked up. */
export function armTimeout(run: LiveRun): () => void {
  const at = timeoutAt(run)
  if (at === null) return () => undefined
  return run.env.host.after(Math.max(0, at - run.env.host.now()), () => {
    stopWhenTimedOut(run)
    breakOff(run)
    run.waits.wakeAll(['approval', 'retry', 'switch', 'timer', 'request'])
  })
}

/** Breaks calls off at a limit. A run that is stopping already only looks up what became of its effects (invariant 5). */
export function breakOff(run: LiveRun): void {
  if (run.fold.status !== 'stopping') run.abort.abort()
}

/** The earlier of a wait's own time and the run's. */
export function wakeBefore(
  run: LiveRun,
  wakeAt: number | null,
): { readonly ms: number | null; readonly iso: string | null } {
  const times = [wakeAt, timeoutAt(run)].filter((one) => one !== null)
  const ms = times.length === 0 ? null : Math.min(...times)
  return { ms, iso: ms === null ? null : isoTime(ms) }
}

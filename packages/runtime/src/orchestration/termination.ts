import { z } from 'zod'
import { SignalboxError } from '../base/errors.ts'
import { type JsonObject, type JsonValue, toJsonValue } from '../base/json.ts'
import type {
  BarrierMark,
  BarrierVerdict,
  BarrierView,
  EscalationCause,
  QualityVerdict,
  TerminationSpec,
} from '../contracts/ending.ts'
import { sourcesOf, type WorkflowSpec } from '../contracts/workflow.ts'

/**
 * The termination contract: what ends a run besides its output, its budget and people. Judged at each barrier by pure
 * functions, so that a run that is taken up again, restored or forked comes to the same verdict.
 */

/** What an escalation sends to its node instead of stopping the run. */
export const ESCALATION = z.object({
  cause: z.enum(['loop', 'quality']),
  /** The quality check's name, or `loop`. */
  name: z.string(),
  /** A plain sentence. */
  reason: z.string(),
  superstep: z.int(),
  /** Model calls so far. */
  turns: z.int(),
  /** The nodes of the loop, in order; empty for a quality check. */
  cycle: z.array(z.string()),
  /** What `partial` makes of the state; the whole state where there is no `partial`. */
  state: z.unknown(),
  /** The messages that were not delivered because of this. */
  waiting: z.array(z.object({ to: z.string(), message: z.unknown() })),
})

/** A workflow without a contract and without a loop. */
export const NO_TERMINATION: TerminationSpec = {
  until: null,
  timeoutSeconds: null,
  loop: null,
  quality: null,
  partial: null,
  leftUndone: null,
}

/** Settings of the loop detector where the workflow says nothing: generous, and only for a state that stays as it is. */
export const DEFAULT_LOOP = { repeats: 10, window: 16 } as const

/** True when a message can come back to a node that sent it: only then can a run repeat itself. */
export function hasLoop(spec: Pick<WorkflowSpec, 'edges' | 'rejected' | 'failed'>): boolean {
  const next = new Map<string, Set<string>>()
  const connect = (from: string, to: string): unknown => next.set(from, (next.get(from) ?? new Set()).add(to))
  for (const edge of spec.edges) {
    const targets = edge.kind === 'switch' ? edge.cases.map((one) => one.to) : edge.to
    for (const from of sourcesOf(edge)) for (const to of [targets].flat()) connect(from, to)
  }
  for (const [from, to] of [...spec.rejected, ...spec.failed]) connect(from, to)
  const reaches = (from: string, goal: string, seen: Set<string>): boolean =>
    [...(next.get(from) ?? [])].some((to) => to === goal || (!seen.has(to) && reaches(to, goal, seen.add(to))))
  return [...next.keys()].some((name) => reaches(name, name, new Set()))
}

/** The nodes to which a contract may escalate, with the cause. */
export function escalationsOf({ loop, quality }: Pick<TerminationSpec, 'loop' | 'quality'>): readonly {
  readonly cause: EscalationCause
  readonly to: string
}[] {
  const one = (cause: EscalationCause, to: string | null | undefined): { cause: EscalationCause; to: string }[] =>
    to == null ? [] : [{ cause, to }]
  return [...one('loop', loop?.escalateTo), ...one('quality', quality?.escalateTo)]
}

/** Digests of what makes a situation: keyed, so that nothing of the values can be guessed (ENGINE R16). */
export interface Digests {
  readonly of: (value: JsonValue) => string
  /** Of the value of a field; equal for equal values. */
  readonly field: (name: string) => string
  /** Of the conversations that nodes keep. */
  readonly sessions: () => readonly string[]
}

/** What a barrier comes to: what is kept of it, and the message of an escalation. */
export interface Judged {
  /** Null where nothing has to be kept. */
  readonly mark: BarrierMark | null
  readonly escalation: { readonly to: string; readonly cause: EscalationCause; readonly message: JsonValue } | null
}

/**
 * Judges a barrier by the contract. Pure. Throws TERMINATION_FAILED naming the function that threw or gave something
 * else than it declares: the run then parks, and never goes on as if nothing had been asked (invariant 2).
 */
export function judgeBarrier(
  spec: Pick<WorkflowSpec, 'termination' | 'fields'>,
  view: BarrierView,
  before: BarrierMark,
  digests: Digests,
): Judged {
  const { until, loop, quality } = spec.termination
  if (until === null && loop === null && quality === null) return { mark: null, escalation: null }
  const { verdict: _last, ...kept } = before
  const judged = quality === null ? kept : qualityAfter(quality, view, kept)
  const seen = loop === null || view.queue.length === 0 ? null : seenAfter(spec, loop, view, kept, digests)
  const mark: BarrierMark = { ...judged, ...(seen === null ? {} : { seen }) }
  const found = untilVerdict(until, view) ?? qualityVerdict(quality, mark) ?? loopVerdict(loop, kept, seen)
  if (found === null) return { mark, escalation: null }
  return concluded(spec.termination, view, mark, found)
}

/** Calls a function of the contract. Throws TERMINATION_FAILED with its name; what it threw is content and stays out. */
function called<T>(name: string, call: () => T): T {
  try {
    return call()
  } catch (cause) {
    throw failure(`\`termination.${name}\` threw`, cause)
  }
}

function failure(text: string, cause?: unknown): SignalboxError {
  return new SignalboxError('TERMINATION_FAILED', text, cause === undefined ? {} : { cause })
}

function untilVerdict(until: TerminationSpec['until'], view: BarrierView): BarrierVerdict | null {
  if (until === null) return null
  // Callers without types may give anything.
  const over: unknown = called('until', () => until(view))
  if (typeof over !== 'boolean') throw failure('`termination.until` must give true or false')
  return over ? { by: 'completion_event', subject: null } : null
}

type Quality = NonNullable<TerminationSpec['quality']>
type Loop = NonNullable<TerminationSpec['loop']>

function qualityAfter(quality: Quality, view: BarrierView, kept: BarrierMark): BarrierMark {
  const given: QualityVerdict | undefined = called('quality.check', () => quality.check(view))
  if (given === null) return kept
  const { verdict, score } = typeof given === 'object' ? given : { verdict: given, score: undefined }
  if ((verdict !== 'pass' && verdict !== 'fail') || (score !== undefined && !Number.isFinite(score)))
    throw failure("`termination.quality.check` must give 'pass', 'fail', { verdict, score } or null")
  const { score: _old, ...rest } = kept
  const failed = verdict === 'pass' ? 0 : (kept.failed ?? 0) + 1
  return { ...rest, failed, ...(score === undefined ? {} : { score }) }
}

function qualityVerdict(quality: TerminationSpec['quality'], mark: BarrierMark): BarrierVerdict | null {
  if (quality === null || (mark.failed ?? 0) < quality.failures) return null
  return { by: 'quality', subject: quality.name }
}

type Seen = NonNullable<BarrierMark['seen']>

/** The situations after this one: it moves to the end with its count raised; the oldest beyond the window is forgotten. */
function seenAfter(
  { fields }: Pick<WorkflowSpec, 'fields'>,
  loop: Loop,
  view: BarrierView,
  kept: BarrierMark,
  digests: Digests,
): Seen {
  const to = [...new Set(view.queue.map((message) => message.to))]
  const d = digests.of(situation(fields, loop, view, digests))
  const known = kept.seen?.find((one) => one.d === d)
  const others = (kept.seen ?? []).filter((one) => one.d !== d)
  return [...others, { d, n: (known?.n ?? 0) + 1, to }].slice(-loop.window)
}

/**
 * What has to be the same for a situation to count as the same. With `of` the nodes that run next and what it gives;
 * else the messages and the owned fields. The detector that nobody declared asks for more: every field and every kept
 * conversation must be as it was.
 */
function situation(fields: WorkflowSpec['fields'], loop: Loop, view: BarrierView, digests: Digests): JsonValue {
  const { of } = loop
  if (of !== null) return [view.queue.map(({ to }) => to), called('loop.of', () => of(view))]
  const counted = [...fields.values()].filter((field) => !loop.declared || field.kind === 'owned')
  const state = counted.map(({ name }) => (Object.hasOwn(view.state, name) ? digests.field(name) : null))
  const kept = loop.declared ? [] : digests.sessions()
  return [view.queue.map(({ to, message }) => [to, message]), state, kept]
}

function loopVerdict(loop: TerminationSpec['loop'], kept: BarrierMark, seen: Seen | null): BarrierVerdict | null {
  const last = seen?.at(-1)
  if (loop === null || last === undefined || last.n < loop.repeats) return null
  // Since it came about last time, everything after it in the list before came about too: those are the nodes between.
  const at = kept.seen?.findIndex((one) => one.d === last.d) ?? -1
  const cycle = at < 0 ? [last] : (kept.seen ?? []).slice(at)
  return { by: 'loop', subject: `${last.n} times`, cycle: [...new Set(cycle.flatMap((one) => one.to))] }
}

/** The end, or the one escalation of its cause. */
function concluded(
  termination: TerminationSpec,
  view: BarrierView,
  mark: BarrierMark,
  verdict: BarrierVerdict,
): Judged {
  const { by } = verdict
  const stands = { mark: { ...mark, verdict }, escalation: null }
  if (by === 'completion_event' || mark.escalated?.includes(by)) return stands
  const target = escalationsOf(termination).find((one) => one.cause === by)
  if (target === undefined) return stands
  const { failed: _failed, seen: _seen, ...rest } = mark
  const escalated = [...(mark.escalated ?? []), by]
  return {
    mark: { ...rest, escalated, verdict: { ...verdict, escalated_to: target.to } },
    escalation: { ...target, message: escalationMessage(termination, view, mark, verdict, by) },
  }
}

function escalationMessage(
  termination: TerminationSpec,
  view: BarrierView,
  mark: BarrierMark,
  verdict: BarrierVerdict,
  cause: EscalationCause,
): JsonValue {
  const name = termination.quality && cause === 'quality' ? termination.quality.name : 'loop'
  const cycle = verdict.cycle ?? []
  const reason =
    cause === 'quality'
      ? `the check \`${name}\` failed ${mark.failed ?? 0} times in a row`
      : `the same situation came about ${verdict.subject ?? ''} at ${cycle.map((one) => `\`${one}\``).join(', ')}`
  const waiting = view.queue.map(({ to, message }) => ({ to, message }))
  const { superstep, turns } = view
  const state = termination.partial === null ? view.state : partialOf(termination.partial, view.state)
  return { cause, name, reason, superstep, turns, cycle: [...cycle], state, waiting }
}

/** What the contract makes of the state as a partial result. Throws TERMINATION_FAILED. */
export function partialOf(partial: NonNullable<TerminationSpec['partial']>, state: JsonObject): JsonValue {
  return called('partial', () => toJsonValue(partial(state), 'the partial result'))
}

/** What the contract says is left undone. Throws TERMINATION_FAILED. */
export function declaredUndone(
  leftUndone: NonNullable<TerminationSpec['leftUndone']>,
  view: BarrierView,
): readonly string[] {
  const named: unknown = called('leftUndone', () => leftUndone(view))
  if (!Array.isArray(named) || named.some((one) => typeof one !== 'string'))
    throw failure('`termination.leftUndone` must give a list of texts')
  // Every item was just seen to be a text.
  return named as readonly string[]
}

import { z } from 'zod'
import type { JsonValue } from '../../base/json.ts'
import { REJECTION } from '../rejection.ts'
import {
  type Course,
  PLAN_REVIEW,
  planAsked,
  planOf,
  type ProgressLedger,
  progressAsked,
  type STOPPED_BY,
  stepText,
  type TaskLedger,
} from './magentic-ledger.ts'

/**
 * What the manager of a magentic workflow does next: one pure function a phase, from the ledgers and the message that
 * the phase waited for to the ledgers after it and the node that is asked next. It does no I/O and asks no model.
 */

/** The limits of the work. */
export interface MagenticLimits {
  readonly maxRounds: number
  readonly maxStalls: number
  readonly maxResets: number
  readonly maxRejections: number
  /** True when a person looks at each plan before it is followed. */
  readonly planReview: boolean
}

/** What the manager knows. */
export interface Ledgers {
  readonly task: TaskLedger | null
  readonly progress: ProgressLedger | null
  readonly course: Course
}

/** What a step of the manager changes, says to all, and asks next. */
export interface Move {
  readonly task?: TaskLedger
  readonly progress?: ProgressLedger
  readonly course: Course
  readonly says: string | null
  /** A node: `plan`, `show`, `progress`, a participant, `answer` or `close`. */
  readonly to: string
}

/** Before anything was planned. */
export const BEGIN: Course = {
  phase: 'task',
  rounds: 0,
  stalls: 0,
  resets: 0,
  rejections: 0,
  cause: 'first',
  remark: '',
  since: 1,
  weighed: 1,
  ended: null,
}

/** Everything that a step may look at besides its message. */
interface Place extends Ledgers {
  readonly limits: MagenticLimits
  readonly names: readonly string[]
  /** Entries of the transcript so far. */
  readonly said: number
}

/** The manager's next move. Throws a ZodError for a message that its phase does not wait for. */
export function nextMove(place: Place, message: JsonValue): Move {
  return MOVES[place.course.phase](place, message)
}

const MOVES: Readonly<Record<Course['phase'], (place: Place, message: JsonValue) => Move>> = {
  task: ({ course }) => planAgain(course, 'first', ''),
  plan: planned,
  review: reviewed,
  progress: judged,
  turn: (place) => askProgress(place.course),
  // The answer goes to `close`; nothing comes back from there.
  answer: stay,
  over: stay,
}

function stay({ course }: Place): Move {
  return { course, says: null, to: 'close' }
}

function planAgain(course: Course, cause: Course['cause'], remark: string): Move {
  return { course: { ...course, phase: 'plan', cause, remark, stalls: 0 }, says: null, to: 'plan' }
}

function planned(place: Place, message: JsonValue): Move {
  const { facts, plan } = planAsked(place.names).parse(message)
  const task = { facts, plan: plan.map((step) => ({ ...step, done: false })) }
  if (place.limits.planReview) return { task, course: { ...place.course, phase: 'review' }, says: null, to: 'show' }
  return follow(place, task)
}

/** The plan is in force from here on: everybody reads it. */
function follow({ course, said }: Place, task: TaskLedger): Move {
  const plan = task.plan.map((step, i) => `${i + 1}. ${stepText(step)}`).join('\n')
  const { guesses, given, derive, lookUp } = task.facts
  const facts = [...given, ...derive, ...lookUp, ...guesses.map((guess) => `perhaps: ${guess}`)]
  const known =
    facts.length === 0 ? '' : `What is known or to be found:\n${facts.map((fact) => `- ${fact}`).join('\n')}\n`
  return { ...askProgress({ ...course, since: said + 1, weighed: said + 1 }), task, says: `${known}The plan:\n${plan}` }
}

function reviewed(place: Place, message: JsonValue): Move {
  const { course, limits, task, names } = place
  const answer = z.union([PLAN_REVIEW, REJECTION]).parse(message)
  // Silence is no consent.
  if (!('decision' in answer)) return close(course, 'deadline', answer.reason)
  if (answer.decision === 'stop') return close(course, 'reviewer', answer.reason)
  if (answer.decision === 'reject') {
    const rejections = course.rejections + 1
    const counted = { ...course, rejections }
    if (rejections > limits.maxRejections) return close(counted, 'max_rejections', answer.feedback)
    return planAgain(counted, 'rejected', answer.feedback)
  }
  const facts = task?.facts ?? { given: [], lookUp: [], derive: [], guesses: [] }
  const plan = answer.decision === 'edit' ? planOf(answer.plan, names) : (task?.plan ?? [])
  return follow(place, { facts, plan })
}

function askProgress(course: Course): Move {
  return { course: { ...course, phase: 'progress' }, says: null, to: 'progress' }
}

function judged(place: Place, message: JsonValue): Move {
  const { limits, names } = place
  const course = { ...place.course, weighed: place.said }
  const progress = progressAsked(names).parse(message)
  const task = marked(place.task, progress.done.answer)
  const kept = { progress, ...(task ? { task } : {}) }
  if (progress.satisfied.answer) return { ...kept, course: { ...course, phase: 'answer' }, says: null, to: 'answer' }
  const stalled = progress.inLoop.answer || !progress.progress.answer
  const stalls = stalled ? course.stalls + 1 : Math.max(0, course.stalls - 1)
  const counted = { ...course, stalls }
  if (stalls > limits.maxStalls) {
    const { reason } = progress.inLoop.answer ? progress.inLoop : progress.progress
    if (course.resets >= limits.maxResets) return { ...kept, ...close(counted, 'max_resets', reason) }
    return { ...kept, ...planAgain({ ...counted, resets: course.resets + 1 }, 'stalled', reason) }
  }
  if (course.rounds >= limits.maxRounds)
    return { ...kept, ...close(counted, 'max_rounds', `the limit of ${limits.maxRounds} rounds was reached`) }
  const { next, instruction } = progress
  return {
    ...kept,
    course: { ...counted, phase: 'turn', rounds: course.rounds + 1 },
    says: `${next.answer}: ${instruction.answer}`,
    to: next.answer,
  }
}

/** What is done stays done until there is another plan. */
function marked(task: TaskLedger | null, done: readonly number[]): TaskLedger | null {
  if (task === null) return null
  return { ...task, plan: task.plan.map((step, i) => ({ ...step, done: step.done || done.includes(i + 1) })) }
}

function close(course: Course, by: z.output<typeof STOPPED_BY>, reason: string): Move {
  return { course: { ...course, phase: 'over', ended: { by, reason } }, says: null, to: 'close' }
}

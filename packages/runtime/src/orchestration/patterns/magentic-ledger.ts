import { z } from 'zod'

/**
 * What the manager of a magentic workflow keeps: the task ledger (facts and plan), the progress ledger of the last
 * round, and the course of the work. All three are state that the node `manager` owns, and so part of each checkpoint.
 */

/** What is known of the task, as the manager sorted it. */
export const FACTS = z.strictObject({
  /** Given with the task. */
  given: z.array(z.string()),
  /** To be looked up, and where. */
  lookUp: z.array(z.string()),
  /** To be worked out from others. */
  derive: z.array(z.string()),
  /** Educated guesses. */
  guesses: z.array(z.string()),
})

/** One step of a plan. */
export const PLAN_STEP = z.object({
  /** A participant, or null when that is open. */
  who: z.string().nullable(),
  what: z.string(),
  done: z.boolean(),
})

/** The task ledger. */
export const TASK = z.object({ facts: FACTS, plan: z.array(PLAN_STEP) })

const because = <T extends z.ZodType>(answer: T) => z.strictObject({ reason: z.string(), answer })

/** What the manager is asked for when it plans; a step names a participant or nobody. */
export function planAsked(names: readonly string[]) {
  const step = z.strictObject({ who: z.enum(names).nullable(), what: z.string().min(1) })
  return z.strictObject({ facts: FACTS, plan: z.array(step).min(1) })
}

/** What the manager is asked for before each round: the progress ledger, a reason with each answer. */
export function progressAsked(names: readonly string[]) {
  return z.strictObject({
    satisfied: because(z.boolean()),
    inLoop: because(z.boolean()),
    progress: because(z.boolean()),
    /** Numbers of the steps that are done, from 1. */
    done: because(z.array(z.int())),
    next: because(z.enum(names)),
    instruction: because(z.string().min(1)),
  })
}

/** The progress ledger as it is kept. */
export const PROGRESS = progressAsked(['']).extend({ next: because(z.string()) })

/** Why the work ended before its end. */
export const STOPPED_BY = z.enum(['max_rounds', 'max_resets', 'max_rejections', 'reviewer', 'deadline'])

/** Where the work stands. */
export const COURSE = z.object({
  /** What the manager waits for. */
  phase: z.enum(['task', 'plan', 'review', 'progress', 'turn', 'answer', 'over']),
  /** Turns of participants. */
  rounds: z.int(),
  /** Rounds without progress: one more each, one less for a round with progress. */
  stalls: z.int(),
  /** How often the plan was made anew because the work stalled. */
  resets: z.int(),
  /** How often a person rejected a plan. */
  rejections: z.int(),
  /** Why the plan is made: for the first time, after a stall, or after a rejection; and what was said of the last one. */
  cause: z.enum(['first', 'stalled', 'rejected']),
  remark: z.string(),
  /** Entries of the transcript before the plan that is in force. */
  since: z.int(),
  /** Entries of the transcript that the manager has weighed. */
  weighed: z.int(),
  /** Set when the work stopped before its end. */
  ended: z.object({ by: STOPPED_BY, reason: z.string() }).nullable(),
})

/** The facts of a task. */
export type Facts = z.output<typeof FACTS>
/** One step of a plan. */
export type PlanStep = z.output<typeof PLAN_STEP>
/** The task ledger. */
export type TaskLedger = z.output<typeof TASK>
/** The progress ledger. */
export type ProgressLedger = z.output<typeof PROGRESS>
/** Where the work stands. */
export type Course = z.output<typeof COURSE>

/** What a reviewer of a plan sees. */
export const PLAN_REVIEW_REQUEST = z.object({
  facts: FACTS,
  plan: z.array(PLAN_STEP),
  cause: COURSE.shape.cause,
  /** Why the plan was made anew; empty the first time. */
  remark: z.string(),
  /** Rejections that are left: after the last one the work stops. */
  rejectionsLeft: z.int(),
})

/** What a reviewer may answer. */
export const PLAN_REVIEW = z.discriminatedUnion('decision', [
  z.object({ decision: z.literal('approve') }),
  /** The plan as text, a step a line; `name: what to do` gives a step to a participant. It is taken as it is. Bullets alone are none. */
  z.object({ decision: z.literal('edit'), plan: z.string().regex(/[^\s\d.)*•-]/) }),
  /** The manager plans again and reads this. */
  z.object({ decision: z.literal('reject'), feedback: z.string().min(1) }),
  z.object({ decision: z.literal('stop'), reason: z.string().min(1) }),
])

/** Reads a plan that a person wrote: a step a line, bullets and numbers before it left out. */
export function planOf(text: string, names: readonly string[]): PlanStep[] {
  const lines = text.split('\n').map((line) => line.replace(/^\s*(?:[-*•]|\d+[.)])?\s*/, '').trim())
  return lines
    .filter((line) => line !== '')
    .map((line) => {
      const who = names.find((name) => line.startsWith(`${name}:`)) ?? null
      return { who, what: who === null ? line : line.slice(who.length + 1).trim(), done: false }
    })
}

/** The steps that are not done, as text. */
export function openSteps(task: TaskLedger | null): string[] {
  return (task?.plan ?? []).filter((step) => !step.done).map(stepText)
}

/** A step as one line. */
export function stepText({ who, what }: Pick<PlanStep, 'who' | 'what'>): string {
  const line = what.replace(/\s+/g, ' ')
  return who === null ? line : `${who}: ${line}`
}

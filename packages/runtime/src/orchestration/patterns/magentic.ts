import { z } from 'zod'
import type { JsonValue } from '../../base/json.ts'
import { shapeOf } from '../../contracts/shape.ts'
import type { Agent } from '../../contracts/workflow.ts'
import type { DraftBuilder } from '../builder.ts'
import { owned, port } from '../fields.ts'
import type { TerminationDef } from '../termination-types.ts'
import type { Budget, Workflow } from '../types.ts'
import { countFaults, demandedBudget } from './limits.ts'
import { BEGIN, type Ledgers, type MagenticLimits, nextMove } from './magentic-course.ts'
import {
  COURSE,
  type Facts,
  FACTS,
  openSteps,
  PLAN_REVIEW,
  PLAN_REVIEW_REQUEST,
  PLAN_STEP,
  planAsked,
  type PlanStep,
  PROGRESS,
  progressAsked,
  STOPPED_BY,
  TASK,
} from './magentic-ledger.ts'
import { answerPrompt, planPrompt, progressPrompt, type Question } from './magentic-prompts.ts'
import { isSeconds, type PatternOptions, type PatternState, patternGraph } from './options.ts'
import {
  answering,
  ANYTHING,
  type Participant,
  participantFaults,
  participantOf,
  seat,
  type State,
  type Takes,
  transcriptOf,
} from './participant.ts'
import { type Entry, entryAfter } from './transcript.ts'

/**
 * Magentic: a manager plans a task, keeps two ledgers, and tells one member of the team at a time what to do, until the
 * task is done or the work no longer gets on.
 *
 * The node `manager` owns the ledgers and decides; `plan`, `progress` and `answer` are the manager agent, asked for one
 * thing each. What the manager decides is `magentic-course.ts`, a pure function.
 */

/** How plans are shown to a person before they are followed. */
export interface PlanReviewOptions {
  /** From the question on; silence stops the work. Default a day. */
  readonly deadlineSeconds?: number
  /** How many plans may be rejected in a run; one more stops the work. Default 3. */
  readonly maxRejections?: number
}

/** How a magentic workflow is declared. */
export interface MagenticOptions<I extends z.ZodType, O extends z.ZodType> extends PatternOptions<I> {
  /** Demanded whole: nobody can tell beforehand how long the work takes. */
  readonly budget: Budget
  /** Plans, judges the progress and gives the final answer. */
  readonly manager: Agent<never, unknown>
  /** The team; each with a description. */
  readonly participants: readonly Takes[]
  /** What the final answer must fit. */
  readonly output: O
  /** Turns of participants, all plans together. */
  readonly maxRounds: number
  /** Stalls that are borne: each round in a loop or without progress counts one, each with progress takes one off. Default 3. */
  readonly maxStalls?: number
  /** How often the plan is made anew after that. Default 2. */
  readonly maxResets?: number
  /** A person approves, edits or rejects each plan before it is followed, or stops the work. */
  readonly planReview?: true | PlanReviewOptions
}

/** How magentic work ended. */
export type MagenticResult<O> = {
  readonly reason: string
  readonly facts: Facts
  readonly plan: readonly PlanStep[]
  readonly rounds: number
  readonly resets: number
} & (
  | { readonly status: 'completed'; readonly output: O }
  | {
      readonly status: 'stopped'
      /**
       * `max_rounds`, `max_resets`, `max_rejections`: a limit; `reviewer`: a person stopped it; `deadline`: nobody
       * reviewed the plan.
       */
      readonly by: z.output<typeof STOPPED_BY>
      /** The last thing that a member of the team said, or null. */
      readonly partial: string | null
      /** The steps of the plan that are open. */
      readonly leftUndone: readonly string[]
    }
)

const DAY_SECONDS = 86_400
const DEFAULT_STALLS = 3
const DEFAULT_RESETS = 2
const DEFAULT_REJECTIONS = 3
const OWN_NAMES = ['manager', 'plan', 'show', 'review', 'progress', 'answer']
const MOVE = z.object({ to: z.string() })

/**
 * A workflow in which a manager plans and directs a team. Throws WORKFLOW_INVALID with every fault at once: a budget that
 * is not declared whole, no participant, one without a description, a limit that is none.
 */
export function magentic<I extends z.ZodType, O extends z.ZodType>(
  options: MagenticOptions<I, O>,
): Workflow<z.output<I>, MagenticResult<z.output<O>>> {
  const participants = options.participants.map(participantOf)
  const { budget, faults } = demandedBudget('a magentic workflow', options.budget)
  const { limits, deadlineSeconds } = limitsOf(options)
  const { maxSupersteps = superstepsFor(limits) } = options
  const fields = {
    task: owned('manager', TASK),
    progress: owned('manager', PROGRESS),
    course: owned('manager', COURSE),
  }
  let graph = patternGraph(
    { ...options, budget, maxSupersteps },
    resultSchema(options.output),
    fields,
    endsOf(limits),
  ).fault(
    ...faults,
    ...participantFaults(participants, { least: 1, describe: true, taken: OWN_NAMES }),
    ...limitFaults(limits),
    ...(isSeconds(deadlineSeconds) ? [] : ['`planReview.deadlineSeconds` must be a number of seconds above 0']),
  )
  graph = managerNodes(graph, options, participants, limits)
  if (limits.planReview) graph = reviewNodes(graph, limits, deadlineSeconds)
  for (const participant of participants)
    graph = seat(graph, { participant, preface: () => address(participant) }).edge(participant.name, 'manager')
  const asked = ['plan', ...(limits.planReview ? ['show'] : []), 'progress', 'answer']
  const cases = [...asked, ...participants.map((one) => one.name)].map((to) => ({ when: goesTo(to), to }))
  // The schemas of the definition are those of the options and of the result.
  return graph
    .node('close', closing(resultSchema(options.output)))
    .edge('open', 'manager')
    .switch('manager', cases, 'close')
    .output('close')
    .build() as unknown as Workflow<z.output<I>, MagenticResult<z.output<O>>>
}

/** What is told of work that something else ended. */
function endsOf({ maxRounds, maxStalls, maxResets, maxRejections, planReview }: MagenticLimits) {
  const ends: TerminationDef<PatternState> = {
    partial: (state) => ({ said: lastSaid(state.transcript), ...soFar(ledgersIn(state)) }),
    leftUndone: ({ state }) => openSteps(ledgersIn(state).task),
    stops: [
      'when the manager finds the request satisfied',
      `after ${maxRounds} rounds`,
      `after ${maxResets} new plans for stalled work; more than ${maxStalls} stalls ask for one`,
      ...(planReview ? [`when a reviewer stops it, or has rejected ${maxRejections} plans and rejects another`] : []),
    ],
  }
  return ends
}

/** The ledgers in the state of a magentic workflow. */
function ledgersIn(state: PatternState): Ledgers {
  // It is the whole state; the type shows only what all patterns have.
  return ledgersOf(state as unknown as State)
}

function soFar({ task, course }: Ledgers) {
  const { facts, plan } = task ?? { facts: { given: [], lookUp: [], derive: [], guesses: [] }, plan: [] }
  return { facts, plan, rounds: course.rounds, resets: course.resets }
}

/** The last thing that a member of the team said, or null. */
function lastSaid(transcript: readonly Entry[]): string | null {
  return transcript.findLast(({ speaker }) => speaker !== 'manager' && speaker !== 'user')?.text ?? null
}

function limitsOf(options: MagenticOptions<z.ZodType, z.ZodType>): {
  limits: MagenticLimits
  deadlineSeconds: number
} {
  const { maxRounds, maxStalls = DEFAULT_STALLS, maxResets = DEFAULT_RESETS, planReview } = options
  const review = typeof planReview === 'object' ? planReview : {}
  const { maxRejections = DEFAULT_REJECTIONS, deadlineSeconds = DAY_SECONDS } = review
  const limits = { maxRounds, maxStalls, maxResets, maxRejections, planReview: planReview !== undefined }
  return { limits, deadlineSeconds }
}

function limitFaults({ maxRounds, maxStalls, maxResets, maxRejections }: MagenticLimits): string[] {
  const others = { maxStalls, maxResets, 'planReview.maxRejections': maxRejections }
  return [...countFaults({ maxRounds }, 1), ...countFaults(others, 0)]
}

/** The most supersteps that the limits leave room for, so that each of them is met before the cap. */
function superstepsFor(limits: MagenticLimits): number {
  const { maxRounds, maxResets, maxRejections } = limits
  if (limitFaults(limits).length > 0) return 1
  const plans = 1 + maxResets + maxRejections
  const perPlan = 6
  const perRound = 4
  const around = 6
  return maxRounds * perRound + plans * perPlan + around
}

function resultSchema(output: z.ZodType): z.ZodType {
  const common = {
    reason: z.string(),
    facts: FACTS,
    plan: z.array(PLAN_STEP),
    rounds: z.int(),
    resets: z.int(),
  }
  return z.discriminatedUnion('status', [
    z.object({ status: z.literal('completed'), output, ...common }),
    z.object({
      status: z.literal('stopped'),
      by: STOPPED_BY,
      partial: z.string().nullable(),
      leftUndone: z.array(z.string()),
      ...common,
    }),
  ])
}

function goesTo(name: string): (message: JsonValue) => boolean {
  return (message) => MOVE.parse(message).to === name
}

/** The node that decides, and the agent that it asks for a plan, the progress and the answer. */
function managerNodes(
  graph: DraftBuilder,
  { manager, output }: Pick<MagenticOptions<z.ZodType, z.ZodType>, 'manager' | 'output'>,
  participants: readonly Participant[],
  limits: MagenticLimits,
): DraftBuilder {
  const names = participants.map((one) => one.name)
  const team = participants.map(({ name, description }) => `- ${name}: ${description}`).join('\n')
  const ask = (
    before: DraftBuilder,
    name: 'plan' | 'progress' | 'answer',
    fits: z.ZodType,
    prompt: (question: Question) => string,
  ) =>
    before.agent(
      name,
      { ...answering(manager, shapeOf(fits)), input: ANYTHING },
      {
        session: name === 'progress' ? 'kept' : 'fresh',
        prompt: (_message, state) => prompt(questionOf(state, team)),
      },
    )
  const decides = graph.node('manager', {
    input: z.unknown(),
    output: MOVE,
    tools: [],
    run: (message, ctx) => {
      const transcript = transcriptOf(ctx.state)
      const place = { ...ledgersOf(ctx.state), limits, names, said: transcript.length }
      const { says, to, ...changed } = nextMove(place, message)
      ctx.write(says === null ? changed : { ...changed, transcript: entryAfter(transcript, 'manager', says) })
      return { to }
    },
  })
  const planning = ask(decides, 'plan', planAsked(names), planPrompt).edge('plan', 'manager')
  const judging = ask(planning, 'progress', progressAsked(names), progressPrompt).edge('progress', 'manager')
  return ask(judging, 'answer', output, answerPrompt).edge('answer', 'close')
}

function ledgersOf({ task, progress, course }: State): Ledgers {
  return {
    task: task === undefined ? null : TASK.parse(task),
    progress: progress === undefined ? null : PROGRESS.parse(progress),
    course: course === undefined ? BEGIN : COURSE.parse(course),
  }
}

function questionOf(state: State, team: string): Question {
  const { task, course } = ledgersOf(state)
  const transcript = transcriptOf(state)
  return { task: transcript.slice(0, 1), ledger: task, course, news: transcript.slice(course.since), team }
}

/** The person who looks at each plan. */
function reviewNodes(graph: DraftBuilder, { maxRejections }: MagenticLimits, deadlineSeconds: number): DraftBuilder {
  const review = port({ name: 'review', request: PLAN_REVIEW_REQUEST, response: PLAN_REVIEW, deadlineSeconds })
  return graph
    .node('show', {
      input: z.unknown(),
      output: PLAN_REVIEW_REQUEST,
      tools: [],
      run: (_message, ctx) => {
        const { task, course } = ledgersOf(ctx.state)
        const { cause, remark, rejections } = course
        return { ...task, cause, remark, rejectionsLeft: maxRejections - rejections }
      },
    })
    .port('review', review)
    .edge('show', 'review')
    .edge('review', 'manager')
    .onRejected('review', 'manager')
}

function address({ name }: Participant): string {
  return `You are ${name}, a member of a team. Do now what \`manager\` asks of you in its last entry that begins with \`${name}:\`, and report what came of it.`
}

function closing(result: z.ZodType): Parameters<DraftBuilder['node']>[1] {
  return {
    input: z.unknown(),
    output: result,
    tools: [],
    run: (message, ctx) => {
      const ledgers = ledgersOf(ctx.state)
      const { ended } = ledgers.course
      const common = soFar(ledgers)
      if (ended === null)
        return { status: 'completed', output: message, reason: ledgers.progress?.satisfied.reason ?? '', ...common }
      const { by, reason } = ended
      const partial = lastSaid(transcriptOf(ctx.state))
      return { status: 'stopped', by, reason, partial, leftUndone: openSteps(ledgers.task), ...common }
    },
  }
}

import { z } from 'zod'
import type { JsonValue } from '../../base/json.ts'
import { shapeOf } from '../../contracts/shape.ts'
import { mismatch } from '../compatible.ts'
import type { DraftBuilder } from '../builder.ts'
import { port, reduced } from '../fields.ts'
import { REJECTION } from '../rejection.ts'
import type { TerminationDef } from '../termination-types.ts'
import type { Workflow } from '../types.ts'
import { isCount, isSeconds, type PatternOptions, type PatternState, patternGraph } from './options.ts'
import {
  answerShape,
  isAgent,
  type Participant,
  participantFaults,
  participantOf,
  seat,
  type Takes,
  transcriptOf,
  type TurnView,
} from './participant.ts'
import { type Entry, entryAfter, lastOf, answerIn } from './transcript.ts'

/** How a person looks at answers before they go on. */
export interface FeedbackOptions {
  /** From the question on; silence stops the run with what there is. Default a day. */
  readonly deadlineSeconds?: number
  /** How often feedback may send one participant back to work. Default 3. */
  readonly maxRounds?: number
}

/** How `sequential` is declared. */
export interface SequentialOptions<I extends z.ZodType, O extends z.ZodType> extends PatternOptions<I> {
  /** In order. Each hears what was said before it; the answer of the last is the output. */
  readonly participants: readonly Takes[]
  /** What the last answer fits. Default: text. */
  readonly output?: O
  /**
   * `transcript`: each participant hears everything that was said. `answer`: only the answer before its own, whose
   * schema must fit the participant's input. Default `transcript`.
   */
  readonly pass?: 'transcript' | 'answer'
  /** Names of participants after whose answer a person approves, gives feedback or stops. */
  readonly pauseAfter?: readonly string[]
  readonly feedback?: FeedbackOptions
}

const STOPPED = z.object({
  /** `reviewer`: a person stopped. `rounds`: feedback after the last round. `deadline`: nobody answered. */
  by: z.enum(['reviewer', 'rounds', 'deadline']),
  /** The participant whose answer was not let through. */
  at: z.string(),
  reason: z.string(),
})

/** How a sequence ended. */
export type SequentialResult<O> =
  | { readonly status: 'completed'; readonly output: O; readonly feedbackRounds: number }
  | ({
      readonly status: 'stopped'
      /** The last answer that was let through, or null. */
      readonly partial: string | null
      /** The participants that did not finish, in order. */
      readonly leftUndone: readonly string[]
    } & z.output<typeof STOPPED>)

/** What the reviewer is asked. */
export const FEEDBACK_REQUEST = z.object({
  participant: z.string(),
  answer: z.string(),
  /** Rounds of feedback that are left. */
  roundsLeft: z.int(),
})

/** What the reviewer may answer. */
export const FEEDBACK = z.discriminatedUnion('decision', [
  z.object({ decision: z.literal('approve') }),
  /** Sends the participant back to work with this text. */
  z.object({ decision: z.literal('feedback'), text: z.string().min(1) }),
  z.object({ decision: z.literal('stop'), reason: z.string().min(1) }),
])

type Feedback = z.output<typeof FEEDBACK>

const WEIGHED = z.object({ way: z.enum(['next', 'again', 'stop']) })
type Weighed = z.output<typeof WEIGHED>

const DAY_SECONDS = 86_400
const DEFAULT_ROUNDS = 3

/**
 * Participants one after another. The run's output says whether all of them answered, or who stopped it where, with the
 * last answer that was let through and who is left. Throws WORKFLOW_INVALID naming every fault at once.
 */
export function sequential<I extends z.ZodType, O extends z.ZodType = z.ZodString>(
  options: SequentialOptions<I, O>,
): Workflow<z.output<I>, SequentialResult<z.output<O>>> {
  const participants = options.participants.map(participantOf)
  const plan: Plan = {
    participants,
    output: options.output ?? z.string(),
    pass: options.pass ?? 'transcript',
    pauseAfter: options.pauseAfter ?? [],
    deadlineSeconds: options.feedback?.deadlineSeconds ?? DAY_SECONDS,
    maxRounds: options.feedback?.maxRounds ?? DEFAULT_ROUNDS,
  }
  let graph = patternGraph(
    options,
    resultSchema(plan.output),
    { stopped: reduced(STOPPED, (_before, last) => last) },
    endsOf(plan),
  )
  graph = graph.fault(...faultsOf(plan, options.input)).node('close', closing(plan))
  participants.forEach((participant, place) => {
    graph = addStep(graph, plan, participant, place)
  })
  if (participants.some((one) => pauses(plan, one)))
    graph = graph.node('unanswered', UNANSWERED).edge('unanswered', 'close')
  // The schemas of the definition are those of the options and of the result.
  return graph
    .edge('open', participants[0]?.name ?? 'close')
    .output('close')
    .build() as unknown as Workflow<z.output<I>, SequentialResult<z.output<O>>>
}

/** What there is of a result when something else ends the run. */
function endsOf({ participants }: Plan): TerminationDef<PatternState> {
  const silent = ({ transcript }: PatternState): string[] =>
    participants.map((one) => one.name).filter((name) => lastOf(transcript, name) === null)
  return {
    partial: ({ transcript }) =>
      participants.map((one) => lastOf(transcript, one.name)).findLast((one) => one !== null)?.text ?? null,
    leftUndone: ({ state }) => silent(state),
  }
}

interface Plan {
  readonly participants: readonly Participant[]
  readonly output: z.ZodType
  readonly pass: 'transcript' | 'answer'
  readonly pauseAfter: readonly string[]
  readonly deadlineSeconds: number
  readonly maxRounds: number
}

function resultSchema(output: z.ZodType): z.ZodType {
  return z.discriminatedUnion('status', [
    z.object({ status: z.literal('completed'), output, feedbackRounds: z.int() }),
    z.object({
      status: z.literal('stopped'),
      ...STOPPED.shape,
      partial: z.string().nullable(),
      leftUndone: z.array(z.string()),
    }),
  ])
}

function faultsOf(plan: Plan, input: z.ZodType): string[] {
  const { participants, pauseAfter, deadlineSeconds, maxRounds, pass } = plan
  const names = participants.map((one) => one.name)
  const faults = participantFaults(participants, { least: 1, describe: false })
  for (const name of pauseAfter)
    if (!names.includes(name)) faults.push(`\`pauseAfter\` names \`${name}\`, which is not a participant`)
  if (!isSeconds(deadlineSeconds)) faults.push('`feedback.deadlineSeconds` must be a number of seconds above 0')
  if (!isCount(maxRounds, 0)) faults.push('`feedback.maxRounds` must be a whole number from 0 on')
  const last = participants.at(-1)
  const why = last && mismatch(answerShape(last).json, shapeOf(plan.output).json)
  if (last && why) faults.push(`the answer of the last participant \`${last.name}\` can never fit \`output\`: ${why}`)
  return pass === 'answer' ? [...faults, ...chainFaults(participants, input)] : faults
}

/** In a chain of answers each must fit the next participant's input. */
function chainFaults(participants: readonly Participant[], input: z.ZodType): string[] {
  return participants.flatMap((one, i) => {
    const before = participants[i - 1]
    const why = mismatch(before ? answerShape(before).json : shapeOf(input).json, inputShape(one).json)
    const what = before ? `the answer of \`${before.name}\`` : 'the input'
    return why === null ? [] : [`${what} can never fit participant \`${one.name}\`: ${why}`]
  })
}

function inputShape({ does }: Participant): ReturnType<typeof shapeOf> {
  return isAgent(does) ? does.input : does.spec.input
}

function pauses(plan: Plan, { name }: Participant): boolean {
  return plan.pauseAfter.includes(name)
}

/** A participant, and after it the person who looks at its answer. */
function addStep(graph: DraftBuilder, plan: Plan, participant: Participant, place: number): DraftBuilder {
  const { name } = participant
  const next = plan.participants[place + 1]?.name ?? 'close'
  const before = plan.participants[place - 1]?.name ?? 'user'
  const seated = seat(graph, {
    participant,
    once: !pauses(plan, participant),
    tell: plan.pass === 'answer' ? (turn) => answerBefore(turn, before) : null,
  })
  if (!pauses(plan, participant)) return seated.edge(name, next)
  const [show, review, weigh] = [`show-${name}`, `review-${name}`, `weigh-${name}`]
  return seated
    .node(show, {
      input: z.unknown(),
      output: FEEDBACK_REQUEST,
      tools: [],
      run: (_message, ctx) => requestOf(transcriptOf(ctx.state), name, plan.maxRounds),
    })
    .port(
      review,
      port({ name: review, request: FEEDBACK_REQUEST, response: FEEDBACK, deadlineSeconds: plan.deadlineSeconds }),
    )
    .node(weigh, {
      input: FEEDBACK,
      output: WEIGHED,
      tools: [],
      run: (message, ctx) => {
        // Parsed by the schema of the node.
        const { way, said, stopped } = weighed(message as Feedback, transcriptOf(ctx.state), name, plan.maxRounds)
        if (said !== null) ctx.write({ transcript: entryAfter(transcriptOf(ctx.state), 'reviewer', said) })
        if (stopped !== null) ctx.write({ stopped })
        return { way }
      },
    })
    .edge(name, show)
    .edge(show, review)
    .edge(review, weigh)
    .switch(
      weigh,
      [
        { when: says('next'), to: next },
        { when: says('again'), to: name },
      ],
      'close',
    )
    .onRejected(review, 'unanswered')
}

function says(wanted: Weighed['way']): (message: JsonValue) => boolean {
  // Parsed by the output schema of the node that weighs.
  return (message) => (message as Weighed).way === wanted
}

/** What a participant hears that is told only the answer before its own: that, and later what is new. */
function answerBefore(turn: TurnView, before: string): readonly Entry[] {
  const answer = lastOf(turn.transcript, before)
  const feedback = turn.news.filter((entry) => entry.speaker === 'reviewer')
  if (turn.first) return answer ? [answer] : []
  return feedback
}

function requestOf(
  transcript: readonly Entry[],
  participant: string,
  maxRounds: number,
): z.output<typeof FEEDBACK_REQUEST> {
  const answer = lastOf(transcript, participant)?.text ?? ''
  return { participant, answer, roundsLeft: roundsLeft(transcript, participant, maxRounds) }
}

/** Each answer after the first was given because of feedback. */
function roundsLeft(transcript: readonly Entry[], participant: string, maxRounds: number): number {
  return maxRounds - (transcript.filter((entry) => entry.speaker === participant).length - 1)
}

function weighed(
  answer: Feedback,
  transcript: readonly Entry[],
  at: string,
  maxRounds: number,
): { way: Weighed['way']; said: string | null; stopped: z.output<typeof STOPPED> | null } {
  if (answer.decision === 'approve') return { way: 'next', said: null, stopped: null }
  if (answer.decision === 'stop')
    return { way: 'stop', said: null, stopped: { by: 'reviewer', at, reason: answer.reason } }
  if (roundsLeft(transcript, at, maxRounds) > 0) return { way: 'again', said: answer.text, stopped: null }
  return { way: 'stop', said: answer.text, stopped: { by: 'rounds', at, reason: answer.text } }
}

/** Silence is no consent: the sequence stops with what there is. */
const UNANSWERED: Parameters<DraftBuilder['node']>[1] = {
  input: REJECTION,
  output: z.unknown(),
  tools: [],
  run: (message, ctx) => {
    // Parsed by the schema of the node; the name is that of the port.
    const { reason, leftUndone } = message as z.output<typeof REJECTION>
    ctx.write({ stopped: { by: 'deadline', at: (leftUndone[0] ?? '').replace(/^review-/, ''), reason } })
    return message
  },
}

function closing(plan: Plan): Parameters<DraftBuilder['node']>[1] {
  return {
    input: z.unknown(),
    output: resultSchema(plan.output),
    tools: [],
    run: (_message, ctx) => {
      // Every write of the field was parsed by its schema.
      const stopped = (ctx.state.stopped ?? null) as z.output<typeof STOPPED> | null
      const transcript = transcriptOf(ctx.state)
      const last = plan.participants.at(-1)
      if (stopped === null && last) {
        const rounds = transcript.filter((entry) => entry.speaker === 'reviewer').length
        return {
          status: 'completed',
          output: answerIn(answerShape(last), lastOf(transcript, last.name)),
          feedbackRounds: rounds,
        }
      }
      const names = plan.participants.map((one) => one.name)
      const from = names.indexOf(stopped?.at ?? '')
      const before = from > 0 ? lastOf(transcript, names[from - 1] ?? '') : null
      return { status: 'stopped', ...stopped, partial: before?.text ?? null, leftUndone: names.slice(from) }
    },
  }
}

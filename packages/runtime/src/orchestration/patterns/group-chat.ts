import { z } from 'zod'
import { SignalboxError } from '../../base/errors.ts'
import type { JsonValue } from '../../base/json.ts'
import { shapeOf } from '../../contracts/shape.ts'
import type { Agent } from '../../contracts/workflow.ts'
import type { DraftBuilder } from '../builder.ts'
import { owned } from '../fields.ts'
import type { TerminationDef } from '../termination-types.ts'
import type { Budget, Workflow } from '../types.ts'
import { countFaults, demandedBudget } from './limits.ts'
import { isCount, type PatternOptions, type PatternState, patternGraph } from './options.ts'
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
import { type Entry, renderEntries } from './transcript.ts'

/**
 * Group chat: participants speak one at a time before all others, and a function or an agent chooses who is next.
 *
 * Every turn passes the node `chair`, which owns the field `chat`: how many rounds there were, who was chosen and why,
 * and how the chat ended. It is the only place that decides, so that each decision is in a checkpoint.
 */

/** What is known when the next speaker is chosen. Pure functions read it: the same view, the same choice. */
export interface GroupView {
  /** The run's input. */
  readonly input: JsonValue
  /** Everything that was said, the input first. */
  readonly transcript: readonly Entry[]
  /** Rounds that are over: one is one turn of a participant. */
  readonly rounds: number
  readonly participants: readonly { readonly name: string; readonly description: string }[]
}

/** How a group chat is declared. */
export interface GroupChatOptions<I extends z.ZodType, O extends z.ZodType> extends PatternOptions<I> {
  /** Demanded whole: nobody can tell beforehand how long a chat gets. */
  readonly budget: Budget
  /** At least two; with an agent that chooses, each with a description. */
  readonly participants: readonly Takes[]
  /**
   * Who speaks next. A function gives a name, or null to end the chat; an agent is asked for a name and a reason, and
   * is told at most twice that its answer names nobody of the chat.
   */
  readonly select: ((view: GroupView) => string | null) | Agent<never, unknown>
  /** Rounds after which the chat ends. */
  readonly maxRounds: number
  /** Ends the chat when it returns true; asked before each round, the first included. */
  readonly until?: (view: GroupView) => boolean
  /** What the chat comes to. */
  readonly output: O
  /** Makes the output of what was said: a function, or an agent that reads the transcript. */
  readonly conclude: ((view: GroupView) => z.input<O>) | Agent<never, z.output<O>>
}

/** How a group chat ended. */
export type GroupChatResult<O> =
  /** `select`: whoever chooses ended it. `until`: the condition held. */
  | {
      readonly status: 'completed'
      readonly by: 'select' | 'until'
      readonly reason: string
      readonly output: O
      readonly rounds: number
    }
  /** The limit came first; what is concluded from a chat that was not over is partial. */
  | {
      readonly status: 'stopped'
      readonly by: 'max_rounds'
      readonly reason: string
      readonly partial: O
      readonly rounds: number
    }

const CHAT = z.object({
  rounds: z.int(),
  /** True while the agent that chooses is asked. */
  asked: z.boolean(),
  /** Entries of the transcript that the agent that chooses was told. */
  told: z.int(),
  next: z.string().nullable(),
  reason: z.string(),
  by: z.enum(['select', 'until', 'max_rounds']).nullable(),
})
type Chat = z.output<typeof CHAT>

const START: Chat = { rounds: 0, asked: false, told: 0, next: null, reason: '', by: null }
const CHOICE = z.object({ next: z.string().nullable(), reason: z.string() })
const OWN_NAMES = ['chair', 'chooser', 'conclude']
/** `open`, the last `chair`, `conclude`, `close`, and one to spare. */
const SUPERSTEPS_AROUND = 5

/**
 * A workflow in which participants speak in turns before all others. Throws WORKFLOW_INVALID with every fault at once:
 * a budget that is not declared whole, fewer than two participants, a limit that is none.
 */
export function groupChat<I extends z.ZodType, O extends z.ZodType>(
  options: GroupChatOptions<I, O>,
): Workflow<z.output<I>, GroupChatResult<z.output<O>>> {
  const { select, conclude, maxRounds } = options
  const participants = options.participants.map(participantOf)
  const { budget, faults } = demandedBudget('a group chat', options.budget)
  const wanted = { least: 2, describe: typeof select !== 'function', taken: OWN_NAMES }
  const result = resultSchema(options.output)
  const perRound = typeof select === 'function' ? 2 : 4
  const rounds = isCount(maxRounds) ? maxRounds : 1
  const { maxSupersteps = rounds * perRound + SUPERSTEPS_AROUND } = options
  const fields = { chat: owned('chair', CHAT) }
  let graph = patternGraph({ ...options, budget, maxSupersteps }, result, fields, endsOf(options)).fault(
    ...faults,
    ...participantFaults(participants, wanted),
    ...countFaults({ maxRounds }, 1),
  )
  const view = viewer(participants)
  graph = chair(graph, options, view)
  for (const participant of participants)
    graph = seat(graph, { participant, preface: (turn) => (turn.first ? introduction(participant, participants) : '') })
  for (const { name } of participants) graph = graph.edge(name, 'chair')
  if (typeof select !== 'function') graph = chooser(graph, select, participants)
  graph = closing(graph, options, result, view)
  const cases = participants.map(({ name }) => ({ when: isNext(name), to: name }))
  if (typeof select !== 'function') cases.unshift({ when: (message) => CHAT.parse(message).asked, to: 'chooser' })
  graph = graph
    .edge('open', 'chair')
    .switch('chair', cases, typeof conclude === 'function' ? 'close' : 'conclude')
    .output('close')
  // The schemas of the definition are those of the options and of the result.
  return graph.build() as unknown as Workflow<z.output<I>, GroupChatResult<z.output<O>>>
}

/** The same said again by all in turn, so often, is a loop. */
const REPEATS = 3

/** What is told of a chat that something else ended, and when it goes round in circles. */
function endsOf({
  participants,
  select,
  until,
  maxRounds,
}: Pick<
  GroupChatOptions<z.ZodType, z.ZodType>,
  'participants' | 'select' | 'until' | 'maxRounds'
>): TerminationDef<PatternState> {
  const chooser = typeof select === 'function' ? '`select`' : `agent \`${select.name}\``
  return {
    loop: { repeats: REPEATS, of: ({ state }) => state.transcript.slice(-participants.length).map(statement) },
    partial: ({ transcript }) => transcript.slice(1).map(statement),
    stops: [
      `when ${chooser} chooses nobody`,
      ...(until ? ['when `until` holds before a round'] : []),
      `after ${maxRounds} rounds`,
    ],
  }
}

function statement({ speaker, text }: Entry): Pick<Entry, 'speaker' | 'text'> {
  return { speaker, text }
}

function resultSchema(output: z.ZodType): z.ZodType {
  const common = { reason: z.string(), rounds: z.int() }
  return z.discriminatedUnion('status', [
    z.object({ status: z.literal('completed'), by: z.enum(['select', 'until']), output, ...common }),
    z.object({ status: z.literal('stopped'), by: z.literal('max_rounds'), partial: output, ...common }),
  ])
}

function isNext(name: string): (message: JsonValue) => boolean {
  return (message) => CHAT.parse(message).next === name
}

/** The node that decides after each turn whether the chat goes on, and with whom. */
function chair(
  graph: DraftBuilder,
  options: Pick<GroupChatOptions<z.ZodType, z.ZodType>, 'select' | 'until' | 'maxRounds'>,
  view: (state: State) => GroupView,
): DraftBuilder {
  return graph.node('chair', {
    input: z.unknown(),
    output: CHAT,
    tools: [],
    run: (message, ctx) => {
      const seen = view(ctx.state)
      const before = ctx.state.chat === undefined ? START : CHAT.parse(ctx.state.chat)
      const chat = before.asked
        ? { ...chosen(CHOICE.parse(message), seen), told: seen.transcript.length }
        : { ...(ended(options, seen) ?? next(options.select, seen)), told: before.told }
      ctx.write({ chat })
      return chat
    },
  })
}

function ended(
  { until, maxRounds }: Pick<GroupChatOptions<z.ZodType, z.ZodType>, 'until' | 'maxRounds'>,
  view: GroupView,
): Chat | null {
  const { rounds } = view
  if (until && holds(until, view)) return { ...START, rounds, by: 'until', reason: '`until` held' }
  if (rounds < maxRounds) return null
  return { ...START, rounds, by: 'max_rounds', reason: `the limit of ${maxRounds} rounds was reached` }
}

/** A condition that answers anything but true or false fails the run: it must not pass by being a promise. */
function holds(until: (view: GroupView) => unknown, view: GroupView): boolean {
  const answer = heard(until(view))
  if (typeof answer === 'boolean') return answer
  throw new SignalboxError('NODE_FAILED', '`until` must return true or false')
}

/** A promise is refused; without a handler its failure would end the process. */
function heard<T>(answer: T): T {
  if (answer instanceof Promise) answer.catch(() => undefined)
  return answer
}

function next(select: GroupChatOptions<z.ZodType, z.ZodType>['select'], view: GroupView): Chat {
  if (typeof select !== 'function') return { ...START, rounds: view.rounds, asked: true }
  return chosen({ next: heard(select(view)), reason: 'chosen by `select`' }, view)
}

function chosen({ next: name, reason }: z.output<typeof CHOICE>, { rounds, participants }: GroupView): Chat {
  if (name === null) return { ...START, rounds, by: 'select', reason }
  if (participants.some((one) => one.name === name)) return { ...START, rounds, next: name, reason }
  const names = participants.map((one) => `\`${one.name}\``).join(', ')
  throw new SignalboxError('NODE_FAILED', `\`select\` named \`${String(name)}\`, who is none of ${names}`)
}

/**
 * The agent that is asked who speaks next; a name that nobody has does not fit its output and is asked for again.
 * Its conversation goes on from its last choice, so that it is told only what is new.
 */
function chooser(
  graph: DraftBuilder,
  select: Agent<never, unknown>,
  participants: readonly Participant[],
): DraftBuilder {
  const choice = z.strictObject({ next: z.enum(participants.map((one) => one.name)).nullable(), reason: z.string() })
  const ask = 'Say who speaks next in this conversation, and why. Give null for `next` when it has reached its end.'
  const prompt = (_message: JsonValue, state: State): string => {
    const { told } = CHAT.parse(state.chat)
    const news = renderEntries(transcriptOf(state).slice(told))
    return [...(told === 0 ? [ask, roster(participants)] : ['Since then was said:']), news].join('\n\n')
  }
  return graph
    .agent('chooser', { ...answering(select, shapeOf(choice)), input: ANYTHING }, { prompt, session: 'kept' })
    .edge('chooser', 'chair')
}

/** The nodes that make the answer. */
function closing<O extends z.ZodType>(
  graph: DraftBuilder,
  { conclude, output }: Pick<GroupChatOptions<z.ZodType, O>, 'conclude' | 'output'>,
  result: z.ZodType,
  view: (state: State) => GroupView,
): DraftBuilder {
  const closed = graph.node('close', {
    input: z.unknown(),
    output: result,
    tools: [],
    run: (message, ctx) => {
      const { by, reason, rounds } = CHAT.parse(ctx.state.chat)
      const made = typeof conclude === 'function' ? conclude(view(ctx.state)) : message
      const common = { by, reason, rounds }
      return by === 'max_rounds'
        ? { status: 'stopped', ...common, partial: made }
        : { status: 'completed', ...common, output: made }
    },
  })
  if (typeof conclude === 'function') return closed
  const prompt = (_message: JsonValue, state: State): string =>
    `Conclude this conversation; it has ended.\n\n${renderEntries(view(state).transcript)}`
  return closed
    .agent('conclude', { ...answering(conclude, shapeOf(output)), input: ANYTHING }, { prompt })
    .edge('conclude', 'close')
}

function viewer(participants: readonly Participant[]): (state: State) => GroupView {
  const people = participants.map(({ name, description }) => ({ name, description }))
  const names = new Set(people.map((one) => one.name))
  return (state) => {
    const transcript = transcriptOf(state)
    const rounds = transcript.filter((entry) => names.has(entry.speaker)).length
    return { input: state.input ?? null, transcript, rounds, participants: people }
  }
}

/** Who takes part, a line each. */
function roster(participants: readonly Participant[]): string {
  return participants
    .map(({ name, description }) => `- ${name}${description === '' ? '' : `: ${description}`}`)
    .join('\n')
}

function introduction({ name }: Participant, participants: readonly Participant[]): string {
  return `You are ${name} in a conversation with others; all of you read everything. Those who take part:\n${roster(participants)}`
}

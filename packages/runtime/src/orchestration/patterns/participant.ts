import { z } from 'zod'
import type { JsonValue } from '../../base/json.ts'
import { shapeOf } from '../../contracts/shape.ts'
import type { Agent, Shape } from '../../contracts/workflow.ts'
import type { DraftBuilder } from '../builder.ts'
import type { AnyNodeCtx } from '../draft.ts'
import type { RetryOptions, Workflow } from '../types.ts'
import { answerIn, type Entry, entryAfter, newFor, renderEntries } from './transcript.ts'

/** Who takes part in a pattern. */

/** The state as the nodes of a pattern see it. */
export type State = AnyNodeCtx['state']

/** What a participant is: an agent, or a workflow that answers as one. */
export type Member = Agent<never, unknown> | Workflow<never, unknown>

/** One participant: who it is, and how it is asked. */
export interface Participant {
  /** The node's name. Default: the name of the agent or workflow. */
  readonly name: string
  /** One sentence for those who choose or hand over: what it is good for. */
  readonly description: string
  readonly does: Member
  /** What it is asked in its turn. Default: what was said since its own last turn, its own name and the quoted texts. */
  readonly prompt: ((turn: TurnView) => string) | null
  /**
   * What a workflow is entered with. Default: the prompt where it takes text, else the last thing that was said, as it
   * was said. Pure.
   */
  readonly input: ((turn: TurnView) => JsonValue) | null
  readonly retry: RetryOptions | null
}

/** What a participant's prompt is made of. Pure: the same view, the same prompt. */
export interface TurnView {
  readonly name: string
  /** The run's input. */
  readonly input: JsonValue
  /** What was said since the participant's own last turn, oldest first. */
  readonly news: readonly Entry[]
  /** Everything that was said, oldest first. */
  readonly transcript: readonly Entry[]
  /** True in its first turn. */
  readonly first: boolean
}

/** How a participant is declared; what is left out has a default. */
export type ParticipantDef = Pick<Participant, 'does'> & {
  readonly [K in 'name' | 'description' | 'prompt' | 'input' | 'retry']?: NonNullable<Participant[K]>
}

/** Anything that can take part: an agent or a workflow as it is, or one with a name, a description and its own prompt. */
export type Takes = Member | ParticipantDef

/** Reads what was given as a participant. Nothing is checked here: see `participantFaults`. */
export function participantOf(given: Takes): Participant {
  const def: ParticipantDef = 'does' in given ? given : { does: given }
  const { does, name = does.name, description = '', prompt = null, input = null, retry = null } = def
  return { does, name, description, prompt, input, retry }
}

/** True for a participant that is an agent. */
export function isAgent(member: Member): member is Agent<never, unknown> {
  return 'run' in member
}

/** What the participant answers with. */
export function answerShape({ does }: Participant): Shape {
  return isAgent(does) ? does.output : does.spec.output
}

/** The same agent, asked for another output: its policy, model and prompt hash stay. */
export function answering(agent: Agent<never, unknown>, output: Shape): Agent<never, unknown> {
  return { ...agent, output, run: (prompt, ctx) => agent.run(prompt, ctx, output) }
}

/** Names that the transcript or a pattern's own nodes use. */
const RESERVED: ReadonlySet<string> = new Set(['user', 'reviewer', 'person', 'open', 'close'])

/**
 * What is wrong with a list of participants, one sentence each. `describe` demands descriptions, `taken` are names of
 * the pattern's other nodes.
 */
export function participantFaults(
  participants: readonly Participant[],
  wanted: { readonly least: number; readonly describe: boolean; readonly taken?: readonly string[] },
): string[] {
  const names = participants.map((one) => one.name)
  const twice = new Set(names.filter((name, i) => names.indexOf(name) !== i))
  const faults = [...twice].map((name) => `two participants are named \`${name}\`; give one another \`name\``)
  if (participants.length < wanted.least)
    faults.push(`\`participants\` has ${participants.length}, but this pattern needs at least ${wanted.least}`)
  for (const { name, description } of participants) {
    if (RESERVED.has(name) || wanted.taken?.includes(name))
      faults.push(`participant \`${name}\`: the name is taken by the pattern itself`)
    if (wanted.describe && description.trim() === '')
      faults.push(`participant \`${name}\` has no \`description\`; say in a sentence what it is good for`)
  }
  return faults
}

/** What fits anything: the nodes of a pattern read what they need from the state. */
export const ANYTHING: Shape = shapeOf(z.unknown())

/** How a pattern puts a participant into its graph. */
export interface Seat {
  readonly participant: Participant
  /** The agent that takes the turn, where it is not the participant's own: the same agent with another output, say. */
  readonly agent?: Agent<never, unknown>
  /** The entries that a participant without a prompt of its own is told. Default: everything it has not heard yet. */
  readonly tell?: ((turn: TurnView) => readonly Entry[]) | null
  /** What is put before the participant's own prompt. */
  readonly preface?: (turn: TurnView, state: State) => string
  /** What of an answer the others may read; null says nothing. Default: all of it. */
  readonly said?: (answer: JsonValue) => JsonValue
  /** It has one turn in a run, so that no conversation is kept for another. */
  readonly once?: boolean
  /** More writes with the answer. */
  readonly also?: (answer: JsonValue, ctx: AnyNodeCtx) => void
}

/**
 * Adds a participant as a node of its own name. It takes any message and reads from the state fields `input` and
 * `transcript` what it is asked; its answer is appended to the transcript and sent on. Its conversation goes on from
 * its last turn, and it is told only what is new since then; a workflow keeps no conversation and is told everything.
 */
export function seat(builder: DraftBuilder, given: Seat): DraftBuilder {
  const { participant, said = (answer) => answer, also } = given
  const { name, does, retry } = participant
  const member = given.agent ?? does
  const common = {
    done: (answer: JsonValue, ctx: AnyNodeCtx) => {
      ctx.write({ transcript: entryAfter(transcriptOf(ctx.state), name, said(answer)) })
      also?.(answer, ctx)
    },
    ...(retry ? { retry } : {}),
  }
  if (!isAgent(member))
    return builder.workflow(name, member, {
      takes: z.unknown(),
      input: (_message, state) => enteredWith(given, member, state),
      ...common,
    })
  return builder.agent(
    name,
    { ...member, input: ANYTHING },
    {
      prompt: (_message, state) => promptOf(given, state),
      session: given.once ? 'fresh' : 'kept',
      ...common,
    },
  )
}

/** A workflow begins anew in each turn: it has heard nothing of what was said before. */
function remembers({ does }: Participant): boolean {
  return isAgent(does) && !does.spec.model.startsWith('workflow/')
}

/** What a workflow is entered with: the node checks that it fits. */
function enteredWith(given: Seat, { spec }: Workflow<never, unknown>, state: State): JsonValue {
  const { name, input } = given.participant
  const turn = turnView(name, state)
  if (input) return input(turn)
  if (spec.input.json.type === 'string') return promptOf(given, state)
  return turn.transcript.length === 1 ? turn.input : answerIn(spec.input, turn.transcript.at(-1) ?? null)
}

/** The transcript in a state. */
export function transcriptOf(state: State): readonly Entry[] {
  // Only entries are appended to the field, and each was parsed by its schema.
  return (state.transcript ?? []) as unknown as readonly Entry[]
}

/** What a participant sees in its turn. */
export function turnView(name: string, state: State): TurnView {
  const transcript = transcriptOf(state)
  const first = !transcript.some((entry) => entry.speaker === name)
  return { name, input: state.input ?? null, news: newFor(transcript, name), transcript, first }
}

/** A turn in which nothing is new wants words all the same. */
function newsText(news: readonly Entry[]): string {
  return news.length === 0 ? 'Nobody else has spoken since your last turn. Go on.' : renderEntries(news)
}

function promptOf({ participant, preface, tell }: Seat, state: State): string {
  const turn = turnView(participant.name, state)
  const own =
    participant.prompt?.(turn) ?? newsText(tell?.(turn) ?? (remembers(participant) ? turn.news : turn.transcript))
  const before = preface?.(turn, state) ?? ''
  return before === '' ? own : `${before}\n\n${own}`
}

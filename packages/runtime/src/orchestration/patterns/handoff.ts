import { z } from 'zod'
import type { JsonValue } from '../../base/json.ts'
import { shapeOf } from '../../contracts/shape.ts'
import type { Shape } from '../../contracts/workflow.ts'
import type { DraftBuilder } from '../builder.ts'
import { appended, owned, port } from '../fields.ts'
import { REJECTION } from '../rejection.ts'
import { ESCALATION } from '../termination.ts'
import type { TerminationDef } from '../termination-types.ts'
import type { Workflow } from '../types.ts'
import {
  DESK,
  type Desk,
  type DeskRules,
  ended,
  ENDING,
  EVENT,
  type JudgedHandoff,
  judgeRouting,
  openDesk,
  ROUTING,
  type Routing,
  situationOf,
  step,
} from './handoff-desk.ts'
import { isCount, isSeconds, type PatternOptions, type PatternState, patternGraph } from './options.ts'
import {
  answering,
  isAgent,
  type Participant,
  participantFaults,
  participantOf,
  seat,
  type State,
  type Takes,
  transcriptOf,
} from './participant.ts'
import { type Entry, entryAfter } from './transcript.ts'

/** How long somebody is waited for. */
export interface AskOptions {
  /** Silence stops the conversation. Default a day. */
  readonly deadlineSeconds?: number
}

/** What `until` sees. */
export interface HandoffView {
  readonly transcript: readonly Entry[]
  readonly active: string
  readonly handoffs: number
}

/** How `handoff` is declared. */
export interface HandoffOptions<I extends z.ZodType> extends PatternOptions<I> {
  /** Agents with text as output, at least two, each with a description: it is what the others choose by. */
  readonly participants: readonly Takes[]
  /** Who hears the run's input. Default: the first participant. */
  readonly start?: string
  /** Who may hand over to whom. A participant that is not named may hand over to nobody. Default: each to each other. */
  readonly routes?: Readonly<Record<string, readonly string[]>>
  /** Whom replies go to. Without it there is nobody to ask, and participants go on by themselves. */
  readonly user?: AskOptions
  /** The person to whom participants may escalate. Without it they cannot. */
  readonly escalation?: AskOptions
  /** Turns that a participant may take after each other without asking the user. Default 0, and 10 without a user. */
  readonly autonomousTurns?: number
  /** The same for single participants, by name. */
  readonly autonomousTurnsOf?: Readonly<Record<string, number>>
  /** The user's words go to whoever had the conversation; false: to the start. Default true. */
  readonly returnToPrevious?: boolean
  /** Over the whole run. Default 20. */
  readonly maxHandoffs?: number
  /**
   * So often may the same participant get the conversation without a new word of user or person; then the run stops as a
   * loop, or the person is asked where there is one. Default 3.
   */
  readonly loopAfter?: number
  /** Ends the conversation when it returns true; asked after each turn and answer. A pure function. */
  readonly until?: (view: HandoffView) => boolean
}

/** How a conversation ended. */
export type HandoffResult = {
  /** The participant that had the conversation. */
  readonly at: string
  readonly reason: string
  /** Each handoff with what came of it. */
  readonly handoffs: readonly JudgedHandoff[]
  /** Handoffs that were given straight back. */
  readonly bounced: number
  /** Handoffs that the user or a person put right. */
  readonly corrected: number
} & (
  | {
      readonly status: 'completed'
      readonly by: 'finished' | 'user' | 'person' | 'until'
      /** The last answer; null when nobody gave one. */
      readonly answer: string | null
    }
  | {
      readonly status: 'stopped'
      readonly by: 'max_handoffs' | 'autonomous' | 'deadline' | 'person'
      /** The last thing that a participant said, or null. */
      readonly partial: string | null
      readonly leftUndone: readonly string[]
    }
)

const JUDGED = z.object({
  from: z.string(),
  to: z.string(),
  reason: z.string(),
  bounced: z.boolean(),
  correctedBy: z.enum(['user', 'person']).nullable(),
})
const COMMON = {
  by: ENDING.shape.by,
  at: z.string(),
  reason: z.string(),
  handoffs: z.array(JUDGED),
  bounced: z.int(),
  corrected: z.int(),
}
const RESULT = z.discriminatedUnion('status', [
  z.object({ status: z.literal('completed'), answer: z.string().nullable(), ...COMMON }),
  z.object({
    status: z.literal('stopped'),
    partial: z.string().nullable(),
    leftUndone: z.array(z.string()),
    ...COMMON,
  }),
])

const USER_REQUEST = z.object({ participant: z.string(), text: z.string() })
const PERSON_REQUEST = z.object({ participant: z.string(), reason: z.string(), lastWords: z.string() })

const DAY_SECONDS = 86_400
const DEFAULTS = { maxHandoffs: 20, loopAfter: 3, turnsWithoutUser: 10 }
/** The nodes that the pattern adds itself; no participant may take their names. */
const OWN_NAMES = ['desk', 'ask-user', 'ask-person', 'silence']

interface Plan {
  readonly participants: readonly Participant[]
  readonly rules: DeskRules
  readonly routes: ReadonlyMap<string, readonly string[]>
  readonly user: AskOptions | null
  readonly escalation: AskOptions | null
  readonly until: ((view: HandoffView) => boolean) | null
  readonly loopAfter: number
}

/**
 * A conversation that agents hand to each other. An agent hands over, escalates, replies or finishes by its typed
 * answer; which of these it may do, and to whom, is in the schema of that answer. Throws WORKFLOW_INVALID naming every
 * fault at once.
 */
export function handoff<I extends z.ZodType>(options: HandoffOptions<I>): Workflow<z.output<I>, HandoffResult> {
  const plan = planOf(options)
  const { participants, rules, user, escalation } = plan
  const names = participants.map((one) => one.name)
  let graph = patternGraph(options, RESULT, { desk: owned('desk', DESK), routing: appended(ROUTING) }, endsOf(plan))
  graph = graph
    .fault(...faultsOf(plan, options))
    .node('desk', deskNode(plan))
    .node('close', CLOSING)
  for (const participant of participants) graph = addParticipant(graph, plan, participant)
  const cases = names.map((name) => ({ when: goesTo(name), to: name }))
  if (user) cases.push({ when: goesTo('user'), to: 'ask-user' })
  if (escalation) cases.push({ when: goesTo('person'), to: 'ask-person' })
  if (user) graph = addUser(graph, names, user)
  if (escalation) graph = addPersonPort(graph, names, escalation)
  if (user || escalation) graph = graph.node('silence', SILENCE).edge('silence', 'desk')
  // The schemas of the definition are those of the options and of the result.
  return graph.edge('open', rules.start).switch('desk', cases, 'close').output('close').build() as unknown as Workflow<
    z.output<I>,
    HandoffResult
  >
}

function planOf<I extends z.ZodType>(options: HandoffOptions<I>): Plan {
  const participants = options.participants.map(participantOf)
  const names = participants.map((one) => one.name)
  const usual = options.autonomousTurns ?? (options.user ? 0 : DEFAULTS.turnsWithoutUser)
  const routesTo = (name: string): readonly string[] =>
    options.routes ? (options.routes[name] ?? []) : names.filter((other) => other !== name)
  return {
    participants,
    routes: new Map(names.map((name) => [name, routesTo(name)])),
    user: options.user ?? null,
    escalation: options.escalation ?? null,
    until: options.until ?? null,
    rules: {
      start: options.start ?? names[0] ?? 'close',
      autonomousTurns: (agent) => options.autonomousTurnsOf?.[agent] ?? usual,
      hasUser: options.user !== undefined,
      returnToPrevious: options.returnToPrevious ?? true,
      maxHandoffs: options.maxHandoffs ?? DEFAULTS.maxHandoffs,
    },
    loopAfter: options.loopAfter ?? DEFAULTS.loopAfter,
  }
}

/** How a conversation that does not end by itself ends. */
function endsOf(plan: Plan): TerminationDef<PatternState> {
  // Both are the run's state at a barrier, with the fields of this pattern.
  const desk = (state: PatternState): Desk => deskOf(plan, state as unknown as State)
  return {
    loop: {
      repeats: plan.loopAfter,
      // Every participant may stand in a situation of its own, before and after its turn.
      window: 4 * plan.participants.length + 4,
      of: ({ state }) => situationOf((state as { desk?: Desk }).desk),
      ...(plan.escalation ? { escalateTo: 'ask-person' } : {}),
    },
    partial: (state) => ({ at: desk(state).active, said: lastWords(state.transcript, desk(state).active) }),
    leftUndone: ({ state }) => [`the conversation is with \`${desk(state).active}\``],
  }
}

function faultsOf<I extends z.ZodType>(plan: Plan, options: HandoffOptions<I>): string[] {
  const { participants, rules, user, escalation } = plan
  const names = new Set(participants.map((one) => one.name))
  const faults = participantFaults(participants, { least: 2, describe: true, taken: OWN_NAMES })
  const known = (list: readonly string[], option: string): void => {
    for (const name of list)
      if (!names.has(name)) faults.push(`\`${option}\` names \`${name}\`, which is not a participant`)
  }
  known([rules.start], 'start')
  known(Object.keys(options.routes ?? {}), 'routes')
  known(Object.keys(options.autonomousTurnsOf ?? {}), 'autonomousTurnsOf')
  for (const [from, to] of Object.entries(options.routes ?? {})) {
    known(to, `routes.${from}`)
    if (to.includes(from)) faults.push(`\`routes.${from}\` leads to itself`)
  }
  for (const { name, does } of participants)
    if (!isAgent(does) || does.output.json.type !== 'string')
      faults.push(`participant \`${name}\` must be an agent whose output is text: its turns get a schema of their own`)
  const turns = [options.autonomousTurns, ...Object.values(options.autonomousTurnsOf ?? {})]
  if (turns.some((count) => count !== undefined && !isCount(count, 0)))
    faults.push('`autonomousTurns` and `autonomousTurnsOf` must be whole numbers from 0 on')
  if (!isCount(rules.maxHandoffs)) faults.push('`maxHandoffs` must be a whole number above 0')
  if (!isCount(plan.loopAfter, 2)) faults.push('`loopAfter` must be a whole number from 2 on')
  for (const [option, ask] of Object.entries({ user, escalation }))
    if (ask && !isSeconds(ask.deadlineSeconds ?? DAY_SECONDS))
      faults.push(`\`${option}.deadlineSeconds\` must be a number of seconds above 0`)
  return faults
}

/** What a participant may answer: its routes and whether it can escalate are part of the schema. */
function turnShape(plan: Plan, name: string): Shape {
  const text = z.string().min(1)
  const to = plan.routes.get(name) ?? []
  const turns: z.ZodObject[] = [
    z.object({ kind: z.literal('reply').describe('say this and wait for an answer'), text }),
    z.object({ kind: z.literal('finish').describe('the final answer; ends the conversation'), text }),
  ]
  if (to.length > 0)
    turns.push(
      z.object({
        kind: z.literal('handoff').describe('give the conversation to somebody else'),
        to: z.enum([...to]),
        reason: text,
      }),
    )
  if (plan.escalation)
    turns.push(z.object({ kind: z.literal('escalate').describe('ask a person what to do'), reason: text }))
  return shapeOf(z.union(turns))
}

function addParticipant(graph: DraftBuilder, plan: Plan, participant: Participant): DraftBuilder {
  const { name, does } = participant
  const agent = isAgent(does) ? { agent: answering(does, turnShape(plan, name)) } : {}
  return seat(graph, {
    participant,
    ...agent,
    // What goes from agent to agent is words alone: that it was handed over is told by the desk.
    said: (turn) => saidIn(turn),
    tell: (turn) => turn.news.filter((entry) => entry.text !== ''),
    preface: (turn, state) =>
      [turn.first ? roleOf(plan, name) : '', deskOf(plan, state).note].filter(Boolean).join('\n\n'),
  }).edge(name, 'desk')
}

function saidIn(turn: JsonValue): string {
  const event = EVENT.parse(turn)
  return event.kind === 'reply' || event.kind === 'finish' ? event.text : ''
}

function roleOf(plan: Plan, name: string): string {
  const to = new Set(plan.routes.get(name))
  const others = plan.participants.filter((one) => to.has(one.name))
  const list = others.map((one) => `- ${one.name}: ${one.description}`)
  return list.length === 0
    ? `You are ${name}.`
    : `You are ${name}. You may hand the conversation over to:\n${list.join('\n')}`
}

function deskOf({ rules }: Plan, state: State): Desk {
  // Every write of the field was parsed by its schema.
  return (state.desk as Desk | undefined) ?? openDesk(rules)
}

function routingOf(state: State): readonly Routing[] {
  // Only such items are appended to the field, and each was parsed by its schema.
  return (state.routing ?? []) as unknown as readonly Routing[]
}

const GO = z.object({ to: z.string() })

function goesTo(wanted: string): (message: JsonValue) => boolean {
  return (message) => GO.parse(message).to === wanted
}

function deskNode(plan: Plan): Parameters<DraftBuilder['node']>[1] {
  return {
    input: EVENT,
    output: GO,
    tools: [],
    run: (message, ctx) => {
      const after = step(plan.rules, deskOf(plan, ctx.state), EVENT.parse(message))
      const { said, routing } = after
      const transcript = transcriptOf(ctx.state)
      if (said) ctx.write({ transcript: entryAfter(transcript, said.speaker, said.text) })
      if (routing) ctx.write({ routing })
      const desk = ruledBy(plan, after.desk, transcriptOf(ctx.state))
      ctx.write({ desk })
      return { to: desk.next === 'agent' ? desk.active : desk.next }
    },
  }
}

/** The declared end, where it holds before the conversation would go on. */
function ruledBy({ until }: Plan, desk: Desk, transcript: readonly Entry[]): Desk {
  if (desk.next === 'close' || until === null) return desk
  const { active, handoffs } = desk
  if (!until({ transcript, active, handoffs })) return desk
  return ended(desk, 'completed', 'until', 'the declared condition holds', lastWords(transcript, active))
}

function lastWords(transcript: readonly Entry[], speaker: string): string | null {
  return transcript.findLast((entry) => entry.speaker === speaker && entry.text !== '')?.text ?? null
}

function addUser(graph: DraftBuilder, names: readonly string[], ask: AskOptions): DraftBuilder {
  const deadlineSeconds = ask.deadlineSeconds ?? DAY_SECONDS
  const response = z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('user_says'), text: z.string().min(1) }),
    z.object({ kind: z.literal('user_ends') }),
    z.object({ kind: z.literal('user_redirects'), to: z.enum([...names]), reason: z.string().min(1) }),
  ])
  return graph
    .node('ask-user', {
      input: GO,
      output: USER_REQUEST,
      tools: [],
      run: (_message, { state }) => {
        const { active } = DESK.parse(state.desk)
        return { participant: active, text: lastWords(transcriptOf(state), active) ?? '' }
      },
    })
    .port('user', port({ name: 'user', request: USER_REQUEST, response, deadlineSeconds }))
    .edge('ask-user', 'user')
    .edge('user', 'desk')
    .onRejected('user', 'silence')
}

function addPersonPort(graph: DraftBuilder, names: readonly string[], ask: AskOptions): DraftBuilder {
  const deadlineSeconds = ask.deadlineSeconds ?? DAY_SECONDS
  const text = z.string().min(1)
  const response = z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('person_says'), text }),
    z.object({ kind: z.literal('person_redirects'), to: z.enum([...names]), reason: text }),
    z.object({ kind: z.literal('person_answers'), text }),
    z.object({ kind: z.literal('person_stops'), reason: text }),
  ])
  return graph
    .node('ask-person', {
      input: z.union([GO, ESCALATION]),
      output: PERSON_REQUEST,
      tools: [],
      run: (message, { state }) => {
        const { active, note } = DESK.parse(state.desk)
        const looped = ESCALATION.safeParse(message)
        return {
          participant: active,
          reason: looped.success ? looped.data.reason : note,
          lastWords: lastWords(transcriptOf(state), 'user') ?? '',
        }
      },
    })
    .port('person', port({ name: 'person', request: PERSON_REQUEST, response, deadlineSeconds }))
    .edge('ask-person', 'person')
    .edge('person', 'desk')
    .onRejected('person', 'silence')
}

/** Nobody answered: the desk is told which of the two ports it was. */
const SILENCE: Parameters<DraftBuilder['node']>[1] = {
  input: REJECTION,
  output: EVENT,
  tools: [],
  run: (message) => {
    const { reason, leftUndone } = REJECTION.parse(message)
    return { kind: 'silence', of: leftUndone[0] === 'person' ? 'person' : 'user', reason }
  },
}

const CLOSING: Parameters<DraftBuilder['node']>[1] = {
  input: GO,
  output: RESULT,
  tools: [],
  run: (_message, { state }) => {
    const desk = DESK.parse(state.desk)
    const { status, by, reason, answer } = ENDING.parse(desk.ending)
    const handoffs = judgeRouting(routingOf(state))
    const common = {
      by,
      at: desk.active,
      reason,
      handoffs,
      bounced: handoffs.filter((one) => one.bounced).length,
      corrected: handoffs.filter((one) => one.correctedBy !== null).length,
    }
    const partial = lastWords(transcriptOf(state), desk.active)
    if (status === 'completed') return { status, answer: answer ?? partial, ...common }
    return { status, partial, leftUndone: [desk.active], ...common }
  },
}

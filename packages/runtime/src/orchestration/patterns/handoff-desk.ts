import { z } from 'zod'
import type { JsonValue } from '../../base/json.ts'

/**
 * Who has the conversation, as one pure function from what happened to what comes next. The graph of `handoff` only
 * carries messages to it and away from it.
 */

/** What happened: an agent's turn, an answer of the user or of the person, or their silence. */
export const EVENT = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('reply'), text: z.string().min(1) }),
  z.object({ kind: z.literal('finish'), text: z.string().min(1) }),
  z.object({ kind: z.literal('handoff'), to: z.string(), reason: z.string().min(1) }),
  z.object({ kind: z.literal('escalate'), reason: z.string().min(1) }),
  z.object({ kind: z.literal('user_says'), text: z.string().min(1) }),
  z.object({ kind: z.literal('user_ends') }),
  z.object({ kind: z.literal('user_redirects'), to: z.string(), reason: z.string().min(1) }),
  z.object({ kind: z.literal('person_says'), text: z.string().min(1) }),
  z.object({ kind: z.literal('person_redirects'), to: z.string(), reason: z.string().min(1) }),
  z.object({ kind: z.literal('person_answers'), text: z.string().min(1) }),
  z.object({ kind: z.literal('person_stops'), reason: z.string().min(1) }),
  z.object({ kind: z.literal('silence'), of: z.enum(['user', 'person']), reason: z.string() }),
])

/** What happened: an agent's turn, an answer of the user or of the person, or their silence. */
export type DeskEvent = z.output<typeof EVENT>

/** Why a conversation ended. */
export const ENDING = z.object({
  status: z.enum(['completed', 'stopped']),
  by: z.enum(['finished', 'user', 'person', 'until', 'max_handoffs', 'autonomous', 'deadline']),
  reason: z.string(),
  /** The final answer of a completed conversation that has one. */
  answer: z.string().nullable(),
})

/** Why a conversation ended. */
export type Ending = z.output<typeof ENDING>

const PAIR = z.object({ from: z.string(), to: z.string() })

/** Where the conversation is. Only the node `desk` writes it, so it is in every checkpoint. */
export const DESK = z.object({
  active: z.string(),
  /** Turns that the active agent had since somebody else said something. */
  alone: z.int(),
  /** The last handoff since the user or the person said something. */
  last: PAIR.nullable(),
  /** How often user and person said something. */
  heard: z.int(),
  handoffs: z.int(),
  /** What the next agent is told beside the words of others. */
  note: z.string(),
  next: z.enum(['agent', 'user', 'person', 'close']),
  ending: ENDING.nullable(),
})

/** Where the conversation is. */
export type Desk = z.output<typeof DESK>

/** One handoff, or the correction of one by somebody who knew better. */
export const ROUTING = z.object({
  kind: z.enum(['handoff', 'correction']),
  by: z.enum(['agent', 'user', 'person']),
  from: z.string(),
  to: z.string(),
  reason: z.string(),
  /** The handoff gave the conversation back to the one that had just handed it over. */
  bounced: z.boolean(),
})

/** One handoff, or the correction of one by somebody who knew better. */
export type Routing = z.output<typeof ROUTING>

/** What is declared of a conversation. */
export interface DeskRules {
  readonly start: string
  /** Turns that an agent may take after each other before the user is asked; 0 for one that always waits. */
  readonly autonomousTurns: (agent: string) => number
  readonly hasUser: boolean
  /** Where the user's next words go: to the agent that had the conversation, or to the start. */
  readonly returnToPrevious: boolean
  readonly maxHandoffs: number
}

/** What follows from an event. */
export interface Step {
  readonly desk: Desk
  /** What is said to everybody, by whom. */
  readonly said: { readonly speaker: 'user' | 'person'; readonly text: string } | null
  readonly routing: Routing | null
}

/** The conversation before anything happened: the start has it. */
export function openDesk({ start }: DeskRules): Desk {
  return { active: start, alone: 0, last: null, heard: 0, handoffs: 0, note: '', next: 'agent', ending: null }
}

/** What comes after an event. Pure and total. */
export function step(rules: DeskRules, before: Desk, event: DeskEvent): Step {
  const desk = { ...before, note: '' }
  switch (event.kind) {
    case 'reply':
      return only(afterReply(rules, desk))
    case 'finish':
      return only(ended(desk, 'completed', 'finished', `\`${desk.active}\` finished`, event.text))
    case 'handoff':
      return handedOver(rules, desk, event)
    case 'escalate':
      return only({ ...desk, next: 'person', note: event.reason })
    case 'user_says':
      return heard({ ...desk, active: rules.returnToPrevious ? desk.active : rules.start }, 'user', event.text)
    case 'person_says':
      return heard(desk, 'person', event.text)
    case 'user_ends':
      return only(ended(desk, 'completed', 'user', 'the user ended the conversation', null))
    case 'user_redirects':
      return corrected(desk, 'user', event)
    case 'person_redirects':
      return corrected(desk, 'person', event)
    case 'person_answers': {
      const { desk: after, said } = heard(desk, 'person', event.text)
      return { desk: ended(after, 'completed', 'person', 'a person answered', event.text), said, routing: null }
    }
    case 'person_stops':
      return only(ended(desk, 'stopped', 'person', event.reason, null))
    case 'silence':
      return only(ended(desk, 'stopped', 'deadline', `the ${event.of} did not answer: ${event.reason}`, null))
    default:
      return event satisfies never
  }
}

function only(desk: Desk): Step {
  return { desk, said: null, routing: null }
}

/** The desk of a conversation that is over. */
export function ended(
  desk: Desk,
  status: Ending['status'],
  by: Ending['by'],
  reason: string,
  answer: string | null,
): Desk {
  return { ...desk, next: 'close', ending: { status, by, reason, answer } }
}

function afterReply(rules: DeskRules, desk: Desk): Desk {
  const alone = desk.alone + 1
  if (alone <= rules.autonomousTurns(desk.active))
    return { ...desk, alone, next: 'agent', note: 'Nobody has answered. Go on by yourself, or finish.' }
  if (rules.hasUser) return { ...desk, alone, next: 'user' }
  return ended(desk, 'stopped', 'autonomous', `\`${desk.active}\` used its turns and there is no user to ask`, null)
}

function handedOver(rules: DeskRules, desk: Desk, event: Extract<DeskEvent, { kind: 'handoff' }>): Step {
  const { to, reason } = event
  const { active: from, last } = desk
  const bounced = last !== null && last.from === to && last.to === from
  const routing: Routing = { kind: 'handoff', by: 'agent', from, to, reason, bounced }
  if (desk.handoffs >= rules.maxHandoffs) {
    const why = `there were ${rules.maxHandoffs} handoffs`
    return { desk: ended(desk, 'stopped', 'max_handoffs', why, null), said: null, routing: null }
  }
  const note = `\`${from}\` handed the conversation to you: ${reason}`
  const handoffs = desk.handoffs + 1
  return {
    desk: { ...desk, active: to, alone: 0, last: { from, to }, handoffs, next: 'agent', note },
    said: null,
    routing,
  }
}

/**
 * What makes two moments of a conversation the same: who has it, how long it has had it alone, and how often user and
 * person have said something. Handing over changes nothing of the last two.
 */
export function situationOf(desk: Desk | undefined): JsonValue {
  return desk ? [desk.active, desk.alone, desk.heard, desk.next] : 'open'
}

function heard(desk: Desk, speaker: 'user' | 'person', text: string): Step {
  return {
    desk: { ...desk, alone: 0, last: null, heard: desk.heard + 1, next: 'agent' },
    said: { speaker, text },
    routing: null,
  }
}

function corrected(
  desk: Desk,
  by: 'user' | 'person',
  { to, reason }: Extract<DeskEvent, { kind: 'user_redirects' | 'person_redirects' }>,
): Step {
  const routing: Routing = { kind: 'correction', by, from: desk.active, to, reason, bounced: false }
  const { desk: after, said } = heard({ ...desk, active: to }, by, reason)
  return { desk: { ...after, note: `the ${by} sent the conversation to you` }, said, routing }
}

/** A handoff with what came of it. */
export interface JudgedHandoff {
  readonly from: string
  readonly to: string
  readonly reason: string
  /** The receiver gave it straight back. */
  readonly bounced: boolean
  /** Who sent the conversation elsewhere while the receiver had it. */
  readonly correctedBy: 'user' | 'person' | null
}

/** How good the routing of a conversation was, handoff by handoff. */
export function judgeRouting(routing: readonly Routing[]): JudgedHandoff[] {
  return routing.flatMap((one, i): JudgedHandoff[] => {
    if (one.kind !== 'handoff') return []
    const { from, to, reason } = one
    const next = routing[i + 1]
    const correctedBy = next?.kind === 'correction' && next.by !== 'agent' ? next.by : null
    return [{ from, to, reason, bounced: next?.kind === 'handoff' && next.bounced, correctedBy }]
  })
}

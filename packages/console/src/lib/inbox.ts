import type { ApprovalLifeView, DelegationView, Me, RequestSummary } from '@signalbox/protocol'
import { money } from './format.ts'

/** The lists of the inbox, in the order of their links. `decided` is the history. */
export const SHOWS = ['open', 'mine', 'claimed', 'snoozed', 'escalated', 'decided'] as const
/** One list of the inbox. */
export type Show = (typeof SHOWS)[number]

/** The list that the address names; the open items for any other text. */
export function showOf(text: string | null): Show {
  return SHOWS.find((one) => one === text) ?? 'open'
}

/** Who looks at the inbox, and who lets them answer in their place. */
export interface Viewer {
  readonly me: Me
  readonly delegations: readonly DelegationView[]
}

/** Whether an item is in a list, at a time in milliseconds. What is not now for a person is in no list of open items. */
export function isShown(item: RequestSummary, show: Show, viewer: Viewer, now: number): boolean {
  if (show === 'decided') return item.state !== 'open'
  if (item.state !== 'open') return false
  const snoozed = snoozedUntil(item.life, viewer.me.principal.id, now) !== null
  if (show === 'snoozed') return snoozed
  if (show === 'claimed') return claimOf(item.life, now) !== null
  if (show === 'escalated') return (item.life?.escalations.length ?? 0) > 0
  return !snoozed && (show === 'open' || awaits(item, viewer))
}

const NEEDS = { approval: 'approvals.decide', question: 'questions.answer', request: 'requests.respond' } as const

/** Whether an open item waits for this person, as far as roles tell; the server is the one that refuses. */
export function awaits(item: RequestSummary, { me, delegations }: Viewer): boolean {
  const { id, roles } = me.principal
  if (!me.permissions.includes(NEEDS[item.kind])) return false
  if (item.kind !== 'approval') return true
  const answered = (who: string) => item.life?.votes.some((vote) => vote.by === who || vote.for === who) ?? false
  if (item.requester === id || answered(id)) return false
  const others = delegations
    .filter((one) => one.in_force && one.delegate === id && one.created_by !== item.requester)
    .filter((one) => !answered(one.created_by))
    .map((one) => ({ id: one.created_by, roles: one.roles }))
  return [{ id, roles }, ...others].some((who) =>
    item.approvers.every((list) => list.some((one) => one === who.id || who.roles.includes(one.replace(/^role:/, '')))),
  )
}

/** The claim that lasts, or null. */
export function claimOf(life: ApprovalLifeView | null, now: number): ApprovalLifeView['claim'] {
  return life?.claim && Date.parse(life.claim.until) > now ? life.claim : null
}

/** Until when it is not now for this person, or null. */
export function snoozedUntil(life: ApprovalLifeView | null, id: string, now: number): string | null {
  const until = life?.snoozed[id]
  return until !== undefined && Date.parse(until) > now ? until : null
}

/** How many have said yes of those who must, in the stage that is answered now: `Stage 1 of 2: 1 of 2 said yes`. */
export function progressText(life: ApprovalLifeView): string {
  const now = life.demands.filter((one) => one.stage === life.stage)
  const counts = now.map((one) => `${Math.min(one.given.length, one.quorum)} of ${one.quorum} said yes`)
  const stage = life.stages > 1 ? `Stage ${stageNumber(life, life.stage)} of ${life.stages}: ` : ''
  return `${stage}${[...counts].join(', and ') || 'nobody has to answer'}`
}

/** Stages may be numbered with gaps; people count them from one. */
export function stageNumber(life: ApprovalLifeView, stage: number): number {
  const all = [...new Set(life.demands.map((one) => one.stage))].sort((a, b) => a - b)
  return all.indexOf(stage) + 1
}

/** What has to be typed before something that cannot be undone: the amount with its currency, or else the target. */
export function confirmWord(packet: {
  readonly impact: { readonly money?: { readonly minor: number; readonly currency: string } | undefined }
  readonly target: { readonly id: string }
}): string {
  const { money: stake } = packet.impact
  return stake ? money(stake.minor, stake.currency) : packet.target.id
}

/** Whether a typed text is the word: case, spaces and thousands marks do not count. */
export function isWord(typed: string, word: string): boolean {
  const plain = (text: string) => text.toLowerCase().replace(/[\s,]/g, '')
  return plain(typed) === plain(word)
}

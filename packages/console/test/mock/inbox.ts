/** The life of approvals in the mock backend: votes, claims, questions, edits, stand-ins, standing approvals, statistics. */
import {
  type ApprovalDetail,
  type DelegationView,
  type EndpointName,
  type Me,
  type ReviewStatsView,
  SignalboxError,
  type StandingView,
} from '@signalbox/protocol'
import { hashOf } from './parts.ts'
import { RUN } from './runs.ts'

const ago = (seconds: number) => new Date(Date.now() - seconds * 1000).toISOString()
const ahead = (seconds: number) => ago(-seconds)

/** An approval with two stages, of which the first takes two people. */
export const LIVELY = 'apr_01kblively0000000000007'

const PACKET: NonNullable<ApprovalDetail['packet']> = {
  summary: 'Change the bank account of Nordlicht Papier GmbH',
  target: { type: 'vendor', id: 'V-014', version: '7' },
  impact: { text: 'Later payments go to the new account.' },
  rollback: 'Write the earlier account back before the next payment run.',
  tool: 'vendors.set_account',
  class: 'vendors.write',
  effect: 'irreversible',
  arguments: JSON.stringify({ vendor: 'V-014', iban: 'DE02120300000000202051', limit_minor: 500_000, notify: true }),
  requested_by: 'user:rita',
  why: ['An account is changed by two people, then by finance (vendors.two-people, vendors.finance).'],
  labels: { integrity: 1, marks: ['financial'] },
}

/** The approval whose life the inbox shows: one yes is given, and it was escalated. */
export function livelyApproval(): ApprovalDetail {
  const demand = { approvers: ['role:approver'], quorum: 2, stage: 1, given: ['user:petra'], escalated_to: [] }
  return {
    ...{ id: LIVELY, kind: 'approval', run_id: RUN.waiting, workflow: 'payables', state: 'open' },
    ...{
      tool: PACKET.tool,
      class: PACKET.class,
      effect: PACKET.effect,
      summary: PACKET.summary,
      impact: PACKET.impact,
    },
    approvers: [['role:approver']],
    requester: 'user:rita',
    requested_at: ago(7200),
    deadline: ahead(47 * 3600),
    decided_by: null,
    decided_at: null,
    life: {
      stage: 1,
      stages: 2,
      demands: [
        { ...demand, policy: 'vendors.two-people', escalated_to: ['role:lead'] },
        { ...demand, policy: 'vendors.finance', approvers: ['role:finance'], quorum: 1, stage: 2, given: [] },
      ],
      votes: [{ by: 'user:petra', for: null, stage: 1, at: ago(3600) }],
      claim: null,
      information: null,
      snoozed: {},
      editing: null,
      seen: { 'user:petra': ago(3700) },
      escalations: [{ policy: 'vendors.two-people', to: ['role:lead'], at: ago(600) }],
      edited_by: null,
      standing: null,
      ended_by: null,
    },
    history: [
      event('seen', 'user:petra', 3700),
      event('voted', 'user:petra', 3600, 'called the vendor <b>twice</b>'),
      { ...event('escalated', null, 600), detail: 'vendors.two-people' },
    ],
    can_inform: false,
    can_withdraw: false,
    acts_for: null,
    packet: PACKET,
    packet_hash: `hmac:${hashOf(LIVELY).slice(0, 40)}`,
    arguments_schema: {
      type: 'object',
      properties: {
        vendor: { type: 'string' },
        iban: { type: 'string', description: 'The new account.' },
        limit_minor: { type: 'integer' },
        notify: { type: 'boolean' },
      },
      required: ['vendor', 'iban', 'limit_minor'],
    },
    reason: null,
    can_decide: false,
    cannot_decide_code: null,
  }
}

function event(
  what: ApprovalDetail['history'][number]['what'],
  by: string | null,
  seconds: number,
  text: string | null = null,
): ApprovalDetail['history'][number] {
  return { at: ago(seconds), what, by, for: null, text, detail: null }
}

/** A delegation that holds, and a standing approval that was used. */
export function allMandates(): Mandates {
  const given = { created_by: 'user:paul', created_at: ago(90_000), starts_at: ago(90_000), expires_at: ahead(90_000) }
  const open = { revoked_by: null, revoked_at: null, in_force: true }
  return {
    delegations: [
      { ...given, ...open, id: 'del_1', delegate: 'user:eva', roles: ['approver'], reason: 'away till May' },
    ],
    standing: [
      {
        ...{ ...given, ...open, id: 'sta_1', tool: 'records.tag', workflow: 'payables', principal: 'user:rita' },
        ...{ constraints: [{ field: 'tag', equals: 'paid' }], amount_field: null, max_uses: 20, max_amount: null },
        ...{ used: 3, used_amount: 0, uses: [], reason: 'tags move nothing' },
      },
    ],
  }
}

/** What people allow ahead. */
export interface Mandates {
  delegations: DelegationView[]
  standing: StandingView[]
}

function stats(): ReviewStatsView {
  const reviewer = { approved: 24, rejected: 0, median_decision_seconds: 9, median_reading_seconds: 2 }
  return {
    ...{ since: ago(30 * 86_400), quick_seconds: 30, open: 3, median_decision_seconds: 640, escalated: 1, cut: false },
    open_by_role: [{ role: 'role:approver', open: 3, oldest_seconds: 7200 }],
    decided: { approved: 31, rejected: 4, expired: 1, cancelled: 0, void: 1 },
    reviewers: [
      { ...reviewer, reviewer: 'user:petra', unread_share: 0.92, streak: 24, rubber_stamp: true },
      {
        ...{ ...reviewer, reviewer: 'user:paul', approved: 7, rejected: 4, median_decision_seconds: 1260 },
        ...{ median_reading_seconds: 340, unread_share: 0, streak: 2, rubber_stamp: false },
      },
    ],
  }
}

/** A yes that is one of several; false when it was the last that lacked, or the approval has no life. */
export function isOneOfSeveral(ask: ApprovalDetail, who: string): boolean {
  const { life } = ask
  if (!life) return false
  if (life.votes.some((vote) => vote.by === who))
    throw new SignalboxError('APPROVAL_DECIDED', `\`${who}\` has answered this already`, {
      details: { decided_by: who },
    })
  life.votes = [...life.votes, { by: who, for: null, stage: life.stage, at: ago(0) }]
  life.demands = life.demands.map((one) => (one.stage === life.stage ? { ...one, given: [...one.given, who] } : one))
  ask.history = [...ask.history, event('voted', who, 0)]
  const lacks = life.demands.filter((one) => one.given.length < one.quorum)
  if (lacks.every((one) => one.stage !== life.stage) && lacks[0]) life.stage = lacks[0].stage
  ask.approvers = lacks.filter((one) => one.stage === life.stage).map((one) => one.approvers)
  return lacks.length > 0
}

/** An approval as one person sees it. */
export function seenBy(ask: ApprovalDetail, me: Me | null): ApprovalDetail {
  const id = me?.principal.id ?? ''
  const open = ask.state === 'open' && ask.requester === id && ask.life !== null
  const answered = ask.life?.votes.some((vote) => vote.by === id) ?? false
  return {
    ...ask,
    ...(ask.can_decide && answered ? { can_decide: false, cannot_decide_code: 'APPROVAL_DECIDED' } : {}),
    can_withdraw: open,
    can_inform: open && ask.life?.information?.given_at === null,
  }
}

interface Held extends Mandates {
  readonly approvals: ApprovalDetail[]
}
type Call = { readonly id: string; readonly body: unknown; readonly me: Me | null }
type Answers = Partial<Record<EndpointName, (held: Held, call: Call) => unknown>>

/** What is read of reviews. */
export const INBOX_READS: Answers = {
  delegations: ({ delegations }) => ({ delegations }),
  standingApprovals: ({ standing }) => ({ standing }),
  reviewStats: () => stats(),
}

type Life = NonNullable<ApprovalDetail['life']>

/** An act on one approval that changes its life and is told in its history. */
function act(
  what: ApprovalDetail['history'][number]['what'],
  change: (life: Life, who: string, body: Record<string, unknown>) => Partial<Life>,
): NonNullable<Answers[EndpointName]> {
  return ({ approvals }, { id, body, me }) => {
    const ask = approvals.find((each) => each.id === id)
    if (!ask?.life) throw new SignalboxError('APPROVAL_NOT_FOUND', `there is no approval \`${id}\``)
    const who = me?.principal.id ?? ''
    const given = body as Record<string, unknown> // parsed before
    ask.life = { ...ask.life, ...change(ask.life, who, given) }
    ask.history = [...ask.history, event(what, who, 0, typeof given.text === 'string' ? given.text : null)]
    return { accepted: true, id }
  }
}

/** What is done with them. */
export const INBOX_CHANGES: Answers = {
  claimApproval: act('claimed', (life, who, { seconds }) => {
    if (life.claim && life.claim.by !== who)
      throw new SignalboxError('APPROVAL_CLAIMED', `\`${life.claim.by}\` has claimed it until ${life.claim.until}`)
    return { claim: { by: who, until: ahead(Number(seconds)) } }
  }),
  unclaimApproval: act('unclaimed', () => ({ claim: null })),
  seeApproval: act('seen', ({ seen }, who) => ({ seen: { ...seen, [who]: ago(0) } })),
  askInformation: act('information_asked', (_life, by) => ({
    information: { by, asked_at: ago(0), given_at: null, stops_deadline: true },
  })),
  giveInformation: act('information_given', ({ information }) => ({
    information: information && { ...information, given_at: ago(0) },
  })),
  snoozeApproval: act('snoozed', ({ snoozed }, who, { seconds }) => ({
    snoozed: { ...snoozed, [who]: ahead(Number(seconds)) },
  })),
  editApproval: act('edited', (_life, who, { arguments: args }) => {
    // Parsed before.
    if ((args as { limit_minor: number }).limit_minor > 1_000_000)
      throw new SignalboxError('POLICY_DENIED', 'policy `vendors.limit` denies the arguments as edited')
    return { editing: who }
  }),
  withdrawApproval: (held, call) => {
    const ask = held.approvals.find((each) => each.id === call.id)
    Object.assign(ask ?? {}, { state: 'cancelled', decided_by: call.me?.principal.id, decided_at: ago(0) })
    return { accepted: true, id: call.id }
  },
  liftDecline: (_held, { id }) => ({ accepted: true, id }),
  delegate: (held, { body, me }) => {
    const made = { ...(body as DelegationView), ...fresh('del_2', me) } // parsed before
    held.delegations = [...held.delegations, made]
    return made
  },
  giveStanding: (held, { body, me }) => {
    const rest = { amount_field: null, max_amount: null, used: 0, used_amount: 0, uses: [] }
    const made = { ...rest, ...(body as StandingView), ...fresh('sta_2', me) } // parsed before
    held.standing = [...held.standing, made]
    return made
  },
  revokeMandate: (held, { id, me }) => {
    const end = { in_force: false, revoked_by: me?.principal.id ?? null, revoked_at: ago(0) }
    held.delegations = held.delegations.map((one) => (one.id === id ? { ...one, ...end } : one))
    held.standing = held.standing.map((one) => (one.id === id ? { ...one, ...end } : one))
    return { accepted: true, id }
  },
}

function fresh(id: string, me: Me | null) {
  const by = { created_by: me?.principal.id ?? '', created_at: ago(0), starts_at: ago(0) }
  return { id, ...by, revoked_by: null, revoked_at: null, in_force: true }
}

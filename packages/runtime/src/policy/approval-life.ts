/**
 * How an approval goes on: what people and time do to it, judged and folded by the same pure functions where somebody
 * answers and where the answer is put on record. `approvals.ts` has the table of states; this file has what it takes for an
 * event to happen.
 */
import { type ErrorCode, SignalboxError } from '../base/errors.ts'
import { isoTime, timeOf } from '../base/time.ts'
import type { ApprovalChange, Vote } from '../contracts/approval.ts'
import type { Principal } from '../contracts/common.ts'
import type { ApprovalVote, AskingPolicy } from '../contracts/policy.ts'
import { areDistinct, covers, isComplete, personsOf, stageOf, stagesOf } from './approval-people.ts'
import { type ApprovalEvent, type ApprovalState, nextApproval } from './approvals.ts'

/** What does not change while an approval lives. */
export interface ApprovalTerms {
  readonly id: string
  readonly requester: Principal
  readonly asks: readonly AskingPolicy[]
  /** Milliseconds since 1970. */
  readonly requestedAt: number
  /** Of the first stage. */
  readonly deadline: number
  /** How long a stage waits whose policies declare no deadline. */
  readonly defaultSeconds: number
}

/** Where an approval stands. Times in milliseconds since 1970. */
export interface ApprovalProgress {
  readonly state: ApprovalState
  readonly stage: number
  readonly stageAt: number
  readonly deadline: number
  readonly votes: readonly (Vote & { readonly stage: number })[]
  readonly claim: { readonly by: string; readonly until: number } | null
  readonly question: { readonly by: string; readonly askedAt: number; readonly givenAt: number | null } | null
  /** By how much questions have moved the deadline of this stage, and may move it at most. */
  readonly extended: number
  readonly snoozed: Readonly<Record<string, number>>
  readonly seen: Readonly<Record<string, number>>
  readonly escalated: readonly {
    readonly policy: string
    readonly roles: readonly string[]
    readonly users: readonly string[]
    readonly at: number
  }[]
  readonly edit: Extract<ApprovalChange, { what: 'edited' }> | null
}

/** A claim without a time lasts this long. */
export const CLAIM_SECONDS = 900

/** An approval as it is asked. */
export function askedProgress(terms: ApprovalTerms): ApprovalProgress {
  return {
    state: 'open',
    stage: stagesOf(terms.asks)[0] ?? 1,
    stageAt: terms.requestedAt,
    deadline: terms.deadline,
    votes: [],
    claim: null,
    question: null,
    extended: 0,
    snoozed: {},
    seen: {},
    escalated: [],
    edit: null,
  }
}

/** How long the stage waits: the shortest time that its policies declare. */
export function stageSeconds(asks: readonly AskingPolicy[], stage: number, fallback: number): number {
  const declared = asks.flatMap((ask) => (stageOf(ask) === stage ? (ask.deadline_seconds ?? []) : []))
  return declared.length > 0 ? Math.min(...declared) : fallback
}

/** An answer as policy sees it. */
export function asVote({ by, for: actingFor, escalated }: Vote): ApprovalVote {
  return { approver: by, ...(actingFor ? { for: actingFor } : {}), ...(escalated ? { escalated } : {}) }
}

/** The policies of the stage that lack answers. */
export function lacking(terms: ApprovalTerms, progress: ApprovalProgress): readonly AskingPolicy[] {
  const votes = progress.votes.map(asVote)
  return terms.asks.filter((ask) => stageOf(ask) === progress.stage && !isComplete([ask], votes))
}

/** Who can answer now, a list for each policy that lacks answers: roles, and `user:<id>`. */
export function answerableBy(terms: ApprovalTerms, progress: ApprovalProgress): readonly (readonly string[])[] {
  return lacking(terms, progress).map((ask) => {
    const beside = progress.escalated.filter((one) => one.policy === ask.id)
    const others = beside.flatMap(({ roles, users }) => [...roles, ...users])
    return [...new Set([...ask.approvers, ...others])]
  })
}

/** What a person does. */
export type ApprovalAction =
  | { readonly do: 'approve' | 'reject'; readonly vote: Vote }
  | { readonly do: 'edit'; readonly change: Extract<ApprovalChange, { what: 'edited' }> }
  | {
      readonly do: 'claim' | 'unclaim' | 'ask' | 'tell' | 'snooze' | 'see'
      readonly change: Extract<
        ApprovalChange,
        { what: 'claimed' | 'unclaimed' | 'information_asked' | 'information_given' | 'snoozed' | 'seen' }
      >
    }
  | { readonly do: 'withdraw'; readonly by: Principal; readonly givenAt: string }

/** What comes of it: records in order, and an end. */
export interface ActionResult {
  readonly changes: readonly ApprovalChange[]
  readonly end: 'approved' | 'rejected' | 'cancelled' | null
  readonly vote: Vote | null
}

/**
 * Judges what a person does by where the approval stands.
 * @throws SignalboxError APPROVAL_SELF, APPROVAL_NOT_ALLOWED, APPROVAL_CLAIMED, APPROVAL_EXPIRED, APPROVAL_DECIDED,
 * APPROVAL_VOID, CONFLICT
 */
export function act(terms: ApprovalTerms, progress: ApprovalProgress, action: ApprovalAction): ActionResult {
  const [by, at] = actorOf(action)
  if (at >= progress.deadline && action.do !== 'see')
    throw refuse('APPROVAL_EXPIRED', `approval \`${terms.id}\` expired; nobody answered in time`)
  switch (action.do) {
    case 'approve':
      return approve(terms, progress, action.vote)
    case 'reject':
      checkAnswer(terms, progress, action.vote, 'reject')
      return { changes: [], end: 'rejected', vote: action.vote }
    case 'edit':
      checkAnswer(terms, progress, action.change, 'edit')
      return only(action.change)
    case 'withdraw':
      nextApproval(progress.state === 'open' || progress.state === 'editing' ? 'open' : progress.state, 'reject')
      if (by.id !== terms.requester.id || by.tenant !== terms.requester.tenant)
        throw refuse('APPROVAL_NOT_ALLOWED', `only \`${terms.requester.id}\`, who asked for it, can take it back`)
      return { changes: [], end: 'cancelled', vote: null }
    case 'tell':
      checkTold(terms, progress, by)
      return only(action.change)
    default:
      nextApproval(progress.state, EVENTS[action.change.what])
      if (action.do === 'see') return progress.seen[by.id] === undefined ? only(action.change) : NOTHING
      checkPerson(terms, progress, { by }, action.do)
      checkClaim(progress, by, at, action.do)
      return only(action.change)
  }
}

const NOTHING: ActionResult = { changes: [], end: null, vote: null }

function only(change: ApprovalChange): ActionResult {
  return { changes: [change], end: null, vote: null }
}

function actorOf(action: ApprovalAction): readonly [Principal, number] {
  if ('vote' in action) return [action.vote.by, timeOf(action.vote.given_at)]
  return 'change' in action ? [action.change.by, timeOf(action.change.given_at)] : [action.by, timeOf(action.givenAt)]
}

function approve(terms: ApprovalTerms, progress: ApprovalProgress, given: Vote): ActionResult {
  const vote = withEscalations(terms, progress, given)
  checkAnswer(terms, progress, vote, 'approve')
  const after = fold(terms, progress, { what: 'voted', ...vote })
  if (lacking(terms, after).length > 0) return { changes: [{ what: 'voted', ...vote }], end: null, vote }
  const next = stagesOf(terms.asks).find((stage) => stage > progress.stage)
  if (next === undefined) return { changes: [], end: 'approved', vote }
  const seconds = stageSeconds(terms.asks, next, terms.defaultSeconds)
  const deadline = isoTime(timeOf(vote.given_at) + seconds * 1_000)
  const begun = { what: 'stage_begun' as const, stage: next, given_at: vote.given_at, deadline }
  return { changes: [{ what: 'voted', ...vote }, begun], end: null, vote }
}

/** Names the policies that the person can answer only because they were escalated. */
export function withEscalations(terms: ApprovalTerms, progress: ApprovalProgress, vote: Vote): Vote {
  const open = new Set(progress.escalated.map((one) => one.policy))
  const escalated = terms.asks
    .filter((ask) => open.has(ask.id) && stageOf(ask) === progress.stage && !covers(ask, asVote(vote)))
    .filter((ask) => covers(openedOf(ask, progress), asVote({ ...vote, escalated: [ask.id] })))
    .map((ask) => ask.id)
  return escalated.length > 0 ? { ...vote, escalated } : vote
}

/** The policy with those of its escalations that have come into force. */
function openedOf(ask: AskingPolicy, progress: ApprovalProgress): AskingPolicy {
  const since = progress.escalated.filter((one) => one.policy === ask.id)
  return { ...ask, escalate: since.map(({ roles, users }) => ({ roles, users, after_seconds: 0 })) }
}

function checkAnswer(
  terms: ApprovalTerms,
  progress: ApprovalProgress,
  given: Vote,
  event: 'approve' | 'reject' | 'edit',
): void {
  nextApproval(progress.state, event)
  checkPerson(terms, progress, withEscalations(terms, progress, given), event)
  checkClaim(progress, given.by, timeOf(given.given_at), lockedBy(terms) ? event : null)
}

function lockedBy(terms: ApprovalTerms): boolean {
  return terms.asks.some((ask) => ask.claim === 'locks')
}

type Acting = Pick<Vote, 'by' | 'for' | 'escalated'>

function checkPerson(terms: ApprovalTerms, progress: ApprovalProgress, who: Acting, what: string): void {
  const { by } = who
  const { requester } = terms
  if (by.tenant !== requester.tenant) throw refuse('APPROVAL_NOT_FOUND', `there is no request \`${terms.id}\``)
  if (by.kind !== 'user') throw refuse('APPROVAL_NOT_ALLOWED', `only a person may answer, \`${by.id}\` is a ${by.kind}`)
  const vote = { approver: by, ...(who.for ? { for: who.for } : {}), escalated: who.escalated ?? [] }
  if (personsOf(vote).includes(requester.id))
    throw refuse('APPROVAL_SELF', `\`${requester.id}\` asked for this: another person has to answer`)
  // Who said yes already may still say no, as long as it is open.
  if (
    what !== 'reject' &&
    (what === 'approve' || what === 'edit') &&
    !areDistinct([...progress.votes.map(asVote), vote])
  )
    throw refuse('APPROVAL_DECIDED', `\`${by.id}\` has answered this already: another person has to`, by.id)
  const full = what === 'approve' || what === 'reject' || what === 'edit' ? vote : fullVote(terms, progress, by)
  const asked = what === 'reject' ? stagePolicies(terms, progress) : lacking(terms, progress)
  const missing = asked.find((ask) => !covers(ask, full))
  if (asked.length === 0 || missing === undefined) {
    if (terms.asks.length === 0) throw refuse('APPROVAL_NOT_ALLOWED', 'no role may answer this request')
    return
  }
  const roles = missing.approvers.map((role) => `\`${role}\``).join(', ')
  throw refuse('APPROVAL_NOT_ALLOWED', `one of the roles ${roles} is needed`)
}

function fullVote(terms: ApprovalTerms, progress: ApprovalProgress, by: Principal): ApprovalVote {
  const plain: Vote = { by, given_at: isoTime(progress.stageAt), reason: null, seen: null }
  return asVote(withEscalations(terms, progress, plain))
}

function stagePolicies(terms: ApprovalTerms, progress: ApprovalProgress): readonly AskingPolicy[] {
  return terms.asks.filter((ask) => stageOf(ask) === progress.stage)
}

/** A claim that lasts keeps others from claiming, and from answering where a policy declares that it locks. */
function checkClaim({ claim }: ApprovalProgress, by: Principal, at: number, what: string | null): void {
  if (what === 'unclaim' && claim?.by !== by.id)
    throw refuse('CONFLICT', claim ? `it is claimed by \`${claim.by}\`` : 'nobody has claimed it')
  if (what === null || what === 'ask' || what === 'snooze' || !claim || claim.by === by.id || claim.until <= at) return
  throw new SignalboxError('APPROVAL_CLAIMED', `\`${claim.by}\` has claimed it until ${isoTime(claim.until)}`, {
    details: { claimed_by: claim.by, until: isoTime(claim.until) },
  })
}

/** The requester tells; where a program asked, any person of the tenant. */
function checkTold(terms: ApprovalTerms, progress: ApprovalProgress, by: Principal): void {
  nextApproval(progress.state, 'tell')
  const { requester } = terms
  if (by.tenant !== requester.tenant) throw refuse('APPROVAL_NOT_FOUND', `there is no request \`${terms.id}\``)
  if (by.kind !== 'user' || (requester.kind === 'user' && requester.id !== by.id))
    throw refuse('APPROVAL_NOT_ALLOWED', `the question is put to \`${requester.id}\``)
  if (!progress.question || progress.question.givenAt !== null) throw refuse('CONFLICT', 'no question is open')
}

function refuse(code: ErrorCode, message: string, by: string | null = null): SignalboxError {
  return new SignalboxError(code, message, by === null ? {} : { details: { decided_by: by } })
}

const EVENTS = {
  voted: 'vote',
  claimed: 'claim',
  unclaimed: 'unclaim',
  information_asked: 'ask',
  information_given: 'tell',
  snoozed: 'snooze',
  seen: 'see',
  edited: 'edit',
  edit_refused: 'refuse_edit',
  stage_begun: 'begin_stage',
  escalated: 'escalate',
  reminded: 'remind',
} as const satisfies Record<ApprovalChange['what'], ApprovalEvent>

/** The progress after a change; one that has no place there changes nothing. */
export function fold(terms: ApprovalTerms, progress: ApprovalProgress, change: ApprovalChange): ApprovalProgress {
  const event = EVENTS[change.what]
  let state: ApprovalState
  try {
    state = nextApproval(progress.state, event)
  } catch {
    return progress
  }
  if (progress.state !== 'open' && progress.state !== 'editing') return progress
  return { ...progress, ...changed(terms, progress, change), state }
}

function changed(terms: ApprovalTerms, progress: ApprovalProgress, change: ApprovalChange): Partial<ApprovalProgress> {
  const at = timeOf(change.given_at)
  switch (change.what) {
    case 'voted': {
      const { what: _, ...vote } = change
      // Nobody counts twice, whatever the records say.
      if (!areDistinct([...progress.votes, vote].map(asVote))) return {}
      return { votes: [...progress.votes, { ...vote, stage: progress.stage }], claim: null }
    }
    case 'claimed':
      return { claim: { by: change.by.id, until: timeOf(change.until) } }
    case 'unclaimed':
      return { claim: null }
    case 'information_asked':
      return { question: { by: change.by.id, askedAt: at, givenAt: null }, ...held(terms, progress) }
    case 'information_given':
      return told(terms, progress, at)
    case 'snoozed':
      return { snoozed: { ...progress.snoozed, [change.by.id]: timeOf(change.until) } }
    case 'seen':
      return progress.seen[change.by.id] === undefined ? { seen: { ...progress.seen, [change.by.id]: at } } : {}
    case 'edited':
      return { edit: change }
    case 'edit_refused':
      return { edit: null }
    case 'stage_begun':
      return { stage: change.stage, stageAt: at, deadline: timeOf(change.deadline), extended: 0, question: null }
    case 'escalated': {
      const { policy, roles, users } = change
      return { escalated: [...progress.escalated, { policy, roles, users, at }] }
    }
    case 'reminded': {
      const { [change.whom]: _, ...others } = progress.snoozed
      return { snoozed: others }
    }
    default:
      return change satisfies never
  }
}

/** True where a question to the requester keeps the deadline away. */
export function stopsDeadline(terms: ApprovalTerms, stage: number): boolean {
  return terms.asks.some((ask) => stageOf(ask) === stage && ask.information === 'stops_deadline')
}

/** What questions may still move the deadline of this stage by: its own length, once. */
function leftToHold(terms: ApprovalTerms, progress: ApprovalProgress): number {
  const length = progress.deadline - progress.extended - progress.stageAt
  return stopsDeadline(terms, progress.stage) ? Math.max(0, length - progress.extended) : 0
}

function held(terms: ApprovalTerms, progress: ApprovalProgress): Partial<ApprovalProgress> {
  // A second question while one is open holds nothing more.
  if (progress.question && progress.question.givenAt === null) return {}
  const left = leftToHold(terms, progress)
  return { deadline: progress.deadline + left, extended: progress.extended + left }
}

function told(terms: ApprovalTerms, progress: ApprovalProgress, at: number): Partial<ApprovalProgress> {
  const { question } = progress
  if (!question || question.givenAt !== null) return {}
  const answered = { question: { ...question, givenAt: at } }
  if (!stopsDeadline(terms, progress.stage)) return answered
  const unused = Math.max(0, progress.extended - Math.max(0, at - question.askedAt))
  return { ...answered, deadline: progress.deadline - unused, extended: progress.extended - unused }
}

/** What time does to an approval: changes that are due, and when it has to be looked at again at the latest. */
export function timed(
  terms: ApprovalTerms,
  progress: ApprovalProgress,
  now: number,
): { readonly due: readonly ApprovalChange[]; readonly next: number } {
  const due: ApprovalChange[] = []
  const times = [progress.deadline]
  const at = (time: number, make: () => ApprovalChange): void => {
    if (time <= now) due.push(make())
    else times.push(time)
  }
  for (const ask of progress.state === 'open' ? lacking(terms, progress) : [])
    for (const { roles, users, after_seconds: after } of ask.escalate ?? []) {
      const done = progress.escalated.some(
        (one) => one.policy === ask.id && String(one.roles) === String(roles) && String(one.users) === String(users),
      )
      const when = progress.stageAt + after * 1_000
      if (!done) at(when, () => ({ what: 'escalated', policy: ask.id, roles, users, given_at: isoTime(when) }))
    }
  for (const [whom, until] of Object.entries(progress.snoozed))
    at(until, () => ({ what: 'reminded', whom, given_at: isoTime(until) }))
  return { due, next: Math.min(...times) }
}

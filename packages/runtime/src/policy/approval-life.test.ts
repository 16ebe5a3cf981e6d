import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SignalboxError } from '../base/errors.ts'
import { isoTime } from '../base/time.ts'
import type { ApprovalChange, Vote } from '../contracts/approval.ts'
import type { Principal } from '../contracts/common.ts'
import type { AskingPolicy } from '../contracts/policy.ts'
import type { PersonRequestRow } from '../contracts/store.ts'
import {
  act,
  type ApprovalAction,
  type ApprovalProgress,
  type ApprovalTerms,
  askedProgress,
  asVote,
  fold,
  timed,
} from './approval-life.ts'
import { isComplete } from './approval-people.ts'
import { readTerms } from './approval-terms.ts'
import { reviewStats } from './review-stats.ts'

const person = (id: string, ...roles: string[]): Principal => ({ id, kind: 'user', tenant: 'acme', roles })
const ANA = person('ana', 'approver', 'treasury')
const PEOPLE = [
  ...[ANA, person('paul', 'approver'), person('vera', 'approver'), person('tina', 'treasury')],
  ...[person('otto', 'approver', 'treasury'), person('dora'), { ...person('bot', 'approver'), kind: 'agent' as const }],
]
const START = 1_000_000
const ASKS: readonly AskingPolicy[] = [
  { id: 'first', reason_code: 'R', approvers: ['approver'], quorum: 2, deadline_seconds: 100 },
  {
    ...{ id: 'second', reason_code: 'R', approvers: ['treasury'], stage: 2, deadline_seconds: 100 },
    ...{ escalate: [{ roles: [], users: ['dora'], after_seconds: 10 }], information: 'stops_deadline' as const },
  },
]
const TERMS: ApprovalTerms = {
  ...{ id: 'apr_1', requester: ANA, asks: ASKS, requestedAt: START, deadline: START + 100_000, defaultSeconds: 1_000 },
}

interface Done {
  readonly action: ApprovalAction
  readonly at: number
}

const action = fc
  .record({
    what: fc.constantFrom<ApprovalAction['do'][]>('approve', 'approve', 'approve', 'reject', 'claim', 'ask', 'tell'),
    by: fc.constantFrom(...PEOPLE),
    at: fc.integer({ min: 0, max: 110_000 }),
  })
  .map(({ what, by, at }): Done => {
    const given_at = isoTime(START + at)
    const vote: Vote = { by, given_at, reason: null, seen: null }
    if (what === 'approve' || what === 'reject') return { action: { do: what, vote }, at: START + at }
    const until = isoTime(START + at + 5_000)
    const change: ApprovalChange =
      what === 'claim'
        ? { what: 'claimed', by, given_at, until }
        : { what: what === 'ask' ? 'information_asked' : 'information_given', by, given_at, text: null }
    // Each of the three goes with its own change.
    return { action: { do: what, change } as ApprovalAction, at: START + at }
  })

/** Plays actions in their order, each as the door would take it. */
function play(actions: readonly Done[]) {
  let progress = askedProgress(TERMS)
  let ended: { readonly end: string; readonly votes: readonly Vote[] } | null = null
  for (const { action: one, at } of actions) {
    if (ended) break
    progress = timed(TERMS, progress, at).due.reduce((now, change) => fold(TERMS, now, change), progress)
    const result = tried(progress, one)
    if (!result) continue
    progress = result.changes.reduce((now, change) => fold(TERMS, now, change), progress)
    const votes = result.vote ? [...progress.votes, result.vote] : progress.votes
    if (result.end) ended = { end: result.end, votes }
  }
  return { progress, ended }
}

function tried(progress: ApprovalProgress, one: ApprovalAction) {
  try {
    return act(TERMS, progress, one)
  } catch (thrown) {
    if (thrown instanceof SignalboxError) return null
    throw thrown
  }
}

describe('the life of an approval', () => {
  it('APV-007: under any order of answers it is given by as many different people as demanded, or not at all', () => {
    let given = 0
    const property = fc.property(fc.array(action, { maxLength: 25 }), fc.boolean(), (actions, doubled) => {
      const order = doubled ? actions.flatMap((one) => [one, one]) : actions
      const { ended, progress } = play(order)
      const people = progress.votes.map((vote) => vote.by.id)
      expect(new Set(people).size).toBe(people.length)
      if (ended?.end !== 'approved') return
      given += 1
      const votes = ended.votes.map(asVote)
      expect(isComplete(ASKS, votes)).toBe(true)
      expect(votes.every(({ approver }) => approver.kind === 'user' && approver.id !== ANA.id)).toBe(true)
      const ids = votes.map(({ approver }) => approver.id)
      expect(new Set(ids).size).toBe(3)
    })
    fc.assert(property, { numRuns: 1_000, seed: 7 })
    // The property speaks of something.
    expect(given).toBeGreaterThan(2)
  })

  it('APV-007: changes that are dropped, doubled or out of place leave a state that is none of the ends', () => {
    const at = isoTime(START + 1_000)
    const vote = (by: Principal): ApprovalChange => ({ what: 'voted', by, given_at: at, reason: null, seen: null })
    const all: readonly ApprovalChange[] = [
      ...[vote(person('paul', 'approver')), vote(person('vera', 'approver'))],
      { what: 'stage_begun', stage: 2, given_at: at, deadline: isoTime(START + 200_000) },
      { what: 'edit_refused', by: ANA, given_at: at, code: 'X' },
    ]
    const property = fc.property(fc.array(fc.constantFrom(...all), { maxLength: 12 }), (changes) => {
      const end = changes.reduce((now, change) => fold(TERMS, now, change), askedProgress(TERMS))
      expect(end.state).toBe('open')
      expect(end.votes.length).toBeLessThanOrEqual(2)
    })
    fc.assert(property, { numRuns: 300 })
  })

  it('APV-006: what annotations demand is read, and what cannot be read is told', () => {
    const notes = { approvals: '2', stage: '1', deadline: 'PT4H', escalate: 'role:treasury PT1H, user:ana P1D' }
    expect(readTerms(notes, ['treasury'])).toEqual({
      terms: {
        ...{ quorum: 2, stage: 1, deadline_seconds: 14_400 },
        escalate: [
          { roles: ['treasury'], users: [], after_seconds: 3_600 },
          { roles: [], users: ['user:ana'], after_seconds: 86_400 },
        ],
      },
      problems: [],
    })
    const wrong = { approvals: '0', stage: 'x', deadline: '4h', escalate: 'role:nobody PT1H', claim: 'yes' }
    const { problems } = readTerms(wrong, ['treasury'])
    expect(problems).toHaveLength(5)
    expect(problems.join('\n')).toMatch(/@approvals\("0"\)[\s\S]*@deadline\("4h"\)|role `nobody` is not declared/)
  })
})

describe('statistics', () => {
  it('APV-060: tell load by role, median times, and yeses without reading', () => {
    const row = (id: string, over: Partial<PersonRequestRow>): PersonRequestRow => ({
      ...{ tenant: 'acme', id, kind: 'approval', runId: 'r', workflow: 'w', seq: 1, tool: 't', class: 'c' },
      ...{ effect: 'irreversible', approvers: [['approver']], requester: 'ana', state: 'open', decidedBy: null },
      ...{ requestedAt: START, deadline: START * 2, decidedAt: null },
      ...over,
    })
    const yes = (n: number, by: string, seconds: number, seen: boolean) =>
      row(`a${n}`, {
        ...{ state: 'approved' as const, decidedBy: by, decidedAt: START + seconds * 1_000 },
        life: {
          ...{ stage: 1, stages: 1, demands: [], votes: [], claim: null, information: null, snoozed: {} },
          ...{ editing: null, escalations: [], edited_by: null, standing: null, ended_by: by },
          seen: seen ? { [by]: isoTime(START + 1_000) } : {},
        },
      })
    const rows = [
      ...[1, 2, 3, 4, 5].map((n) => yes(n, 'quick', 2, false)),
      ...[6, 7, 8].map((n) => yes(n, 'careful', 100 * n, true)),
      row('no', { state: 'rejected', decidedBy: 'careful', decidedAt: START + 400_000 }),
      row('open', { approvers: [['approver', 'treasury']] }),
    ]
    const stats = reviewStats(rows, { since: 0, now: START + 60_000, quickSeconds: 30 })
    expect(stats).toMatchObject({ open: 1, decided: { approved: 8, rejected: 1 } })
    expect(stats.open_by_role.map((one) => [one.role, one.oldest_seconds])).toEqual([
      ['approver', 60],
      ['treasury', 60],
    ])
    expect(stats.reviewers).toMatchObject([
      { reviewer: 'careful', approved: 3, rejected: 1, unread_share: 0, streak: 3, rubber_stamp: false },
      { reviewer: 'quick', approved: 5, unread_share: 1, streak: 5, rubber_stamp: true, median_decision_seconds: 2 },
    ])
  })
})

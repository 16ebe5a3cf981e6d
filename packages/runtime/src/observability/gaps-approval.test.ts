import { describe, expect, it } from 'vitest'
import type { Vote } from '../contracts/approval.ts'
import type { Principal } from '../contracts/common.ts'
import type { AskingPolicy } from '../contracts/policy.ts'
import type { RunRecord } from '../contracts/records.ts'
import { ANA, BEN, completeHistory } from '../testing/history.ts'
import { lineageGaps } from './gaps.ts'
import { lineageOf } from './lineage.ts'
import { storyOf } from './story.ts'

const VERA: Principal = { ...BEN, id: 'user:vera' }
const TINA: Principal = { ...BEN, id: 'user:tina', roles: ['treasury'] }
const complete = completeHistory()
const ASK: AskingPolicy = { id: 'pay', reason_code: 'R', approvers: ['approver'], quorum: 2 }

/** The history with these answers to what the policy demands. */
function recordsOf(
  voters: readonly Partial<Vote>[],
  ask: Partial<AskingPolicy> = {},
  escalated = false,
): readonly RunRecord[] {
  return complete.records().flatMap((record): RunRecord[] => {
    if (record.type === 'approval.requested') return [{ ...record, asks: [{ ...ASK, ...ask }] }]
    if (record.type !== 'approval.decided') return [record]
    const votes = voters.map(
      (vote): Vote => ({ by: BEN, given_at: record.at, reason: record.reason, seen: record.seen, ...vote }),
    )
    const { type: _, answer: _answer, ...base } = record
    const change = { what: 'escalated' as const, policy: 'pay', roles: ['treasury'], users: [], given_at: record.at }
    const told: RunRecord = { ...base, type: 'approval.changed', change }
    return [...(escalated ? [told] : []), { ...record, by: votes.at(-1)?.by ?? null, votes }]
  })
}

const told = (...how: Parameters<typeof recordsOf>): readonly string[] =>
  lineageGaps(recordsOf(...how)).map((gap) => gap.detail)

describe('the story', () => {
  it('APV-091: tells what happened while it was open, who said yes, and in whose place', () => {
    const acting = { for: { id: 'user:otto', roles: ['approver'], delegation: 'dlg_1' } }
    const story = storyOf(recordsOf([{ by: BEN }, { by: TINA, ...acting }], {}, true))
    const text = JSON.stringify(story)
    expect(text).toMatch(/Nobody answered approval .* in time for .*pay.*: treasury can answer too/)
    expect(text).toMatch(/yes was said by .*user:ben.* and .*user:tina.* for .*user:otto/)
  })
})

describe('the lineage of an effect', () => {
  it('LIN-018: shows everybody who said yes and in whose place, a standing approval, and an edit', () => {
    const acting = { for: { id: 'user:otto', roles: ['approver'], delegation: 'dlg_1' } }
    const approvalIn = (records: readonly RunRecord[]) => lineageOf(records)[0]?.approval
    expect(approvalIn(recordsOf([{ by: BEN }, { by: TINA, ...acting }]))).toMatchObject({
      votes: [
        { by: 'user:ben', actingFor: null },
        { by: 'user:tina', actingFor: { id: 'user:otto', delegation: 'dlg_1' } },
      ],
      standing: null,
      edited: false,
    })
    const plain = approvalIn(complete.records())
    expect(plain?.votes).toMatchObject([{ by: 'user:ben', seen: plain?.seen }])
    const other = complete.records().map((record): RunRecord => {
      if (record.type !== 'approval.decided') return record
      const edited = {
        args: record.reason,
        args_digest: 'd',
        by: BEN.id,
        approval: record.approval_id,
        target_digest: 't',
      }
      // Only that it is there is read.
      return { ...record, standing: { mandate: 'mnd_1', amount: 5 }, edited } as unknown as RunRecord
    })
    expect(approvalIn(other)).toMatchObject({ standing: 'mnd_1', edited: true })
  })
})

describe('the answers that an intent rests on', () => {
  it('APV-090: as many different people as demanded, each with a role, leave no gap', () => {
    expect(told([{ by: BEN }, { by: VERA }])).toEqual([])
    expect(told([{ by: TINA }], { quorum: 1 }, true)).toEqual([])
    const acting = { for: { id: 'user:otto', roles: ['approver'], delegation: 'dlg_1' } }
    expect(told([{ by: BEN }, { by: TINA, ...acting }])).toEqual([])
  })

  it.each<[string, readonly Partial<Vote>[], RegExp]>([
    ['one too few', [{ by: BEN }], /demands 2 of approver, and has 1/],
    ['one person twice', [{ by: BEN }, { by: BEN }], /one person counts twice/],
    [
      'a reviewer and the delegate',
      [{ by: BEN }, { by: TINA, for: { id: BEN.id, roles: ['approver'], delegation: 'd' } }],
      /counts twice/,
    ],
    ['one without the role', [{ by: BEN }, { by: TINA }], /demands 2 of approver, and has 1/],
    ['the requester among them', [{ by: BEN }, { by: { ...ANA, roles: ['approver'] } }], /the requester approved/],
    [
      'a delegate of the requester',
      [{ by: BEN }, { by: VERA, for: { id: ANA.id, roles: ['approver'], delegation: 'd' } }],
      /the requester approved/,
    ],
    ['one who saw something else', [{ by: BEN }, { by: VERA, seen: 'x' }], /is not what was asked/],
    ['one without a reason', [{ by: BEN }, { by: VERA, reason: null }], /gave no reason/],
  ])('APV-090: %s is a gap', (_what, votes, detail) => {
    expect(told(votes).join('; ')).toMatch(detail)
  })

  it('APV-090: somebody of a role to which nobody escalated it is a gap', () => {
    expect(told([{ by: TINA }], { quorum: 1 }).join('; ')).toMatch(/demands 1 of approver, and has 0/)
  })
})

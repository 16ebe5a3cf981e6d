import { afterEach, describe, expect, it, vi } from 'vitest'
import type { Principal } from '../../contracts/common.ts'
import {
  askingBundle as bundle,
  changes,
  endOf,
  no,
  resting,
  waitingOn,
  ways,
  yes,
} from '../../testing/approval-kit.ts'
import { ANA, benchSet, PAUL, VERA } from '../../testing/bench-box.ts'

const set = benchSet()
const waiting = waitingOn(set)
afterEach(() => set.close())

const TINA: Principal = { id: 'user:tina', kind: 'user', tenant: 'acme', roles: ['treasury'] }

describe.each(ways)('several people, %s', (way) => {
  it('APV-001, APV-003: two are needed; nothing is sent after one, and nobody counts twice', async () => {
    const { one, outside, runId, id } = await waiting(bundle('@approvals("2")'))
    await yes(one, id, PAUL)
    await expect(yes(one, id, PAUL)).rejects.toMatchObject({ code: 'APPROVAL_DECIDED' })
    await expect(yes(one, id, { ...ANA, roles: ['approver'] })).rejects.toMatchObject({ code: 'APPROVAL_SELF' })
    await one.until(async () => ((await one.asked()).life?.votes.length === 1 ? true : null), 'a vote')
    expect(outside.requests).toEqual([])
    await yes(one, id, VERA)
    expect(await endOf(one, runId, way)).toBe('succeeded')
    expect(outside.booked).toHaveLength(1)
    const [decided] = await one.of(runId, 'approval.decided')
    expect(decided?.votes?.map((vote) => vote.by.id)).toEqual([PAUL.id, VERA.id])
    expect((await one.store.request('acme', id))?.life).toMatchObject({ ended_by: VERA.id })
  })

  it('APV-002: stages are answered in their order, each by its own roles', async () => {
    const policy = bundle('', { large: 'treasury @stage("2") @deadline("PT1H")' })
    const { one, outside, runId, id } = await waiting(policy, 500)
    await expect(yes(one, id, TINA)).rejects.toMatchObject({ code: 'APPROVAL_NOT_ALLOWED' })
    expect((await one.asked()).approvers).toEqual([['approver']])
    await yes(one, id, PAUL)
    const second = await one.until(async () => {
      const row = await one.asked()
      return row.life?.stage === 2 ? row : null
    }, 'the second stage')
    expect(second.approvers).toEqual([['treasury']])
    expect(outside.requests).toEqual([])
    await expect(yes(one, id, VERA)).rejects.toMatchObject({ code: 'APPROVAL_NOT_ALLOWED' })
    await yes(one, id, TINA)
    expect(await endOf(one, runId, way)).toBe('succeeded')
    expect(outside.booked).toHaveLength(1)
    expect(await changes(one, runId)).toEqual(['voted', 'stage_begun'])
  })

  it('APV-004: one no ends it, whoever said yes before; nothing is sent, and the next is told by whom and when', async () => {
    const { one, outside, runId, id } = await waiting(bundle('@approvals("2")'))
    await yes(one, id, PAUL)
    await one.until(async () => ((await one.asked()).life?.votes.length === 1 ? true : null), 'a vote')
    await resting(one, runId)
    await one.kill()
    await no(one, id, VERA)
    await expect(yes(one, id, { ...PAUL, id: 'user:otto' })).rejects.toMatchObject({
      code: 'APPROVAL_DECIDED',
      details: { decided_by: VERA.id, decided_at: expect.any(String) },
    })
    one.work()
    expect(await endOf(one, runId, way)).toBe('rejected APPROVAL_REJECTED')
    expect(outside.requests).toEqual([])
  })

  it('APV-005: a stage that nobody answers in its time expires; nothing is sent', async () => {
    const policy = bundle('', { large: 'treasury @stage("2") @deadline("PT1H")' })
    const { one, outside, runId, id } = await waiting(policy, 500)
    await yes(one, id, PAUL)
    await one.until(async () => ((await one.asked()).life?.stage === 2 ? true : null), 'the second stage')
    await resting(one, runId)
    await one.host.advance(3_601_000)
    expect(await endOf(one, runId, way)).toBe('expired APPROVAL_EXPIRED')
    expect(outside.requests).toEqual([])
  })
})

describe('at the same time, and on another branch', () => {
  it('APV-008: of three who answer at once where two are needed, one is told that it is decided', async () => {
    const { one, outside, runId, id } = await waiting(bundle('@approvals("2")'))
    await resting(one, runId)
    await one.kill()
    const people = [PAUL, VERA, { ...PAUL, id: 'user:otto' }]
    const ends = await Promise.allSettled(people.map((person) => yes(one, id, person)))
    const refused = ends.flatMap((end) => (end.status === 'rejected' ? [end.reason] : []))
    expect(refused).toMatchObject([{ code: 'APPROVAL_DECIDED', details: { decided_at: expect.any(String) } }])
    one.work()
    expect(await endOf(one, runId)).toBe('succeeded')
    expect(outside.booked).toHaveLength(1)
    expect((await one.of(runId, 'approval.decided'))[0]?.votes).toHaveLength(2)
  })

  it('APV-009: a restore to before an answer takes it back; a fork asks anew; nothing is sent', async () => {
    const { one, outside, runId, id } = await waiting(bundle('@approvals("2")'))
    await yes(one, id, PAUL)
    await one.until(async () => ((await one.asked()).life?.votes.length === 1 ? true : null), 'a vote')
    await resting(one, runId)
    const [requested] = await one.of(runId, 'approval.requested')
    const [voted] = await one.of(runId, 'approval.changed')
    const { runId: forked } = await one.sb.runs.fork({ runId, seq: voted?.seq ?? 0, by: VERA, reason: 'another way' })
    const anew = await one.until(async () => (await one.open()).find((row) => row.runId === forked) ?? null, 'the fork')
    expect(anew.life?.votes).toEqual([])
    await one.sb.runs.restore({ runId, seq: requested?.seq ?? 0, by: VERA, reason: 'too early' })
    expect((await one.store.request('acme', id))?.life?.votes).toEqual([])
    await yes(one, id, VERA)
    await one.until(
      async () => ((await one.store.request('acme', id))?.life?.votes.length === 1 ? true : null),
      'a vote',
    )
    expect(outside.requests).toEqual([])
    await yes(one, id, PAUL)
    expect(await endOf(one, runId)).toBe('succeeded')
    expect(outside.booked).toHaveLength(1)
  })
})

describe('while it is open', () => {
  it('APV-010, APV-011: a claim is seen and keeps others from answering only where a policy says so', async () => {
    const { one, id } = await waiting(bundle('@approvals("2")'))
    await one.sb.runs.claim({ approvalId: id, by: PAUL, seconds: 60 })
    await one.until(async () => (await one.asked()).life?.claim ?? null, 'a claim')
    await expect(one.sb.runs.claim({ approvalId: id, by: VERA })).rejects.toMatchObject({
      code: 'APPROVAL_CLAIMED',
      details: { claimed_by: PAUL.id },
    })
    await yes(one, id, VERA)
    const locked = await waiting(bundle('@claim("locks")'))
    await locked.one.sb.runs.claim({ approvalId: locked.id, by: PAUL, seconds: 60 })
    await expect(yes(locked.one, locked.id, VERA)).rejects.toMatchObject({ code: 'APPROVAL_CLAIMED' })
    expect(locked.outside.requests).toEqual([])
    await locked.one.host.advance(61_000)
    await yes(locked.one, locked.id, VERA)
    expect(await endOf(locked.one, locked.runId)).toBe('succeeded')
  })

  it('APV-012: a question goes to the requester, whose answer is on record; the deadline waits where declared', async () => {
    const { one, outside, runId, id } = await waiting(bundle('@deadline("PT1H") @information("stops_deadline")'))
    await resting(one, runId)
    await one.host.advance(3_000_000)
    await one.sb.runs.askInformation({ approvalId: id, by: PAUL, text: 'which order is it?' })
    await one.until(async () => (await one.asked()).life?.information ?? null, 'the question')
    await resting(one, runId)
    await one.host.advance(3_000_000)
    await expect(one.sb.runs.giveInformation({ approvalId: id, by: VERA, text: 'order 7' })).rejects.toMatchObject({
      code: 'APPROVAL_NOT_ALLOWED',
    })
    await one.sb.runs.giveInformation({ approvalId: id, by: ANA, text: 'order 7' })
    await one.until(async () => (await one.asked()).life?.information?.given_at ?? null, 'the answer')
    const { history } = await one.sb.runs.request('acme', id)
    expect(history?.map((event) => [event.what, event.by, event.text])).toEqual([
      ['information_asked', PAUL.id, 'which order is it?'],
      ['information_given', ANA.id, 'order 7'],
    ])
    await resting(one, runId)
    await one.host.advance(601_000)
    expect(await endOf(one, runId)).toBe('expired APPROVAL_EXPIRED')
    expect(outside.requests).toEqual([])
  })

  it.each(['role:treasury', 'user:tina'])(
    'APV-013, APV-014: unanswered %s may answer too, over a restart',
    async (to) => {
      const policy = bundle(`@deadline("PT4H") @escalate("${to} PT1H")`)
      const { one, outside, runId, id } = await waiting(policy)
      await resting(one, runId)
      await expect(yes(one, id, TINA)).rejects.toMatchObject({ code: 'APPROVAL_NOT_ALLOWED' })
      await one.killAndExpire()
      await one.host.advance(3_600_000)
      one.work()
      await one.until(async () => ((await one.asked()).life?.escalations.length === 1 ? true : null), 'an escalation')
      expect((await one.asked()).approvers).toEqual([['approver', to.replace('role:', '')]])
      expect(outside.requests).toEqual([])
      await yes(one, id, TINA)
      expect(await endOf(one, runId)).toBe('succeeded')
      expect(outside.booked).toHaveLength(1)
    },
  )

  it('APV-015: not now is remembered for the person and comes back as a reminder', async () => {
    const { one, runId, id } = await waiting(bundle(''))
    await one.sb.runs.snooze({ approvalId: id, by: PAUL, seconds: 600 })
    await one.until(async () => (await one.asked()).life?.snoozed[PAUL.id] ?? null, 'a snooze')
    await resting(one, runId)
    await one.host.advance(601_000)
    await one.until(async () => ((await changes(one, runId)).includes('reminded') ? true : null), 'a reminder')
    expect((await one.asked()).life?.snoozed).toEqual({})
  })

  it('APV-016: the requester takes it back, and nobody else can; nothing is sent', async () => {
    const { one, outside, runId, id } = await waiting(bundle(''))
    const withdraw = (by: Principal) => one.sb.runs.withdraw({ approvalId: id, by, reason: 'no longer needed' })
    await expect(withdraw(PAUL)).rejects.toMatchObject({ code: 'APPROVAL_NOT_ALLOWED' })
    await withdraw(ANA)
    await expect(yes(one, id, PAUL)).rejects.toMatchObject({ code: 'APPROVAL_DECIDED' })
    expect(await endOf(one, runId)).toBe('cancelled CANCELLED')
    expect(outside.requests).toEqual([])
  })

  it('APV-017: who opened the details is recorded once for each person, and counted', async () => {
    const { one, runId, id } = await waiting(bundle(''))
    await one.sb.runs.markSeen({ approvalId: id, by: PAUL })
    await one.sb.runs.markSeen({ approvalId: id, by: PAUL })
    await yes(one, id, PAUL)
    expect(await endOf(one, runId)).toBe('succeeded')
    expect(await changes(one, runId)).toEqual(['seen'])
    const stats = await one.sb.runs.stats({ tenant: 'acme', since: 0 })
    expect(stats).toMatchObject({ open: 0, decided: { approved: 1 }, reviewers: [{ reviewer: PAUL.id, approved: 1 }] })
    expect(stats.cut).toBe(false)
    const [row] = await one.store.decidedRequests({ tenant: 'acme', kind: 'approval', since: 0, limit: 1 })
    if (!row) throw new Error('no approval was decided')
    vi.spyOn(one.store, 'decidedRequests').mockResolvedValue(Array.from({ length: 2_001 }, () => row))
    const many = await one.sb.runs.stats({ tenant: 'acme', since: 0 })
    expect(many).toMatchObject({ cut: true, decided: { approved: 2_000 } })
    vi.restoreAllMocks()
  })
})

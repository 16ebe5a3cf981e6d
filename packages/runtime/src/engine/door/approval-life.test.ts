import { afterEach, describe, expect, it } from 'vitest'
import type { Principal } from '../../contracts/common.ts'
import { askingBundle as bundle } from '../../testing/approval-kit.ts'
import { ANA, type BenchBox, benchSet, PAUL, VERA } from '../../testing/bench-box.ts'
import { oneNode, payTool } from '../../testing/engine-kit.ts'

const set = benchSet()
const { box, bank } = set
afterEach(() => set.close())

const TINA: Principal = { id: 'user:tina', kind: 'user', tenant: 'acme', roles: ['treasury'] }
const DORA: Principal = { id: 'user:dora', kind: 'user', tenant: 'acme', roles: ['deputy'] }

interface Made {
  readonly one: BenchBox
  readonly outside: Awaited<ReturnType<typeof bank>>
  readonly runId: string
  readonly id: string
}

async function waiting(policy: ReturnType<typeof bundle>, amount = 5, times = 1): Promise<Made> {
  const outside = await bank()
  const pay = payTool(outside)
  const flow = oneNode(
    async (_input, ctx) => {
      const ends: string[] = []
      for (let n = 0; n < times; n++) {
        const end = await ctx.call(pay, { to: 'bob', amount })
        ends.push('code' in end ? `${end.status} ${end.code}` : end.status)
      }
      return ends.join(', ')
    },
    { tools: [pay] },
  )
  const one = box({ workflows: [flow], policy })
  one.work()
  const runId = await one.start('one', null)
  const { id } = await one.asked()
  return { one, outside, runId, id }
}

const yes = (one: BenchBox, id: string, by: Principal, onBehalf = 'looked at it') =>
  one.sb.runs.decide({ approvalId: id, answer: 'approved', by, reason: onBehalf, seen: null })
const no = (one: BenchBox, id: string, by: Principal) =>
  one.sb.runs.decide({ approvalId: id, answer: 'rejected', by, reason: 'not this one', seen: null })
/** Waiting counts in no budget once the run has left memory. */
const resting = (one: BenchBox, runId: string) =>
  one.until(async () => ((await one.row(runId)).status === 'waiting' ? true : null), 'a wait')
const changes = async (one: BenchBox, runId: string) =>
  (await one.of(runId, 'approval.changed')).map((record) => record.change.what)

/** Every case is run collected and streamed: what the outside saw is the same. */
const ways = ['collected', 'streamed'] as const

async function endOf(one: BenchBox, runId: string, way: (typeof ways)[number] = 'collected') {
  if (way === 'streamed') for await (const _ of one.sb.runs.stream('acme', runId)) await one.host.macrotask()
  return (await one.ended(runId)).output
}

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
  })
})

describe('an edit', () => {
  const edit = (one: BenchBox, id: string, amount: unknown, by = PAUL) =>
    one.sb.runs.edit({
      approvalId: id,
      by,
      args: { to: 'bob', amount: amount as number },
      reason: 'less will do',
      seen: null,
    })

  it.each(ways)('APV-020, APV-021: what the reviewer made of it is sent, and both are on record, %s', async (way) => {
    const { one, outside, runId, id } = await waiting(bundle(''), 50)
    const { argumentsSchema } = await one.sb.runs.request('acme', id)
    expect(argumentsSchema).toMatchObject({ type: 'object', properties: { amount: {} } })
    await expect(edit(one, id, 'much')).rejects.toMatchObject({ code: 'TOOL_INPUT_INVALID' })
    await edit(one, id, 20)
    expect(await endOf(one, runId, way)).toBe('succeeded')
    expect(outside.booked).toMatchObject([{ amount: 20 }])
    const [intent] = await one.of(runId, 'activity.intent')
    expect(intent?.proposal.edited).toMatchObject({ by: PAUL.id, approval: id })
    expect(intent?.proposal.edited?.args_digest).not.toBe(intent?.proposal.args_digest)
    expect((await one.store.request('acme', id))?.life?.edited_by).toBe(PAUL.id)
  })

  it('APV-022: what policy denies is refused, the approval stays open, and nothing is sent', async () => {
    const { one, outside, runId, id } = await waiting(bundle(''), 50)
    await edit(one, id, 5_000)
    await one.until(async () => ((await changes(one, runId)).includes('edit_refused') ? true : null), 'a refusal')
    expect((await one.asked()).id).toBe(id)
    expect(outside.requests).toEqual([])
    await yes(one, id, VERA)
    expect(await endOf(one, runId)).toBe('succeeded')
    expect(outside.booked).toMatchObject([{ amount: 50 }])
  })

  it('APV-023: what needs other people is asked again of them; the first approval is void', async () => {
    const { one, outside, runId, id } = await waiting(bundle('', { large: 'treasury @stage("2")' }), 50)
    await edit(one, id, 500)
    const again = await one.until(async () => (await one.open()).find((row) => row.id !== id) ?? null, 'another')
    expect((await one.store.request('acme', id))?.state).toBe('void')
    expect(outside.requests).toEqual([])
    await yes(one, again.id, VERA)
    await one.until(async () => ((await one.asked()).life?.stage === 2 ? true : null), 'the second stage')
    await one.killAndExpire()
    one.work()
    await yes(one, again.id, TINA)
    expect(await endOf(one, runId)).toBe('succeeded')
    expect(outside.booked).toMatchObject([{ amount: 500 }])
  })
})

describe('people who stand in', () => {
  const DELEGATES = { delegates: ['deputy'], delegation_days: 7 }
  const inDays = (one: BenchBox, days: number) => one.host.now() + days * 86_400_000

  it('APV-030, APV-031: a delegate answers in the place of a reviewer, with that reviewer’s roles and no others', async () => {
    const { one, outside, runId, id } = await waiting(bundle('@approvals("2")', { approvals: DELEGATES }))
    await expect(yes(one, id, DORA)).rejects.toMatchObject({ code: 'APPROVAL_NOT_ALLOWED' })
    const name = { by: PAUL, delegate: DORA.id, reason: 'on leave' }
    await expect(
      one.sb.runs.delegate({ ...name, roles: ['treasury'], expiresAt: inDays(one, 1) }),
    ).rejects.toMatchObject({ code: 'DELEGATION_REFUSED' })
    await expect(one.sb.runs.delegate({ ...name, expiresAt: inDays(one, 8) })).rejects.toMatchObject({
      code: 'INPUT_INVALID',
    })
    await one.sb.runs.delegate({ ...name, expiresAt: inDays(one, 1) })
    await expect(yes(one, id, { ...DORA, roles: [] })).rejects.toMatchObject({ code: 'APPROVAL_NOT_ALLOWED' })
    await yes(one, id, DORA)
    // The reviewer has answered through the delegate.
    await expect(yes(one, id, PAUL)).rejects.toMatchObject({ code: 'APPROVAL_DECIDED' })
    expect(outside.requests).toEqual([])
    await yes(one, id, VERA)
    expect(await endOf(one, runId)).toBe('succeeded')
    const [decided] = await one.of(runId, 'approval.decided')
    expect(decided?.votes?.[0]).toMatchObject({ by: { id: DORA.id }, for: { id: PAUL.id, roles: ['approver'] } })
  })

  it('APV-032: a delegation that ended, or by the requester, lets nobody answer', async () => {
    const { one, outside, id } = await waiting(bundle('', { approvals: DELEGATES }))
    const ana = { ...ANA, roles: ['requester', 'approver'] }
    await one.sb.runs.delegate({ by: ana, delegate: DORA.id, reason: 'for me', expiresAt: inDays(one, 1) })
    await expect(yes(one, id, DORA)).rejects.toMatchObject({ code: 'APPROVAL_SELF' })
    const given = { by: PAUL, delegate: 'user:dirk', reason: 'on leave', expiresAt: inDays(one, 1) }
    const row = await one.sb.runs.delegate(given)
    await one.sb.runs.revoke({ id: row.id, by: PAUL, reason: 'back again' })
    await expect(yes(one, id, { ...DORA, id: 'user:dirk' })).rejects.toMatchObject({ code: 'APPROVAL_NOT_ALLOWED' })
    expect(outside.requests).toEqual([])
  })

  const STANDING = { standing: { authors: ['treasury'], max_days: 30, max_uses: 10 } }
  const BOTH: Principal = { ...TINA, roles: ['treasury', 'approver'] }
  const give = (one: BenchBox, over: object = {}) =>
    one.sb.runs.giveStanding({
      by: BOTH,
      tool: 'pay.send',
      workflow: 'one',
      principal: ANA.id,
      constraints: [
        { field: 'to', equals: 'bob' },
        { field: 'amount', at_most: 10 },
      ],
      amountField: 'amount',
      maxUses: 2,
      maxAmount: 100,
      expiresAt: one.host.now() + 86_400_000,
      reason: 'small and known',
      ...over,
    })

  it('APV-040, APV-041: it answers exactly as often as it may; then a person is asked', async () => {
    const policy = bundle('@standing("allowed")', { approvals: STANDING, standing: true })
    const { one, outside, runId, id } = await waiting(policy, 5, 4)
    const row = await give(one)
    await yes(one, id, PAUL)
    const next = await one.until(async () => (await one.open()).find((each) => each.id !== id) ?? null, 'the fourth')
    expect(outside.booked).toHaveLength(3)
    const [given] = await one.sb.runs.standing('acme')
    expect(given?.uses.map((use) => use.amount)).toEqual([5, 5])
    await one.sb.runs.revoke({ id: row.id, by: TINA, reason: 'over now' })
    await yes(one, next.id, VERA)
    expect(await endOf(one, runId)).toBe('succeeded, succeeded, succeeded, succeeded')
    const used = (await one.of(runId, 'approval.decided')).map((record) => record.standing?.mandate ?? null)
    expect(used).toEqual([null, row.id, row.id, null])
  })

  it('APV-044: of two runs that use up the last of it at the same time one is answered by it', async () => {
    const policy = bundle('@standing("allowed")', { approvals: STANDING, standing: true })
    const { one, outside, id } = await waiting(policy)
    await no(one, id, PAUL)
    await one.closed(id)
    await one.kill()
    await give(one, { maxUses: 1 })
    const runs = [await one.start('one', null), await one.start('one', null)]
    for (const process of [one.another(), one.another()]) process.work()
    await one.until(async () => (await one.open())[0] ?? null, 'the one that is asked')
    await one.until(() => (outside.booked.length > 0 ? true : null), 'the other')
    expect(outside.booked).toHaveLength(1)
    expect((await one.sb.runs.standing('acme'))[0]?.uses).toHaveLength(1)
    expect(runs).toHaveLength(2)
  })

  it('APV-042: it is given by its authors only, never for oneself, and not for what the catalogue excludes', async () => {
    const { one } = await waiting(bundle('@standing("allowed")', { approvals: STANDING, standing: true }))
    await expect(give(one, { by: PAUL })).rejects.toMatchObject({ code: 'STANDING_REFUSED' })
    await expect(give(one, { principal: TINA.id })).rejects.toMatchObject({ code: 'APPROVAL_SELF' })
    await expect(give(one, { constraints: [] })).rejects.toMatchObject({ code: 'INPUT_INVALID' })
    await expect(give(one, { constraints: [{ field: 'iban', equals: 'x' }] })).rejects.toMatchObject({
      code: 'INPUT_INVALID',
    })
    const other = await waiting(bundle('@standing("allowed")', { approvals: STANDING }))
    await expect(give(other.one)).rejects.toMatchObject({ code: 'STANDING_REFUSED' })
  })

  it('APV-043: what differs in one part, and what a forbid denies, is not answered by it', async () => {
    const policy = bundle('@standing("allowed")', { approvals: STANDING, standing: true })
    const { one, outside, id } = await waiting(policy, 50, 2)
    await give(one, { maxAmount: 40, constraints: [{ field: 'amount', at_most: 45 }] })
    await yes(one, id, PAUL)
    await one.until(async () => (await one.open()).find((each) => each.id !== id) ?? null, 'the second')
    expect(outside.booked).toHaveLength(1)
    expect((await one.sb.runs.standing('acme'))[0]?.uses).toEqual([])
  })
})

describe('a no', () => {
  it('APV-050, APV-051: is remembered for the declared time, in other runs too, until a person lifts it', async () => {
    const { one, outside, runId, id } = await waiting(bundle('@declined("P1D")'), 5, 2)
    await no(one, id, PAUL)
    expect(await endOf(one, runId)).toBe('rejected APPROVAL_REJECTED, denied DECLINED_BEFORE')
    const other = await one.start('one', null)
    expect(await endOf(one, other)).toBe('denied DECLINED_BEFORE, denied DECLINED_BEFORE')
    expect(outside.requests).toEqual([])
    const lift = (by: Principal) => one.sb.runs.liftDecline({ approvalId: id, by, reason: 'think again' })
    await expect(lift(ANA)).rejects.toMatchObject({ code: 'APPROVAL_SELF' })
    await one.host.advance(1_000)
    await lift(VERA)
    await one.start('one', null)
    expect((await one.asked()).id).not.toBe(id)
  })

  it('APV-052: a changed question is asked', async () => {
    const { one, id } = await waiting(bundle('@declined("P1D")'))
    await no(one, id, PAUL)
    await one.closed(id)
    const outside = await bank()
    const pay = payTool(outside)
    const flow = oneNode(async (_input, ctx) => (await ctx.call(pay, { to: 'bob', amount: 6 })).status, {
      tools: [pay],
    })
    const other = one.another({ workflows: [flow] })
    await one.kill()
    other.work()
    await other.start('one', null)
    expect((await other.asked()).id).not.toBe(id)
  })
})

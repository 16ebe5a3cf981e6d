import { afterEach, describe, expect, it } from 'vitest'
import type { Principal } from '../../contracts/common.ts'
import { askingBundle as bundle, changes, endOf, no, waitingOn, ways, yes } from '../../testing/approval-kit.ts'
import { ANA, type BenchBox, benchSet, PAUL, VERA } from '../../testing/bench-box.ts'
import { oneNode, payTool } from '../../testing/engine-kit.ts'

const set = benchSet()
const { bank } = set
const waiting = waitingOn(set)
afterEach(() => set.close())

const TINA: Principal = { id: 'user:tina', kind: 'user', tenant: 'acme', roles: ['treasury'] }
const DORA: Principal = { id: 'user:dora', kind: 'user', tenant: 'acme', roles: ['deputy'] }

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

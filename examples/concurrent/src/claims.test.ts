import { describe, expect, it } from 'vitest'
import { accountant, check } from './main.ts'

describe('the expense claims', () => {
  it('PAT-062: what all checkers agree on is paid without asking anybody', async () => {
    const { result, booked } = await check('E-1', { respond: neverAsked, decide: neverAsked })
    expect(result.output).toMatchObject({
      status: 'completed',
      output: { paidCents: 8_400 },
      skipped: [],
      resolved: [],
    })
    expect(booked.map(({ body }) => body)).toEqual([{ claim: 'E-1', cents: 8_400 }])
  })

  it('PAT-062: what they differ about an accountant settles, and approves above 100.00', async () => {
    const seen: string[] = []
    const { result, booked } = await check('E-2', {
      respond: accountant,
      decide: ({ packet }) => {
        seen.push(JSON.stringify(packet))
        return 'approved'
      },
    })
    expect(result.output).toMatchObject({ output: { paidCents: 11_500 }, resolved: [{ decision: '11500' }] })
    expect(seen).toEqual([expect.stringContaining('Pay claim E-2')])
    expect(booked).toHaveLength(1)
  })

  it('PAT-062: a checker that fails is skipped and named, one has a value in its place, and a refused payment is not made', async () => {
    const { result, booked } = await check('E-3')
    expect(result.output).toMatchObject({
      status: 'completed',
      output: { paidCents: 0 },
      skipped: [{ participant: 'history' }],
      contributions: [{ participant: 'receipts', by: 'value' }, { participant: 'rules' }],
    })
    const refused = await check('E-2', { respond: accountant, decide: () => 'rejected' })
    expect(refused.result.output).toMatchObject({ output: { paidCents: 0, why: 'the accountant refused' } })
    expect([...booked, ...refused.booked]).toEqual([])
  })
})

function neverAsked(): never {
  throw new Error('nobody should be asked')
}

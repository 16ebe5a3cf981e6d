import { describe, expect, it } from 'vitest'
import { press, write } from './main.ts'

describe('the newsletter', () => {
  it('PAT-060: is drafted, edited after feedback, and sent once the press office has approved, as it was let through', async () => {
    const shown: string[] = []
    const { result, booked } = await write('v2-4', {
      respond: press,
      decide: ({ packet }) => {
        shown.push(JSON.stringify(packet))
        return 'approved'
      },
    })
    expect(result.output).toEqual({ status: 'completed', output: 'The letter is sent.', feedbackRounds: 1 })
    const text =
      'Dear customer, Exports of more than 10,000 rows no longer time out. Invoices can be sent to several addresses.'
    expect(booked.map(({ body }) => body)).toEqual([{ release: 'v2-4', text }])
    expect(shown).toEqual([expect.stringContaining(text)])
  })

  it('PAT-060: nothing is sent that the press office stops or rejects', async () => {
    const stopped = await write('v2-5', { respond: () => ({ decision: 'stop', reason: 'not this week' }) })
    expect(stopped.result.output).toMatchObject({ status: 'stopped', by: 'reviewer', leftUndone: ['editor', 'sender'] })
    const rejected = await write('v2-5', { respond: press, decide: () => 'rejected' })
    expect(rejected.result.output).toMatchObject({ status: 'completed', output: 'The letter was not sent.' })
    expect([...stopped.booked, ...rejected.booked]).toEqual([])
  })
})

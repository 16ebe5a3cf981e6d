import { describe, expect, it } from 'vitest'
import { people, talk } from './main.ts'

describe('the support desk', () => {
  it('PAT-064: asks the customer, hands over, and refunds what came broken once a lead has approved', async () => {
    const { result, booked } = await talk('My lamp came broken, I want my money back.')
    expect(result.output).toMatchObject({
      status: 'completed',
      by: 'finished',
      answer: 'Your refund is on its way.',
      at: 'billing',
      handoffs: [{ from: 'reception', to: 'billing', bounced: false, correctedBy: null }],
    })
    expect(booked.map(({ body }) => body)).toEqual([{ order: '1001', cents: 4_500 }])
  })

  it('PAT-064: answers without money where none is asked for, and escalates what it must not decide', async () => {
    const parcel = await talk('Where is my order 1002?')
    expect(parcel.result.output).toMatchObject({ at: 'delivery', answer: 'Your office chair is on its way.' })
    const asked: string[] = []
    const goodwill = await talk('I want my money back for order 1003.', {
      respond: (request) => {
        asked.push(request.row.tool)
        return people(request)
      },
    })
    expect(asked).toEqual(['person'])
    expect(goodwill.result.output).toMatchObject({ answer: 'Your refund is on its way.' })
    expect(goodwill.booked.map(({ body }) => body)).toEqual([{ order: '1003', cents: 8_900 }])
    expect(parcel.booked).toEqual([])
  })

  it('PAT-064: refunds nothing that the lead rejects', async () => {
    const { result, booked } = await talk('Refund order 1001, it is broken.', {
      respond: people,
      decide: () => 'rejected',
    })
    expect(result.output).toMatchObject({ status: 'completed', answer: 'I am not allowed to refund this order.' })
    expect(booked).toEqual([])
  })
})

import { lineageOf } from 'signalbox'
import { afterEach, describe, expect, it } from 'vitest'
import { openRefunds, refundOrder } from './main.ts'
import { refunds } from './refunds.ts'

const signalbox = openRefunds()
afterEach(() => signalbox.close())

describe('the example of the readme', () => {
  it('DESK-030: refunds below the limit, asks a lead above it, and refunds an order once', async () => {
    expect(refunds.name).toBe('refunds')
    const small = await refundOrder(signalbox, 'A-17', 1_999)
    expect([small.status, small.output]).toEqual(['completed', 'The refund is made.'])
    const again = await refundOrder(signalbox, 'A-17', 1_999)
    const [effect] = lineageOf(await signalbox.runs.records('shop', again.runId))
    expect(effect?.ledger?.run).toBe(small.runId)
    const large = await refundOrder(signalbox, 'A-18', 9_900)
    expect([large.status, large.waitingOn.map((each) => each.kind)]).toEqual(['waiting', ['approval']])
  })
})

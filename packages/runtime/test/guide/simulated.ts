/** The simulation that docs/guide/testing.md shows. */
import { z } from 'zod'
import { workflow } from '../../src/index.ts'
import type { OutsideEffect, OutsideSystem, SimScenario } from '../../src/testing/index.ts'
import { refundTool } from './refund.ts'

// #region bank
/**
 * The bank, pretended: it acts when a request arrives, and what it writes down is the judge of what was done. One that
 * does not keep its word knows no refund by its key: it books repeats, and finds nothing.
 */
export function pretendedBank(keepsItsWord: boolean): OutsideSystem {
  const refunds: OutsideEffect[] = []
  return {
    answer: ({ method, url, key, body }) => {
      if (url.pathname.startsWith('/orders/')) return { status: 200, body: { paid_minor: 500 } }
      const asked = method === 'GET' ? url.pathname.split('/').at(-1) : key
      const known = keepsItsWord && refunds.some((refund) => refund.key === asked)
      if (method === 'GET') return { status: known ? 200 : 404, body: { refundId: 'r-1' } }
      if (!known) refunds.push({ identity: `refund ${JSON.stringify(body)}`, key })
      return { status: 200, body: { refundId: 'r-1' } }
    },
    effects: () => refunds,
  }
}
// #endregion bank

// #region scenario
const refund = refundTool('http://bank.test:8700')

const desk = workflow({
  name: 'refund-desk',
  version: '1.0.0',
  input: z.object({ orderId: z.string() }),
  output: z.string(),
  budget: { maxTurns: 1, maxToolCalls: 20, maxRuntimeSeconds: 3_600, maxTokens: 1, maxCostUsd: '0.01' },
  tools: [refund],
})
  .node('refund', {
    input: z.object({ orderId: z.string() }),
    output: z.string(),
    retry: { attempts: 10 },
    run: async ({ orderId }, ctx) => {
      const end = await ctx.call(refund, { orderId, amountMinor: 500 })
      // Tried again: what certainly did not happen, and what could not be read. Never what may have happened.
      if (end.status !== 'succeeded') throw new Error(end.reason)
      return end.output.refundId
    },
  })
  .start('refund')
  .output('refund')
  .build()

/** Two runs for one order. `keepsItsWord` says whether the bank does what the tool promises of it. */
export const refundScenario = (keepsItsWord: boolean): SimScenario => ({
  name: 'refund desk',
  workflows: [desk],
  outside: () => pretendedBank(keepsItsWord),
  runs: () => [
    { workflow: 'refund-desk', input: { orderId: 'o-7' } },
    { workflow: 'refund-desk', input: { orderId: 'o-7' }, atMs: 20 },
  ],
})
// #endregion scenario

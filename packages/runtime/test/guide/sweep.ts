/** The function of the guide that runs for months. */
import { z } from 'zod'
import { flow, tool } from '../../src/index.ts'

const check = tool({
  name: 'accounts.check',
  class: 'records.read',
  effect: 'none',
  input: z.object({ account: z.string() }),
  output: z.int(),
  execute: async ({ account }) => (account.startsWith('poor') ? -5 : 5),
})

const budget = { maxTurns: 1, maxToolCalls: 1_000, maxRuntimeSeconds: 600, maxTokens: 1, maxCostUsd: '0.01' }

// #region sweep
export const sweep = flow({
  name: 'sweep',
  version: '1.0.0',
  input: z.array(z.string()),
  output: z.int(),
  budget,
  tools: [check],
  checkpoint: z.object({ next: z.int(), overdrawn: z.int() }), // what a checkpoint holds
  run: async (accounts, f) => {
    let { next, overdrawn } = f.from ?? { next: 0, overdrawn: 0 }
    for (; next < accounts.length; next++) {
      if (next > 0) await f.sleep(3_600) // started from the checkpoint, this comes first too
      const balance = await f.call(check, { account: accounts[next] ?? '' })
      if (balance.status === 'succeeded' && balance.output < 0) overdrawn += 1
      await f.checkpoint({ next: next + 1, overdrawn })
    }
    return overdrawn
  },
})
// #endregion sweep

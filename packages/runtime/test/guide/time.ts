/** The workflow that docs/guide/time.md shows. */
import { z } from 'zod'
import { tool, workflow } from '../../src/index.ts'

const Invoice = z.object({ id: z.string(), dueAt: z.iso.datetime() })

export const statement = tool({
  name: 'ledger.statement',
  class: 'records.read',
  effect: 'none',
  input: z.object({ id: z.string() }),
  output: z.object({ paid: z.boolean() }),
  timeoutSeconds: 10,
  execute: async (_args, ctx) => {
    ctx.heartbeat()
    return { paid: false }
  },
})

export const remind = tool({
  name: 'letters.remind',
  class: 'letters.send',
  effect: 'irreversible',
  input: z.object({ id: z.string() }),
  output: z.object({ sent: z.boolean() }),
  execute: async () => ({ sent: true }),
})

// #region reminder
export const reminder = workflow({
  name: 'reminder',
  version: '1.0.0',
  input: Invoice,
  output: z.string(),
  budget: { maxTurns: 1, maxToolCalls: 10, maxRuntimeSeconds: 120, maxTokens: 1_000, maxCostUsd: '0.10' },
})
  // Holds the message back until the invoice is due. It holds no barrier, and the run is not in memory meanwhile.
  .timer('due', { message: Invoice, until: (invoice) => invoice.dueAt })
  .node('look', {
    input: Invoice,
    output: z.string(),
    tools: [statement, remind],
    // Of one attempt, waits left out.
    timeoutSeconds: 60,
    idleTimeoutSeconds: 20,
    retry: { attempts: 4, backoffSeconds: 2, factor: 3, maxBackoffSeconds: 30, on: ['NODE_TIMEOUT', 'NODE_FAILED'] },
    run: async ({ id }, ctx) => {
      for (let day = 1; day <= 3; day++) {
        const found = await ctx.call(statement, { id })
        if (found.status === 'succeeded' && found.output.paid) return 'paid'
        await ctx.sleep(86_400)
      }
      const end = await ctx.call(remind, { id })
      return end.status === 'succeeded' ? 'reminded' : `not reminded: ${end.reason}`
    },
  })
  .start('due')
  .edge('due', 'look')
  .output('look')
  .build()
// #endregion reminder

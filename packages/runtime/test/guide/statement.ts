/** The tools that docs/guide/recovery.md shows. */
import { z } from 'zod'
import { listingPageSchema, listingRequestSchema, tool } from '../../src/index.ts'

// #region statement
const bank = 'https://bank.example'

const statement = tool({
  name: 'payments.statement',
  class: 'payments.read',
  effect: 'none',
  hosts: ['bank.example:443'],
  input: listingRequestSchema, // from, to, cursor
  output: listingPageSchema, // entries with key, ref, object, at and what; next
  execute: async ({ from, to, cursor }, ctx) => {
    const answer = await ctx.fetch(`${bank}/statement?from=${from}&to=${to}&after=${cursor ?? ''}`)
    return listingPageSchema.parse(await answer.json())
  },
})

export const pay = tool({
  name: 'payments.pay',
  class: 'payments.write',
  effect: 'irreversible',
  hosts: ['bank.example:443'],
  input: z.object({ to: z.string(), amount_minor: z.int() }),
  output: z.object({ booking: z.string() }),
  execute: async (payment, ctx) => {
    const answer = await ctx.fetch(`${bank}/payments`, { method: 'POST', body: JSON.stringify(payment) })
    return z.object({ booking: z.string() }).parse(await answer.json())
  },
  listed: { tool: statement, expect: ({ to, amount_minor }) => ({ to, amount_minor }) },
})
// #endregion statement

import { z } from 'zod'
import type { ActCtx, Found, ReadCtx, Tool, ToolDef } from '../../../contracts/tool.ts'
import { tool } from '../../../tools/index.ts'
import { BANK_HOST } from '../bank.ts'

const PAYMENT = z.object({ to: z.string(), amount: z.int() })
const RECEIPT = z.object({ receipt: z.number() })

/** What is paid. */
export type Payment = z.output<typeof PAYMENT>
type PayDef = ToolDef<typeof PAYMENT, typeof RECEIPT>
/** A payment tool as nodes call it. */
export type PayTool = Tool<Payment, z.output<typeof RECEIPT>>

async function send(path: string, args: Payment, ctx: ActCtx): Promise<z.output<typeof RECEIPT>> {
  const answer = await ctx.fetch(`http://${BANK_HOST}${path}`, { method: 'POST', body: JSON.stringify(args) })
  return RECEIPT.parse(await answer.json())
}

async function found(_args: Payment, ctx: ActCtx): Promise<Found<z.output<typeof RECEIPT>>> {
  const answer = await ctx.fetch(`http://${BANK_HOST}/find?key=${encodeURIComponent(ctx.idempotencyKey)}`)
  return (await answer.json()) === true ? { answer: 'happened', output: { receipt: 1 } } : { answer: 'did_not' }
}

function payTool(name: string, path: string, more: Partial<PayDef> = {}): PayTool {
  return tool({
    name,
    class: 'payments.write',
    effect: 'irreversible',
    input: PAYMENT,
    output: RECEIPT,
    hosts: [BANK_HOST],
    settleAfterSeconds: 1,
    timeoutSeconds: 10,
    preview: async ({ to, amount }) => ({
      summary: `pay ${to}`,
      target: { type: 'account', id: to, version: '1' },
      impact: { money: { minor: amount, currency: 'EUR' } },
      rollback: 'none',
    }),
    execute: (args, ctx) => send(path, args, ctx),
    ...more,
  })
}

/** Never repeated: an unknown outcome goes to a person. */
export const pay = payTool('pay.send', '/pay')
/** The bank makes repeats under one key harmless. */
export const payHarmless = payTool('pay.harmless', '/harmless', { repeat: 'same_key_is_harmless' })
/** The look-up is final once nothing can arrive any more. */
export const payLookedUp = payTool('pay.lookedup', '/pay', { reconcile: found, lookup: 'authoritative' })
/** One payment for each receiver in all of the tenant. */
export const payOnce = payTool('pay.once', '/pay', {
  reconcile: found,
  lookup: 'authoritative',
  effectKey: ({ to }) => ({ scope: 'tenant', key: to }),
})
/** Asked of a person before it is sent, where the scenario's policy says so. */
export const payApproved = payTool('pay.approved', '/pay', { reconcile: found, lookup: 'authoritative' })

/** A free read; the bank fails now and then. */
export const rate = tool({
  name: 'rate.get',
  class: 'records.read',
  effect: 'none',
  input: z.object({ n: z.int() }),
  output: z.number(),
  hosts: [BANK_HOST],
  timeoutSeconds: 10,
  execute: async ({ n }, ctx: ReadCtx) => {
    const answer = await ctx.fetch(`http://${BANK_HOST}/rate?n=${n}`)
    if (!answer.ok) throw new Error(`the bank answered ${answer.status}`)
    return z.number().parse(await answer.json())
  },
})

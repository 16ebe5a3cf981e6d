import { z } from 'zod'
import type { JsonValue } from '../base/json.ts'
import type { PolicyPort, PolicyRequest } from '../contracts/policy.ts'
import type { ActCtx, Found, Tool, ToolDef } from '../contracts/tool.ts'
import { type Workflow, workflow } from '../orchestration/index.ts'
import type { Budget, NodeCtx, RetryOptions, TimeLimits } from '../orchestration/types.ts'
import { tool } from '../tools/index.ts'
import { WIDE_BUDGET } from './bench-box.ts'
import type { OutsideBank } from './outside-bank.ts'
import { needsApproval, scriptedPolicy } from './scripted-policy.ts'

const PAYMENT = z.object({ to: z.string(), amount: z.int() })
const RECEIPT = z.object({ receipt: z.number() })

// Any JSON fits, and JSON is all that reaches a node.
const ANY_JSON = z.unknown() as unknown as z.ZodType<JsonValue, JsonValue>

/** What is paid. */
export type Payment = z.output<typeof PAYMENT>
/** What the bank answers. */
export type Receipt = z.output<typeof RECEIPT>
/** The payment tool as node code calls it. */
export type PayTool = Tool<Payment, Receipt>

type PayDef = ToolDef<typeof PAYMENT, typeof RECEIPT>

/** Changes to the payment tool; `found` adds a look-up at the bank by key. */
export interface PayOptions
  extends Partial<
    Pick<
      PayDef,
      'repeat' | 'lookup' | 'settleAfterSeconds' | 'effectKey' | 'preview' | 'facts' | 'execute' | 'listed' | 'touches'
    >
  > {
  readonly name?: string
  readonly found?: (key: string, ctx: ActCtx) => Promise<Found<Receipt>>
  readonly timeoutSeconds?: number
  /** The tool that pays the same amount back, or `impossible`. */
  readonly undo?: { readonly tool: PayTool; readonly withinSeconds?: number } | 'impossible'
}

/** A tool that pays at the outside bank: irreversible, no identity of its own, never repeated unless told otherwise. */
export function payTool(bank: OutsideBank, options: PayOptions = {}): PayTool {
  const { found, name = 'pay.send', undo, ...rest } = options
  const back = ({ to, amount }: Payment): Payment => {
    if (amount === 13) throw new Error('13 cannot be paid back')
    return { to, amount: -amount }
  }
  const undone = undo === undefined ? {} : { undo: undo === 'impossible' ? undo : { ...undo, args: back } }
  return tool({
    name,
    class: 'payments.write',
    effect: 'irreversible',
    input: PAYMENT,
    output: RECEIPT,
    hosts: [bank.host],
    settleAfterSeconds: 1,
    timeoutSeconds: 10,
    preview: async ({ to, amount }) => ({
      summary: `pay ${to}`,
      target: { type: 'account', id: to, version: '1' },
      impact: { money: { minor: amount, currency: 'EUR' } },
      rollback: 'none',
    }),
    execute: async (args, ctx) => {
      const answer = await ctx.fetch(`http://${bank.host}/pay`, { method: 'POST', body: JSON.stringify(args) })
      if (!answer.ok) throw Object.assign(new Error(`the bank refused with ${answer.status}`), { definite: true })
      return RECEIPT.parse(await answer.json())
    },
    ...(found ? { reconcile: (_args: Payment, ctx: ActCtx) => found(ctx.idempotencyKey, ctx) } : {}),
    ...rest,
    ...undone,
  })
}

/** Looks a payment up at the bank by its key. */
export function lookUp(bank: OutsideBank): (key: string, ctx: ActCtx) => Promise<Found<Receipt>> {
  return async (key, ctx) => {
    const answer = await ctx.fetch(`http://${bank.host}/find?key=${encodeURIComponent(key)}`)
    const booking: unknown = await answer.json()
    return booking === null ? { answer: 'did_not' } : { answer: 'happened', output: { receipt: 77 } }
  }
}

/** A free read that answers what the function computes. */
export function readTool(read: (n: number) => number | Promise<number>, name = 'get.one'): Tool<{ n: number }, number> {
  return tool({
    name,
    class: 'records.read',
    effect: 'none',
    input: z.object({ n: z.number() }),
    output: z.number(),
    execute: ({ n }) => Promise.resolve(read(n)),
  })
}

type AnyTools = Parameters<typeof workflow>[0]['tools']
/** The context of the only node of `oneNode`. */
export type OnlyCtx = NodeCtx<Record<never, never>, 'only'>

/** A workflow of one node that runs a function over JSON. */
export function oneNode(
  run: (input: JsonValue, ctx: OnlyCtx) => Promise<JsonValue> | JsonValue,
  options: {
    tools?: AnyTools
    budget?: Partial<Budget>
    retry?: RetryOptions
    name?: string
    limits?: TimeLimits
  } = {},
): Workflow<JsonValue, JsonValue> {
  const { tools = [], budget = {}, retry, name = 'one', limits } = options
  return workflow({
    name,
    version: '1.0.0',
    input: ANY_JSON,
    output: ANY_JSON,
    budget: { ...WIDE_BUDGET, ...budget },
    state: {},
    tools,
  })
    .node('only', { input: ANY_JSON, output: ANY_JSON, run, ...limits, ...(retry ? { retry } : {}) })
    .start('only')
    .output('only')
    .build()
}

/** The tools of the kit as a policy knows them. */
export const KIT_TOOLS = {
  'pay.send': { class: 'payments.write', effect: 'irreversible' },
  'pay.other': { class: 'payments.write', effect: 'irreversible' },
  'pay.back': { class: 'payments.write', effect: 'irreversible' },
  'get.one': { class: 'records.read', effect: 'none' },
} as const

/** A policy that asks an approver for every payment. */
export function approvalPolicy(
  also: (request: PolicyRequest) => ReturnType<typeof needsApproval> | undefined = () => undefined,
): PolicyPort {
  return scriptedPolicy({
    tools: KIT_TOOLS,
    decide: (request) =>
      also(request) ?? (request.action.class === 'payments.write' ? needsApproval(request, 'approver') : undefined),
  })
}

/**
 * The payables desk: one run for each invoice. A deterministic node matches it, an agent decides and acts, and what was
 * really paid is asked of the bank before anybody is told. When a person refuses a call of the agent, the agent's turn
 * is over: a refused payment leaves the invoice unpaid; after any other refusal (not to pay, to delete) the desk pays
 * by rule what the match says is owed, through the same door.
 */
import { agent, appended, owned, Rejection, workflow } from 'signalbox'
import { z } from 'zod'
import {
  Decision,
  InvoiceFile,
  type MatchedInvoice,
  MatchedInvoice as Matched,
  money,
  Resolution,
  Standing,
  subjectOf,
} from './case.ts'
import { CLERK_INSTRUCTIONS, clerkPrompt } from './clerk-prompt.ts'
import type { DeskTools } from './tools/index.ts'

/** The name under which runs of the desk are started. */
export const DESK = 'payables-desk'

/** The agent that decides. `model` is `provider/model`; nothing else depends on it. */
export function makeClerk(model: string, tools: DeskTools) {
  return agent({
    name: 'clerk',
    model,
    instructions: CLERK_INSTRUCTIONS,
    maxOutputTokens: 1_000,
    tools: [
      tools.vendor,
      tools.purchaseOrder,
      tools.pay.modern,
      tools.pay.legacy,
      tools.hold,
      tools.archive,
      tools.mail,
    ],
    input: InvoiceFile,
    output: Decision,
  })
}

const CONTRACT = {
  objective: 'Pay each invoice that matches its purchase order once, to the registered account, and leave the others.',
  qualityMetric:
    'Share of matched invoices that are paid once, and of unmatched ones that are not paid; both are to be 1.',
  acceptedBy: 'finance-controls',
  escalation: 'Approvers of the desk decide payments above 1,000.00, deletions and holds on matched invoices.',
  blastRadius: 'One wrong run could pay one matched invoice late; it cannot pay another account or amount.',
  adaptivity:
    'Mostly deterministic: match, payment and notice follow rules; one agent decides between paying and holding.',
  parallelSteps: 'None: the steps of one invoice follow each other, and invoices are runs of their own.',
  sideEffects:
    'Payments above 1,000.00, deletions and holds on matched invoices wait for an approver; other payments must equal the match.',
  qualityStop:
    'A payment that differs from the match is denied, a refused call ends the turn, and twelve turns or ten calls end the run.',
}

/** Hard limits of a run. The cost is in US dollars at the prices of the price file. */
const BUDGET = { maxTurns: 12, maxToolCalls: 10, maxRuntimeSeconds: 90, maxTokens: 120_000, maxCostUsd: '0.50' }

/** What the desk is built from. */
interface DeskParts {
  /** `provider/model`. */
  readonly model: string
  readonly tools: DeskTools
}

/** The first part of the graph: a deterministic match, and the agent that decides and acts. */
function deciding({ model, tools }: DeskParts) {
  return workflow({
    name: DESK,
    version: '1.0.0',
    input: InvoiceFile,
    output: Resolution,
    contract: CONTRACT,
    budget: BUDGET,
    tools: [tools.match, tools.payments, tools.pay.modern, tools.pay.legacy, tools.mail],
    state: {
      match: owned('match', Matched),
      decision: owned('decide', Decision),
      notes: appended(z.string()),
    },
  })
    .node('match', {
      input: InvoiceFile,
      output: InvoiceFile,
      tools: [tools.match],
      retry: RETRY,
      run: async ({ file }, ctx) => {
        const found = await ctx.call(tools.match, { file })
        if (found.status !== 'succeeded') throw unavailable('the match', found)
        ctx.write({ match: found.output, notes: `the match of ${file} is ${found.output.match.status}` })
        return { file }
      },
    })
    .agent('decide', makeClerk(model, tools), {
      prompt: (_input, state) => clerkPrompt(known(state)),
      done: (decision, ctx) => ctx.write({ decision, notes: `the clerk says: ${decision.decision}` }),
    })
}

/** The second part: what was really paid, what a refusal means, and a payment by rule. */
function settling(parts: DeskParts) {
  const { tools } = parts
  return deciding(parts)
    .node('confirm', {
      input: Decision,
      output: Standing,
      tools: [tools.payments],
      retry: RETRY,
      run: async ({ decision, reason }, ctx) => {
        const payments = await booked(tools, ctx)
        const isTrue = (decision === 'paid') === payments.length > 0
        return {
          payments,
          payable: false,
          reason: isTrue ? reason : `the clerk said ${decision}, the bank says otherwise`,
        }
      },
    })
    .node('refused', {
      input: Rejection,
      output: Standing,
      tools: [tools.payments],
      retry: RETRY,
      run: async ({ reason, leftUndone }, ctx) => {
        const payments = await booked(tools, ctx)
        const isMatched = known(ctx.state).match.expected !== null
        const payable = isMatched && payments.length === 0 && !leftUndone.some((call) => call.startsWith('payments.'))
        ctx.write({ notes: `refused by a person: ${leftUndone.join(', ')}` })
        return { payments, payable, reason: `a person refused: ${reason}` }
      },
    })
    .node('pay', {
      input: Standing,
      output: Standing,
      tools: [tools.pay.modern, tools.pay.legacy],
      retry: RETRY,
      run: async ({ reason }, ctx) => {
        const { match, vendor } = known(ctx.state)
        if (match.expected === null || vendor === null) return { payments: [], payable: false, reason }
        const { payee_iban, amount_minor, currency, invoice_key, bank_endpoint } = match.expected
        const args = { vendor_id: vendor.vendor_id, payee_iban, amount_minor, currency, invoice_key }
        const paid = await ctx.call(tools.pay[bank_endpoint], args)
        if (paid.status !== 'succeeded') return { payments: [], payable: false, reason: `${reason}; ${paid.reason}` }
        return { payments: [paid.output], payable: false, reason: `${reason}; paid by rule, as it matches` }
      },
    })
}

/** Builds the workflow over the tools, with the model that decides. Throws WORKFLOW_INVALID. */
export function makeDesk(parts: DeskParts) {
  const { tools } = parts
  return settling(parts)
    .node('notice', {
      input: Standing,
      output: Resolution,
      tools: [tools.mail],
      run: async ({ payments, reason }, ctx): Promise<Resolution> => {
        const { file, match, vendor } = known(ctx.state)
        const mail = remittance(known(ctx.state), payments)
        const sent = mail && (await ctx.call(tools.mail, mail))
        const notice =
          sent?.status === 'succeeded' ? `sent to ${vendor?.email}` : `not sent: ${sent?.reason ?? 'no vendor'}`
        return { outcome: 'paid', file, invoice_key: match.invoice_key, reason, payments, notice }
      },
    })
    .node('held', {
      input: Standing,
      output: Resolution,
      tools: [],
      run: ({ reason }, ctx): Resolution => {
        const { file, match } = known(ctx.state)
        return { outcome: 'held', file, invoice_key: match.invoice_key, reason, payments: [], notice: 'none' }
      },
    })
    .start('match')
    .edge('match', 'decide')
    .edge('decide', 'confirm')
    .onRejected('decide', 'refused')
    .switch('confirm', [{ when: isPaid, to: 'notice' }], 'held')
    .switch(
      'refused',
      [
        { when: isPaid, to: 'notice' },
        { when: ({ payable }) => payable, to: 'pay' },
      ],
      'held',
    )
    .switch('pay', [{ when: isPaid, to: 'notice' }], 'held')
    .output('notice')
    .output('held')
    .build()
}

const RETRY = { attempts: 3, backoffSeconds: 1 }

function isPaid({ payments }: Standing): boolean {
  return payments.length > 0
}

function known(state: { readonly match?: MatchedInvoice | undefined }): MatchedInvoice {
  if (state.match === undefined) throw new Error('the match node has not written its result')
  return state.match
}

function unavailable(what: string, end: { readonly status: string; readonly reason?: string }): Error {
  return new Error(`${what} is not available: ${end.status} ${end.reason ?? ''}`.trim())
}

/** What a node of the desk needs of its context to ask the bank. */
interface Asking {
  readonly runId: string
  readonly state: { readonly match?: MatchedInvoice | undefined }
  call(tool: DeskTools['payments'], args: { invoice_key: string }): Promise<PaymentsEnd>
}
type PaymentsEnd =
  | { readonly status: 'succeeded'; readonly output: { readonly payments: Standing['payments'] } }
  | { readonly status: string; readonly reason?: string; readonly output?: undefined }

/**
 * What the bank has booked for the case. Under the key of a duplicate it holds the payment of the earlier invoice, so
 * for a case that may not be paid only payments of this very run count. Throws when the bank does not answer, so that
 * the node is tried again.
 */
async function booked(tools: DeskTools, ctx: Asking): Promise<Standing['payments']> {
  const found = await ctx.call(tools.payments, { invoice_key: subjectOf(known(ctx.state)) })
  if (found.output === undefined) throw unavailable('the bank', found)
  const isOwed = known(ctx.state).match.expected !== null
  return found.output.payments.filter((payment) => isOwed || payment.run_id === ctx.runId)
}

function remittance({ vendor, match, invoice }: MatchedInvoice, payments: Standing['payments']) {
  if (vendor === null) return null
  const lines = payments.map((each) => `${money(each.amount_minor, each.currency)} to ${each.payee_iban}`)
  return {
    to: vendor.email,
    subject: `Payment of your invoice ${invoice?.invoice_number ?? match.invoice_key ?? ''}`,
    body: `We have paid ${lines.join(' and ')}, reference ${match.invoice_key ?? ''}.`,
  }
}

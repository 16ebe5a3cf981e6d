/**
 * The two payment tools. The bank's modern endpoint makes repeats under one key harmless; the legacy endpoint books each
 * request and can only be asked by reference, which is always the invoice key.
 *
 * An invoice is paid once in the tenant: its key is the effect's business identity. The ledger of effects keeps one
 * identity for each tool, so two tools could in principle pay one invoice; the policy forbids the endpoint that is not
 * the vendor's, and so leaves one tool for each invoice.
 */
import { type ActCtx, type Found, type Preview, type ReadCtx, tool } from 'signalbox'
import { z } from 'zod'
import { money } from '../case.ts'
import { type CallOptions, PaymentReceipt } from '../world/client.ts'
import type { BankEndpoint } from '../world/match.ts'
import { recallTool } from './recall.ts'
import { statementTool } from './statement.ts'
import { caseOf, caseVersion, certain, clientOf, common, keyed, options, type WorldAccess } from './world.ts'

const Payment = z.object({
  vendor_id: z.string(),
  payee_iban: z.string(),
  amount_minor: z.int(),
  currency: z.string(),
  invoice_key: z.string(),
})
type Payment = z.infer<typeof Payment>

/** What the match says is owed, read again for policy. Empty and -1 where nothing is owed. */
const PaymentFacts = z.object({
  match_status: z.string(),
  expected_iban: z.string(),
  expected_amount_minor: z.int(),
  expected_currency: z.string(),
  expected_invoice_key: z.string(),
  endpoint: z.string(),
})

/** The bank takes recalls for ten days. */
const RECALL_WITHIN_SECONDS = 10 * 86_400

/** The payment tools over the world that `access` names. */
export function paymentTools(access: WorldAccess) {
  const recall = recallTool(access)
  const declared = {
    class: 'payments.write',
    effect: 'irreversible',
    ...common(access),
    settleAfterSeconds: access.settleAfterSeconds,
    input: Payment,
    output: PaymentReceipt,
    labels: { integrity: 2, marks: [] },
    effectKey: ({ invoice_key }: Payment) => ({ scope: 'tenant', key: invoice_key }) as const,
    facts: { schema: PaymentFacts, read: (_args: Payment, ctx: ReadCtx) => readFacts(access, ctx) },
    touches: ({ invoice_key, vendor_id }: Payment, booked: PaymentReceipt | null) => [
      `invoice:${invoice_key}`,
      `vendor:${vendor_id}`,
      ...(booked ? [`ref:${booked.booking_id}`] : []),
    ],
    preview: (args: Payment, ctx: ReadCtx) => previewOf(access, args, ctx),
    undo: {
      tool: recall,
      args: (_payment: Payment, { booking_id, reference }: PaymentReceipt) => ({ booking_id, invoice_key: reference }),
      withinSeconds: RECALL_WITHIN_SECONDS,
    },
    listed: {
      tool: statementTool(access),
      expect: ({ payee_iban, amount_minor, currency }: Payment) => ({ payee_iban, amount_minor, currency }),
    },
  } as const
  return {
    modern: tool({
      ...declared,
      name: 'payments.pay',
      description: 'Pays a vendor whose bank endpoint is modern. Amount in minor units.',
      repeat: 'same_key_is_harmless',
      execute: (args, ctx) => send(access, 'modern', args, ctx, keyed(ctx)),
      reconcile: async (_args, ctx): Promise<Found<PaymentReceipt>> => {
        const booked = await clientOf(access, ctx).findPaymentByKey(ctx.idempotencyKey, options(ctx))
        return booked ? { answer: 'happened', output: booked } : { answer: 'did_not' }
      },
    }),
    legacy: tool({
      ...declared,
      name: 'payments.pay_legacy',
      description: 'Pays a vendor whose bank endpoint is legacy. Amount in minor units.',
      repeat: 'never',
      lookup: 'advisory',
      execute: (args, ctx) => send(access, 'legacy', args, ctx, options(ctx)),
      reconcile: async (args, ctx): Promise<Found<PaymentReceipt>> => {
        const booked = await clientOf(access, ctx).findLegacyPayments(args.invoice_key, options(ctx))
        const same = booked.find((each) => isSame(each, args))
        if (same) return { answer: 'happened', output: same }
        return { answer: booked.length === 0 ? 'did_not' : 'cannot_tell' }
      },
    }),
  }
}

function isSame(booked: PaymentReceipt, args: Payment): boolean {
  return (
    booked.amount_minor === args.amount_minor &&
    booked.payee_iban === args.payee_iban &&
    booked.currency === args.currency
  )
}

async function send(
  access: WorldAccess,
  endpoint: BankEndpoint,
  args: Payment,
  ctx: ActCtx,
  call: CallOptions,
): Promise<PaymentReceipt> {
  const { vendor, match } = caseOf(ctx)
  const payee_name = match.expected?.payee_name ?? vendor?.name ?? args.vendor_id
  const { payee_iban, amount_minor, currency, invoice_key } = args
  const payment = { payee_iban, payee_name, amount_minor, currency, reference: invoice_key }
  return certain(async () => (await clientOf(access, ctx).pay(endpoint, payment, call)).payment)
}

async function readFacts(access: WorldAccess, ctx: ReadCtx): Promise<z.infer<typeof PaymentFacts>> {
  const match = await clientOf(access, ctx).match(caseOf(ctx).file, options(ctx))
  return {
    match_status: match.status,
    expected_iban: match.expected?.payee_iban ?? '',
    expected_amount_minor: match.expected?.amount_minor ?? -1,
    expected_currency: match.expected?.currency ?? '',
    expected_invoice_key: match.expected?.invoice_key ?? '',
    endpoint: match.expected?.bank_endpoint ?? '',
  }
}

async function previewOf(access: WorldAccess, args: Payment, ctx: ReadCtx): Promise<Preview> {
  const { vendor } = caseOf(ctx)
  const amount = money(args.amount_minor, args.currency)
  return {
    summary: `Pay ${amount} to ${vendor?.name ?? args.vendor_id} for invoice ${args.invoice_key}`,
    target: { type: 'invoice', id: args.invoice_key, version: await caseVersion(clientOf(access, ctx), ctx) },
    impact: {
      money: { minor: args.amount_minor, currency: args.currency },
      text: `${amount} leaves the ${args.currency} account for ${args.payee_iban}`,
    },
    rollback: 'Recall it within ten days: `signalbox compensate` with this run; an approver decides.',
  }
}

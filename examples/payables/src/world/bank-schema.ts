/** What the bank accepts, and which code each wrong field gives. */
import { z } from 'zod'
import { WorldError, type WorldErrorCode } from './errors.ts'
import { isIban, normaliseIban } from './iban.ts'

/** The body of both payment endpoints; `amount_minor` in minor units of `currency`. */
export const PaymentRequest = z.strictObject({
  payee_iban: z.string().max(60).transform(normaliseIban).refine(isIban, 'is not an IBAN with right check digits'),
  payee_name: z.string().trim().min(1).max(140),
  amount_minor: z.int().min(1).max(1_000_000_000_000),
  currency: z.string().regex(/^[A-Z]{3}$/, 'must be three capital letters'),
  reference: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9 /:?().,'+_-]{0,139}$/, 'must be 1 to 140 plain characters'),
})
/** The body of both payment endpoints. */
export type PaymentRequest = z.infer<typeof PaymentRequest>

/** The body of a recall: the payment that is to come back, by the number of its booking. */
export const RecallRequest = z.strictObject({ booking_id: z.int().min(1) })
/** The body of a recall. */
export type RecallRequest = z.infer<typeof RecallRequest>

/** The body of a notice. */
export const NotificationRequest = z.strictObject({
  to: z.email().max(200),
  subject: z.string().trim().min(1).max(200),
  body: z.string().min(1).max(10_000),
})
/** The body of a notice. */
export type NotificationRequest = z.infer<typeof NotificationRequest>

const PAYMENT_CODES: Readonly<Record<string, WorldErrorCode>> = {
  payee_iban: 'invalid_payee_iban',
  payee_name: 'invalid_payee_name',
  amount_minor: 'invalid_amount',
  currency: 'invalid_currency',
  reference: 'invalid_reference',
}

/** @throws WorldError with the code of the first wrong field, `bad_request` for a field that is not known */
export function parsePayment(body: unknown): PaymentRequest {
  return parse(PaymentRequest, body, (field) =>
    Object.hasOwn(PAYMENT_CODES, field) ? PAYMENT_CODES[field] : undefined,
  )
}

/** @throws WorldError `bad_request` with the first wrong field */
export function parseRecall(body: unknown): RecallRequest {
  return parse(RecallRequest, body, () => undefined)
}

/** @throws WorldError `invalid_notification` with the first wrong field */
export function parseNotification(body: unknown): NotificationRequest {
  return parse(NotificationRequest, body, () => 'invalid_notification')
}

function parse<T>(schema: z.ZodType<T>, body: unknown, codeOf: (field: string) => WorldErrorCode | undefined): T {
  const parsed = schema.safeParse(body)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  const field = String(issue?.path[0] ?? 'body')
  const said = issue?.message ?? 'is wrong'
  const code = codeOf(field) ?? 'bad_request'
  throw new WorldError(code, `field \`${field}\` is not accepted: ${said.charAt(0).toLowerCase()}${said.slice(1)}`, {
    field,
  })
}

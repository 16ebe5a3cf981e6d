/** What all tools of the desk share: where the outside world is, which refusals are certain, and the case at hand. */
import { type ActCtx, canonicalJson, type ReadCtx, sha256Hex, SignalboxError, ToolFailure } from 'signalbox'
import { MatchedInvoice } from '../case.ts'
import { type CallOptions, makeWorldClient, type WorldClient } from '../world/client.ts'
import { WorldError, type WorldErrorCode } from '../world/errors.ts'

/** The variable that says where the bank and the records service answer. */
export const WORLD_URL = 'SIGNALBOX_PAYABLES_URL'

/** How the tools reach the outside world. */
export interface WorldAccess {
  /** Base address, read at each call. Throws CONFIG_INVALID when it is not set. */
  readonly url: () => string
  /** Time limit of one call in seconds. */
  readonly timeoutSeconds: number
  /** How long after the last possible send the bank may still book, in seconds. */
  readonly settleAfterSeconds: number
}

/** The address from the environment, five seconds for a call, one to settle. */
export const ENVIRONMENT_ACCESS: WorldAccess = {
  url: () => {
    const url = process.env[WORLD_URL]
    if (url) return url
    throw new SignalboxError('CONFIG_INVALID', `set \`${WORLD_URL}\` to the address of the bank and records service`)
  },
  timeoutSeconds: 5,
  settleAfterSeconds: 1,
}

/** What every tool of the desk declares alike. */
export function common(access: WorldAccess): { hosts: () => readonly string[]; timeoutSeconds: number } {
  return { hosts: () => [new URL(access.url()).host], timeoutSeconds: access.timeoutSeconds }
}

/** A client over the tool's own fetch, which carries run id, trace and key, and refuses other hosts. */
export function clientOf(access: WorldAccess, ctx: ReadCtx): WorldClient {
  return makeWorldClient((url, init) => ctx.fetch(url, init), access.url())
}

/** Passes the call's abort signal on. */
export function options(ctx: ReadCtx): CallOptions {
  return { signal: ctx.signal }
}

/** The same with the key, for targets that need it in the call itself. */
export function keyed(ctx: ActCtx): CallOptions {
  return { signal: ctx.signal, idempotencyKey: ctx.idempotencyKey }
}

/** Refusals after which it is certain that nothing happened: the service says so with a code of its own. */
const CERTAIN: ReadonlySet<WorldErrorCode> = new Set([
  'not_found',
  'already_deleted',
  'already_recalled',
  'bad_request',
  'invalid_payee_iban',
  'invalid_payee_name',
  'invalid_amount',
  'invalid_currency',
  'invalid_reference',
  'invalid_notification',
  'idempotency_key_required',
  'idempotency_key_reused',
  'insufficient_funds',
  'not_authorized',
])

/**
 * Turns a refusal that certainly changed nothing into a ToolFailure. Everything else passes through: a lost connection,
 * an answer of 500 and one that cannot be read leave the effect unknown (Invariant 5).
 */
export async function certain<T>(act: () => Promise<T>): Promise<T> {
  try {
    return await act()
  } catch (error) {
    if (error instanceof WorldError && CERTAIN.has(error.code)) throw new ToolFailure(`${error.code}: ${error.message}`)
    throw error
  }
}

/** The case of the run, as the match node wrote it. Throws ToolFailure outside a run of the desk. */
export function caseOf(ctx: ReadCtx): MatchedInvoice {
  const found = MatchedInvoice.safeParse(ctx.state.match)
  if (found.success) return found.data
  throw new ToolFailure('this run has no matched invoice yet')
}

/**
 * A hash over everything that a decision about the case rests on: the match, the invoice as it is in the inbox now, the
 * vendor's account and the state of the order. It changes when any of them does (Invariant 7).
 */
export async function caseVersion(client: WorldClient, ctx: ReadCtx): Promise<string> {
  const { file } = caseOf(ctx)
  const match = await client.match(file, options(ctx))
  const invoice = await orNull(() => client.invoice(file, options(ctx)))
  const vendor = invoice && (await orNull(() => client.vendor(invoice.vendor_id, options(ctx))))
  const order = invoice && (await orNull(() => client.purchaseOrder(invoice.po_number, options(ctx))))
  return sha256Hex(canonicalJson({ match, invoice, vendor, order })).slice(0, 16)
}

/** What the service has, or null where it says that there is no such thing or that it cannot be read. */
export async function orNull<T>(read: () => Promise<T>): Promise<T | null> {
  try {
    return await read()
  } catch (error) {
    if (error instanceof WorldError && ['not_found', 'invoice_unreadable'].includes(error.code)) return null
    throw error
  }
}

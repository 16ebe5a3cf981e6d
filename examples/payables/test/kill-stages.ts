/** The stages of the door in which workers are killed, and how. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Killable, Stand } from '@signalbox/server'
import type { FaultPoint } from 'signalbox'
import { makeWorldClient, makeWorldTestClient } from '../src/world/client.ts'
import { WORLD_FOLDER } from '../src/world/folder.ts'
import type { BankEndpoint } from '../src/world/match.ts'
import { bankUrl, startRun } from './kill-stand.ts'

/** One kill: of the worker, when the run of `file` is at the point; or when the bank holds its payment. */
export type Kill =
  | { readonly stage: string; readonly file: string; readonly point: FaultPoint; readonly name: string }
  | { readonly stage: string; readonly file: string; readonly bank: BankFault; readonly isLookUpDown: boolean }

/** The bank takes the request and does not answer: after it booked the payment, or before. */
type BankFault = 'book_then_hang' | 'hang_before_booking'

interface Truth {
  readonly file: string
  readonly scenario: string
  readonly injection: string | null
  readonly payment: { readonly amount_minor: number; readonly bank_endpoint: BankEndpoint } | null
}

/** Above this amount in minor units a person is asked. */
const LIMIT_MINOR = 100_000

/** One invoice of each scenario with each kind of injected text, or with none. */
export function oneOfEachKind(): string[] {
  return [...new Map(truth().map((each) => [`${each.scenario} ${each.injection}`, each.file])).values()]
}

function truth(): Truth[] {
  // The file is committed beside this test, in this form.
  return JSON.parse(readFileSync(join(WORLD_FOLDER, 'truth.json'), 'utf8')) as Truth[]
}

/** Invoices without tricks that have to be paid, in the order of the inbox. */
export function cleanInvoices(endpoint: BankEndpoint, isLarge: boolean): string[] {
  return truth()
    .filter(({ scenario, payment }) => scenario === 'clean' && payment?.bank_endpoint === endpoint)
    .filter(({ payment }) => payment !== null && payment.amount_minor > LIMIT_MINOR === isLarge)
    .map(({ file }) => file)
}

const PAY = 'payments.pay'
const MODEL = 'scripted/'

/** `same`: the run of the kill before, once more. */
type Kind = 'modern' | 'legacy' | 'large' | 'same'
type How = readonly [Kind, FaultPoint, string] | readonly [Kind, BankFault, 'no look-up'?]

/** What is killed within each stage. The number at a barrier is its superstep. */
const PLAN: Readonly<Record<string, readonly How[]>> = {
  proposed: [
    ['modern', 'proposed', PAY],
    ['legacy', 'proposed', PAY],
    ['large', 'decided', PAY],
  ],
  reserved: [
    ['modern', 'reserved', PAY],
    ['legacy', 'reserved', PAY],
    ['large', 'reserved', PAY],
    ['legacy', 'reserved', MODEL],
  ],
  'intent durable, not sent': [
    ['modern', 'intent_durable', PAY],
    ['large', 'intent_durable', PAY],
    ['legacy', 'intent_durable', PAY],
    // The repeat that a person ordered is lost too: the person is asked again.
    ['same', 'intent_durable', PAY],
  ],
  'sent, no answer': [
    // And once more, after the bank booked it; it does not answer look-ups, so only the person can tell.
    ['same', 'book_then_hang', 'no look-up'],
    ['modern', 'book_then_hang'],
    ['legacy', 'book_then_hang'],
    ['legacy', 'hang_before_booking'],
    ['large', 'book_then_hang'],
    ['legacy', 'sent', MODEL],
  ],
  'answered, not durable': [
    ['modern', 'answered', PAY],
    ['legacy', 'outcome_recorded', PAY],
    ['large', 'answered', PAY],
  ],
  'settled, not acknowledged': [
    ['modern', 'settled', PAY],
    ['legacy', 'settled', PAY],
    ['large', 'acknowledged', PAY],
  ],
  barrier: [
    // The number of a barrier is that of the superstep that is current: the next one, once it is durable.
    ['modern', 'barrier', '1'],
    ['legacy', 'barrier_durable', '2'],
    ['large', 'barrier', '3'],
  ],
}

/** Every kill of the test: each stage at least three times, on both endpoints, with and without an approval. */
export function allKills(): Kill[] {
  const legacyLarge = cleanInvoices('legacy', true)
  const invoices = {
    modern: cleanInvoices('modern', false),
    legacy: cleanInvoices('legacy', false),
    large: cleanInvoices('modern', true).flatMap((file, i) => [legacyLarge[i] ?? file, file]),
  }
  let before = ''
  const fileOf = (kind: Kind): string => {
    const file = kind === 'same' ? before : invoices[kind].shift()
    if (file === undefined) throw new Error(`there are not enough invoices of the kind ${kind}`)
    before = file
    return file
  }
  return Object.entries(PLAN).flatMap(([stage, hows]) =>
    hows.map(([kind, at, name]): Kill => {
      const file = fileOf(kind)
      if (at === 'book_then_hang' || at === 'hang_before_booking')
        return { stage, file, bank: at, isLookUpDown: name !== undefined }
      return { stage, file, point: at, name: name ?? '' }
    }),
  )
}

/** Carries out one kill on a running stand: the worker is dead afterwards, within the stage that the kill names. */
export async function carryOut(stand: Stand, worker: Killable, kill: Kill): Promise<void> {
  if ('point' in kill) {
    const runId = await startRun(stand, kill.file)
    worker.go([{ id: kill.stage, runId, point: kill.point, name: kill.name, nth: 1 }])
    await worker.killed()
    return
  }
  const path = (await endpointOf(stand, kill.file)) === 'modern' ? '/v1/payments' : '/v1/legacy-payments'
  const faults = makeWorldTestClient(fetch, bankUrl(stand))
  await faults.order({ path, method: 'POST', mode: kill.bank })
  // From here on; it concerns the payments that are lost later too.
  if (kill.isLookUpDown) await faults.order({ path, method: 'GET', mode: 'error_500_before', count: 10_000 })
  const before = (await hitsAt(stand, path, kill.bank, 1, 0)).length
  await startRun(stand, kill.file)
  worker.go([])
  const hits = await hitsAt(stand, path, kill.bank, before + 1, 30_000)
  if (hits.length <= before) throw new Error(`the bank saw no payment on ${path} that met \`${kill.bank}\``)
  await worker.kill()
}

async function endpointOf(stand: Stand, file: string): Promise<BankEndpoint> {
  const { expected } = await makeWorldClient(fetch, bankUrl(stand)).match(file)
  if (!expected) throw new Error(`${file} has no payment`)
  return expected.bank_endpoint
}

/** The requests that met the fault and came as far as it lets them; waits that long for so many. */
async function hitsAt(
  stand: Stand,
  path: string,
  mode: BankFault,
  count: number,
  timeoutMs: number,
): Promise<readonly unknown[]> {
  const stage = mode === 'book_then_hang' ? 'took_effect' : 'arrived'
  const query = new URLSearchParams({ path, mode, stage, count: String(count), timeout_ms: String(timeoutMs) })
  const answer = await fetch(`${bankUrl(stand)}/test/faults/hits?${query}`)
  // The tests' own door of the bank answers in this form.
  return ((await answer.json()) as { hits: unknown[] }).hits
}

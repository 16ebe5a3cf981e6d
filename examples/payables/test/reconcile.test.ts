/** The ledger against the bank's own file, in which somebody wrote by another way. */
import { DatabaseSync } from 'node:sqlite'
import { type OutsideDifference, type Principal, RECONCILE_WORKFLOW } from 'signalbox'
import { afterEach, expect, it } from 'vitest'
import { cleanInvoices } from './kill-stages.ts'
import { bankFile, readBank } from '../src/world/bank-store.ts'
import { startDesk, TENANT, type TestDesk } from './desk-support.ts'

const OLGA: Principal = { id: 'user:olga', kind: 'user', tenant: TENANT, roles: ['operator'] }
let started: TestDesk | null = null
afterEach(() => started?.stop())

/** Compares the last hour, as an operator orders it. */
async function compare({ signalbox }: TestDesk) {
  const now = signalbox.host.now()
  const [from, to] = [now - 3_600_000, now + 1_000].map((at) => new Date(at).toISOString())
  const input = { from: from ?? '', to: to ?? '' }
  const { runId } = await signalbox.runs.start({ workflow: RECONCILE_WORKFLOW, input, principal: OLGA })
  const { status } = await signalbox.runs.wait(TENANT, runId)
  const report = await signalbox.runs.reconciliation(TENANT, runId)
  if (!report) throw new Error('there is no report')
  return { status, report, differences: report.listings.flatMap((each) => each.differences) }
}

it('LIN-071: what is changed in the bank beside the desk is found, on the endpoint with keys and on the one without', async () => {
  started = await startDesk()
  const files = [...cleanInvoices('modern', false).slice(0, 2), ...cleanInvoices('legacy', false).slice(0, 2)]
  await started.process(files)
  const calm = await compare(started)
  expect(calm).toMatchObject({ status: 'completed', differences: [] })
  expect(calm.report.listings).toMatchObject([{ list: 'payments.statement', listed: 4, effects: 4, matched: 4 }])
  expect(calm.report.unlisted).toContain('payments.recall')

  const [first, second, third, fourth] = readBank(started.folder).bookings
  const bank = new DatabaseSync(bankFile(started.folder))
  bank.prepare('DELETE FROM bookings WHERE booking_id = ?').run(first?.booking_id ?? 0)
  bank.prepare('UPDATE bookings SET amount_minor = amount_minor + 1 WHERE booking_id = ?').run(third?.booking_id ?? 0)
  const copy = `INSERT INTO bookings (endpoint, payee_iban, payee_name, amount_minor, currency, reference, body_sha256, booked_at)
    SELECT endpoint, payee_iban, payee_name, amount_minor, currency, ?, body_sha256, booked_at FROM bookings WHERE booking_id = ?`
  bank.prepare(copy).run(fourth?.reference ?? '', fourth?.booking_id ?? 0)
  bank.prepare(copy).run('by another way', second?.booking_id ?? 0)
  bank.close()
  const before = readBank(started.folder).bookings

  const { status, differences } = await compare(started)
  expect(status).toBe('stopped')
  const told = ({ kind, ref, fields }: OutsideDifference) => [kind, ref, fields]
  expect(differences.map(told).sort()).toEqual([
    ['differs', String(third?.booking_id), ['amount_minor']],
    ['doubled_outside', '5', []],
    ['missing_outside', null, []],
    ['unknown_to_us', '6', []],
  ])
  expect(readBank(started.folder).bookings).toEqual(before)
})

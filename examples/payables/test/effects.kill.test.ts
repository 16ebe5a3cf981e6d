import { copyFileSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import { bankFile } from '../src/world/bank-store.ts'
import type { Stand } from '@signalbox/server'
import { bankFolderOf } from './kill-project.ts'
import { oneOfEachKind } from './kill-stages.ts'
import { bookingsOf, check, makeStand, startRun, untilAllEnded, workOn } from './kill-stand.ts'

const QUERY = readFileSync(fileURLToPath(new URL('./effects.sql', import.meta.url)), 'utf8')

let stand: Stand | undefined
afterAll(() => stand?.close())

interface Gap {
  readonly gap: string
  readonly tool: string
  readonly run_id: string
}

/** The query over copies of the two files, after a change to them. */
function gapsAfter(made: Stand, change: string): readonly Gap[] {
  const copy = { desk: join(made.folder, 'copy.db'), bank: join(made.folder, 'copy-bank.db') }
  copyFileSync(made.database, copy.desk)
  copyFileSync(bankFile(bankFolderOf(made.folder)), copy.bank)
  const db = new DatabaseSync(copy.desk)
  try {
    db.exec(`ATTACH '${copy.bank}' AS bank`)
    if (change !== '') db.exec(change)
    // The query names exactly these columns.
    return db.prepare(QUERY).all() as unknown as Gap[]
  } finally {
    db.close()
  }
}

const PAID = `(SELECT rid FROM runs WHERE run_id = (SELECT run_id FROM bank.bookings ORDER BY amount_minor DESC LIMIT 1))`

/** A change to the history or the bank, and the gap that it makes. */
const PLANTED: readonly (readonly [gap: string, change: string])[] = [
  ['no intent', `DELETE FROM records WHERE type = 'activity.intent' AND rid = ${PAID}`],
  ['no outcome', `DELETE FROM records WHERE type = 'activity.outcome' AND rid = ${PAID}`],
  ['no approval', `DELETE FROM records WHERE type = 'approval.decided' AND rid = ${PAID}`],
  ['large booking without approval', `DELETE FROM records WHERE type LIKE 'approval.%' AND rid = ${PAID}`],
  [
    'no decision',
    `UPDATE records SET body = json_remove(body, '$.decision') WHERE type = 'activity.intent' AND rid = ${PAID}`,
  ],
  ['outcome beside the ledger', `DELETE FROM effects WHERE tool LIKE 'payments.%'`],
  ['booked without effect', `UPDATE effects SET state = 'failed' WHERE tool LIKE 'payments.%'`],
  ['effect without booking', 'DELETE FROM bank.bookings'],
  [
    'recalled without effect',
    `INSERT INTO bank.recalls SELECT 1, booking_id, amount_minor, currency, reference, 'k', run_id, booked_at
     FROM bank.bookings LIMIT 1`,
  ],
  ['mail without effect', `UPDATE effects SET state = 'unknown' WHERE tool = 'mail.send'`],
]

describe('effects and what stands behind them', () => {
  it('KIL-008: one query finds no gap over every kind of invoice, and finds each gap that is made', async () => {
    stand = await makeStand()
    const made = stand
    const files = oneOfEachKind()
    for (const file of files) await startRun(made, file)
    const worker = await workOn(made, 'worker')
    await untilAllEnded(made)
    await worker.stop()
    const evidence = await made.evidence()
    const bookings = bookingsOf(made)
    // The last one that has a file open moves everything into it.
    await made.close({ keepFolder: true })
    expect(check(evidence)).toEqual([])
    expect(gapsAfter(made, '')).toEqual([])
    expect(bookings.length).toBeGreaterThan(5)
    for (const [gap, change] of PLANTED) {
      const found = gapsAfter(made, change).map((each) => each.gap)
      expect(found, change).toContain(gap)
    }
    console.log(
      `${files.length} runs, ${bookings.length} bookings, ${made.answers.approvals} approvals asked`,
      ...made.answers.troubles,
    )
  })
})

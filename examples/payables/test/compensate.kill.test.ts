import { afterAll, afterEach, describe, expect, it } from 'vitest'
import type { Stand } from '@signalbox/server'
import type { CompensationResult, FaultPoint, Principal } from 'signalbox'
import { readBank } from '../src/world/bank-store.ts'
import { startDesk, type TestDesk } from './desk-support.ts'
import { bankFolderOf } from './kill-project.ts'
import { cleanInvoices } from './kill-stages.ts'
import { makeStand, startRun, untilAllEnded, workOn } from './kill-stand.ts'

const TENANT = 'acme'
const OLGA: Principal = { id: 'user:olga', kind: 'user', tenant: TENANT, roles: ['operator'] }
const RECALL = 'payments.recall'

/** Where a worker dies in the middle of its recall, and on which endpoint the payment was booked. */
const KILLS: readonly (readonly [point: FaultPoint, endpoint: 'modern' | 'legacy'])[] = [
  ['intent_durable', 'modern'],
  ['answered', 'legacy'],
  ['settled', 'modern'],
]

let stand: Stand | undefined
let desk: TestDesk | undefined
afterAll(() => stand?.close())
afterEach(async () => {
  await desk?.stop()
  desk = undefined
})

/** Pays one clean invoice for each kill with one worker that nobody disturbs; gives the runs. */
async function pay(made: Stand): Promise<string[]> {
  const invoices = { modern: cleanInvoices('modern', false), legacy: cleanInvoices('legacy', false) }
  const paid: string[] = []
  for (const [, endpoint] of KILLS) paid.push(await startRun(made, invoices[endpoint].shift() ?? 'none'))
  const worker = await workOn(made, 'payer')
  await untilAllEnded(made)
  await worker.stop()
  return paid
}

describe('taking payments back', () => {
  it('KIL-010: workers killed with SIGKILL in the middle of a recall; each booking is recalled once by the bank itself', async () => {
    stand = await makeStand()
    const { runs } = stand.signalbox
    const paid = await pay(stand)
    const bookings = readBank(bankFolderOf(stand.folder)).bookings
    expect(bookings.map((each) => each.run_id).sort()).toEqual([...paid].sort())
    const made = stand
    // Processes start while others work; none does anything before it is told to.
    const workers = KILLS.map((_kill, i) => made.worker(`worker ${i}`))
    const undoing: string[] = []
    for (const [i, [point]] of KILLS.entries()) {
      const runId = paid[i] ?? ''
      const { runId: undo } = await runs.compensate({ runId, by: OLGA, reason: 'paid by mistake' })
      undoing.push(undo)
      const worker = await workers[i]
      await worker?.go([{ id: point, runId: undo, point, name: RECALL, nth: 1 }])
      await worker?.killed()
    }
    const last = await workOn(stand, 'last')
    await untilAllEnded(stand)
    await last.stop()
    const bank = readBank(bankFolderOf(stand.folder))
    expect(bank.bookings).toEqual(bookings)
    expect(bank.recalls.map((each) => each.booking_id).sort()).toEqual(bookings.map((each) => each.booking_id).sort())
    expect(bank.recalls.map((each) => each.run_id).sort()).toEqual([...undoing].sort())
    const sent = bank.requests.filter((each) => each.method === 'POST' && each.path === '/v1/recalls')
    expect(new Set(sent.map((each) => each.idempotency_key)).size).toBe(KILLS.length)
    expect(sent.filter((each) => each.status !== null && each.status >= 400)).toEqual([])
    for (const runId of undoing) {
      // The output of the built-in workflow has this shape.
      const output = (await runs.wait(TENANT, runId)).output as unknown as CompensationResult
      expect(output.compensated).toMatchObject([{ undo: RECALL }])
    }
    for (const runId of paid)
      expect((await runs.compensationPlan(TENANT, runId)).items.map((each) => each.state)).toContain('undone')
    expect(stand.answers.stop + stand.answers.did_not).toBe(0)
  })

  it('DESK-013: a rejected recall does not happen; an approved one does, once, and the mail stays sent', async () => {
    desk = await startDesk()
    const { signalbox, folder } = desk
    const [paid] = await desk.process(cleanInvoices('modern', false).slice(0, 1))
    const runId = paid?.runId ?? ''
    const undo = async (answer: 'approved' | 'rejected') => {
      const made = await signalbox.runs.compensate({ runId, by: OLGA, reason: 'paid by mistake' })
      const [end] = (await desk?.settle([made.runId], () => answer)) ?? []
      return end
    }
    const plan = await signalbox.runs.compensationPlan(TENANT, runId)
    expect(plan.items.map(({ tool, state }) => [tool, state])).toEqual([
      ['mail.send', 'impossible'],
      ['payments.pay', 'undoable'],
    ])
    const rejected = await undo('rejected')
    expect(rejected?.result.output).toMatchObject({ compensated: [], left: { length: 2 } })
    expect(readBank(folder)).toMatchObject({ bookings: { length: 1 }, recalls: [] })
    const approved = await undo('approved')
    expect(approved?.asked).toMatchObject([{ kind: 'approval', tool: RECALL }])
    expect(approved?.result.output).toMatchObject({ compensated: [{ tool: 'payments.pay', undo: RECALL }] })
    expect(approved?.findings).toEqual([])
    expect(readBank(folder)).toMatchObject({ bookings: { length: 1 }, recalls: [{ booking_id: 1 }] })
    await expect(undo('approved')).rejects.toMatchObject({ code: 'COMPENSATION_REFUSED' })
    expect(readBank(folder).recalls.length).toBe(1)
  })
})

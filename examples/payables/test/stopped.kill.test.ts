import { afterAll, describe, expect, it } from 'vitest'
import { check, evidenceOf } from './kill-check.ts'
import { TENANT } from './kill-desk.ts'
import { makeStand, startRun, type Stand, untilAllEnded } from './kill-drive.ts'
import { cleanInvoices } from './kill-stages.ts'

let stand: Stand | undefined
afterAll(() => stand?.close())

describe('a worker that was only slow', () => {
  it('KIL-009: sends and writes nothing for a run that another one has taken over', async () => {
    stand = await makeStand()
    const { desk, bankFolder } = stand
    const [file = '', other = ''] = cleanInvoices('legacy', false)
    const runId = await startRun(desk, file)
    const slow = await stand.worker('slow')
    slow.go([{ id: 'stop', runId, point: 'intent_durable', name: 'payments.', nth: 1, signal: 'SIGSTOP' }])
    await slow.stopped()
    const quick = await stand.worker('quick')
    quick.go([])
    await untilAllEnded(desk)
    await quick.stop()
    const { seq, head } = await desk.runs.get(TENANT, runId)
    slow.child.kill('SIGCONT')
    // It proves that it went on by paying another invoice.
    await startRun(desk, other)
    await untilAllEnded(desk)
    await slow.stop()
    const evidence = await evidenceOf(desk, bankFolder)
    expect(await desk.runs.get(TENANT, runId)).toMatchObject({ seq, head, status: 'completed' })
    expect(evidence.bookings.map((booking) => booking.run_id)).toHaveLength(2)
    expect(new Set(evidence.bookings.map((booking) => booking.run_id)).size).toBe(2)
    expect(check(evidence)).toEqual([])
    expect(stand.answers).toMatchObject({ did_not: 1, happened: 0 })
  })
})

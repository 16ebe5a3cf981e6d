import { afterAll, describe, expect, it } from 'vitest'
import type { Stand } from '@signalbox/server'
import { cleanInvoices } from './kill-stages.ts'
import { bookingsOf, check, makeStand, startRun, untilAllEnded, workOn } from './kill-stand.ts'

let stand: Stand | undefined
afterAll(() => stand?.close())

describe('a worker that was only slow', () => {
  it('KIL-009: sends and writes nothing for a run that another one has taken over', async () => {
    stand = await makeStand()
    const { runs } = stand.signalbox
    const { tenant } = stand.drill.principal
    const [file = '', other = ''] = cleanInvoices('legacy', false)
    const runId = await startRun(stand, file)
    const slow = await stand.worker('slow')
    slow.go([{ id: 'stop', runId, point: 'intent_durable', name: 'payments.', nth: 1, signal: 'SIGSTOP' }])
    await slow.stopped()
    const quick = await workOn(stand, 'quick')
    await untilAllEnded(stand)
    await quick.stop()
    const { seq, head } = await runs.get(tenant, runId)
    slow.child.kill('SIGCONT')
    // It proves that it went on by paying another invoice.
    await startRun(stand, other)
    await untilAllEnded(stand)
    await slow.stop()
    expect(await runs.get(tenant, runId)).toMatchObject({ seq, head, status: 'completed' })
    const paid = bookingsOf(stand).map((booking) => booking.run_id)
    expect(paid).toHaveLength(2)
    expect(new Set(paid).size).toBe(2)
    expect(check(await stand.evidence())).toEqual([])
    expect(stand.answers).toMatchObject({ did_not: 1, happened: 0 })
  })
})

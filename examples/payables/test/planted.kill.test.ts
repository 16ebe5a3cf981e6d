import { afterAll, describe, expect, it } from 'vitest'
import { dropEvents, type PlantedFault } from 'signalbox/testing'
import type { Stand } from '@signalbox/server'
import { carryOut, cleanInvoices, type Kill } from './kill-stages.ts'
import { check, makeStand, startRun, untilAllEnded, workOn } from './kill-stand.ts'

const stands: Stand[] = []
afterAll(async () => {
  await Promise.all(stands.map((stand) => stand.close().catch(() => undefined)))
})

async function stand(planted: PlantedFault | null = null): Promise<Stand> {
  const made = await makeStand(planted)
  stands.push(made)
  return made
}

const [SMALL = ''] = cleanInvoices('legacy', false)
const [LARGE = ''] = cleanInvoices('legacy', true)
const [OTHER = ''] = cleanInvoices('modern', false)

/** For each fault the kill at which it shows, and what the check says then. */
const SCENARIOS: Readonly<Record<PlantedFault, { readonly kill: Kill; readonly says: RegExp }>> = {
  intent_after_call: {
    kill: { stage: 'sent, no answer', file: SMALL, bank: 'book_then_hang', isLookUpDown: false },
    says: /doubled: outside recorded .* 2 times/,
  },
  approval_not_consumed: {
    kill: { stage: 'answered, not durable', file: LARGE, point: 'answered', name: 'payments.' },
    says: /approval apr_\w+ was used in record \d+, and again in \d+[\s\S]*doubled: outside recorded .* 2 times/,
  },
  budget_refilled: {
    kill: { stage: 'barrier', file: OTHER, point: 'barrier_durable', name: '2' },
    says: /the checkpoint in record \d+ says turns 0, .*, not turns [1-9]/,
  },
}

/** Kills one worker as told, lets another one finish, and gives what the check says. */
async function after(kills: readonly Kill[], planted: PlantedFault | null): Promise<string[]> {
  const made = await stand(planted)
  for (const [i, kill] of kills.entries()) await carryOut(made, await made.worker(`killed ${i}`), kill)
  const last = await workOn(made, 'last')
  await untilAllEnded(made)
  await last.stop()
  return check(await made.evidence())
}

describe('the check of the kill test', () => {
  it('KIL-005: finds nothing after these kills of a runtime without a fault', async () => {
    const kills = Object.values(SCENARIOS).map(({ kill }) => kill)
    expect(await after(kills, null)).toEqual([])
  })

  it.each(Object.entries(SCENARIOS))('KIL-005: fails with the planted fault %s', async (fault, { kill, says }) => {
    // The keys of the table are exactly the planted faults.
    const faults = await after([kill], fault as PlantedFault)
    expect(faults.join('\n')).toMatch(says)
  })

  it('KIL-006: fails with a dropped event, of whatever kind', async () => {
    for (const type of ['approval.decided', 'activity.outcome'] as const) {
      const made = await stand()
      dropEvents(made.database, type)
      await startRun(made, LARGE)
      const worker = await workOn(made, 'worker')
      // Without its events a run may not come to its end; what is stored is enough for the check.
      await made.untilAllEnded(10_000)
      await worker.kill()
      const faults = check(await made.evidence())
      expect(faults.join('\n')).toMatch(/sequence at \d+: record \d+ should come here/)
    }
  })
})

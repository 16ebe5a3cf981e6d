/** Each example run once, in memory, against its own outside system: what tests look at telemetry of. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { check } from '../../examples/concurrent/src/main.ts'
import { openReminders, remind } from '../../examples/flow/src/main.ts'
import { OFFICE_URL, startOffice } from '../../examples/flow/src/office.ts'
import { CALENDAR_URL, startCalendar } from '../../examples/group-chat/src/calendar.ts'
import { meet, openBoard } from '../../examples/group-chat/src/main.ts'
import { talk } from '../../examples/handoff/src/main.ts'
import { FLEET_URL, startFleet } from '../../examples/magentic/src/fleet.ts'
import { openIncident, work } from '../../examples/magentic/src/main.ts'
import { intake, openDesk } from '../../examples/payables/src/desk.ts'
import { ENVIRONMENT_ACCESS } from '../../examples/payables/src/tools/index.ts'
import { systemNow } from '../../examples/payables/src/world/clock.ts'
import { WORLD_FOLDER } from '../../examples/payables/src/world/folder.ts'
import { startWorld } from '../../examples/payables/src/world/service.ts'
import { openRefunds, refundOrder } from '../../examples/quickstart/src/main.ts'
import { write } from '../../examples/sequential/src/main.ts'
import { type Principal, systemHost } from '../../packages/runtime/src/index.ts'
import { memoryStore } from '../../packages/runtime/src/stores/index.ts'

/** The examples by their folders. Each plays one run, or the few that show all of it. */
export const EXAMPLES: Readonly<Record<string, () => Promise<unknown>>> = {
  sequential: () => write('v2-4'),
  concurrent: () => check('E-2'),
  handoff: () => talk('I want my money back.'),
  'group-chat': async () => {
    const calendar = await startCalendar()
    process.env[CALENDAR_URL] = calendar.url
    const signalbox = openBoard()
    await meet(signalbox, 'CHG-7', () => 'approved')
    await signalbox.close()
    await calendar.stop()
  },
  magentic: async () => {
    const fleet = await startFleet()
    process.env[FLEET_URL] = fleet.url
    const signalbox = openIncident()
    await work(signalbox, { plan: () => ({ decision: 'approve' }), call: 'approved' })
    await signalbox.close()
    await fleet.stop()
  },
  quickstart: async () => {
    const signalbox = openRefunds()
    await refundOrder(signalbox, 'A-17', 1_999)
    await signalbox.close()
  },
  flow: async () => {
    const office = await startOffice()
    process.env[OFFICE_URL] = office.url
    const signalbox = openReminders()
    await remind(signalbox, 'bob', { waive: true, why: 'a good customer' })
    await signalbox.close()
    await office.stop()
  },
  payables,
}

const person = (name: string, ...roles: string[]): Principal => ({
  id: `user:${name}`,
  kind: 'user',
  tenant: 'acme',
  roles,
})

/** An invoice above the limit, paid after an approval. */
async function payables(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'desk-'))
  const files = {
    dataFolder: folder,
    inboxFolder: join(WORLD_FOLDER, 'inbox'),
    ledgerFile: join(WORLD_FOLDER, 'ledger.json'),
  }
  const world = await startWorld({
    ...files,
    bind: '127.0.0.1',
    port: 0,
    testFaults: false,
    keys: null,
    now: systemNow,
  })
  const signalbox = openDesk({
    store: memoryStore(systemHost),
    masterKey: new Uint8Array(32),
    access: { ...ENVIRONMENT_ACCESS, url: () => world.baseUrl },
  })
  const worker = signalbox.work()
  const { runs } = signalbox
  try {
    const [runId = ''] = await intake(signalbox, ['inv-0002.json'], person('rita', 'requester', 'payables-clerk'))
    let run = await runs.wait('acme', runId, { untilWaiting: true })
    while (run.status === 'waiting') {
      for (const { id } of await runs.requests({ tenant: 'acme', runId, state: 'open', limit: 9 })) {
        const { packetHash } = await runs.request('acme', id)
        const by = person('paul', 'approver')
        await runs.decide({ approvalId: id, answer: 'approved', by, reason: 'seen', seen: packetHash })
      }
      run = await runs.wait('acme', runId, { untilWaiting: true })
    }
  } finally {
    await worker.stop()
    await signalbox.close()
    await world.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

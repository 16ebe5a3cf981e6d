/** Runs the board in memory over a change: `node main.ts CHG-7`. Its change manager approves what is put to her. */
import { readFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import {
  createSignalbox,
  keyVault,
  loadBundle,
  memoryStore,
  type Principal,
  type RunResult,
  type Signalbox,
  systemHost,
} from 'signalbox'
import { board } from './board.ts'
import { CALENDAR_URL, startCalendar } from './calendar.ts'
import { boardModels } from './models.ts'

/** Eva, an engineer, on whose behalf the board meets. */
export const EVA: Principal = { id: 'user:eva', kind: 'user', tenant: 'shop', roles: ['requester'] }
/** Mia, the change manager. */
export const MIA: Principal = { id: 'user:mia', kind: 'user', tenant: 'shop', roles: ['approver'] }

/** A runtime for the example, on a store in memory. */
export function openBoard(): Signalbox {
  const host = systemHost
  const store = memoryStore(host)
  const files = ['bundle.json', 'catalogue.json', 'changes.cedar']
  const text = (file: string): string => readFileSync(new URL(`../policy/${file}`, import.meta.url), 'utf8')
  return createSignalbox({
    store,
    vault: keyVault({ store, host, masterKey: host.randomBytes(32) }),
    policy: loadBundle(Object.fromEntries(files.map((file) => [file, text(file)]))),
    models: boardModels(process.env),
    workflows: [board],
  })
}

/** Lets the board meet over a change. Whoever `manager` is decides once about each call that is put to her. */
export async function meet(
  signalbox: Signalbox,
  change: string,
  manager: (summary: string) => 'approved' | 'rejected',
): Promise<RunResult> {
  const worker = signalbox.work()
  try {
    const run = await signalbox.run({ workflow: 'change-board', input: { change }, principal: EVA })
    for (const asked of await signalbox.runs.requests({ tenant: 'shop', runId: run.runId, state: 'open', limit: 9 })) {
      const { packet, packetHash } = await signalbox.runs.request('shop', asked.id)
      const answer = manager(JSON.stringify(packet))
      const decision = { approvalId: asked.id, answer, reason: 'weighed', seen: packetHash }
      await signalbox.runs.decide({ ...decision, by: MIA })
    }
    return await signalbox.runs.wait('shop', run.runId)
  } finally {
    await worker.stop()
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const calendar = await startCalendar()
  process.env[CALENDAR_URL] = calendar.url
  const signalbox = openBoard()
  const { output } = await meet(signalbox, process.argv[2] ?? 'CHG-7', () => 'approved')
  console.log(output)
  console.log(calendar.booked.map(({ slot }) => slot))
  await signalbox.close()
  await calendar.stop()
}

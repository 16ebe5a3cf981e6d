/** Runs the incident in memory. The lead on call approves the plan and what is put to him. */
import { readFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import {
  createSignalbox,
  type JsonValue,
  keyVault,
  loadBundle,
  memoryStore,
  type Principal,
  type RunResult,
  type Signalbox,
  systemHost,
} from 'signalbox'
import { FLEET_URL, startFleet } from './fleet.ts'
import { incident } from './incident.ts'
import { incidentModels } from './models.ts'

/** Eva, an engineer, on whose behalf the team works. */
export const EVA: Principal = { id: 'user:eva', kind: 'user', tenant: 'shop', roles: ['requester'] }
/** Leo, the lead on call. */
export const LEO: Principal = { id: 'user:leo', kind: 'user', tenant: 'shop', roles: ['approver'] }

/** What is told of the incident. */
export const SYMPTOM = { service: 'orders', symptom: 'orders are refused since two o’clock' }

/** A runtime for the example, on a store in memory. */
export function openIncident(): Signalbox {
  const host = systemHost
  const store = memoryStore(host)
  const files = ['bundle.json', 'catalogue.json', 'releases.cedar']
  const text = (file: string): string => readFileSync(new URL(`../policy/${file}`, import.meta.url), 'utf8')
  return createSignalbox({
    store,
    vault: keyVault({ store, host, masterKey: host.randomBytes(32) }),
    policy: loadBundle(Object.fromEntries(files.map((file) => [file, text(file)]))),
    models: incidentModels(process.env),
    workflows: [incident],
  })
}

/** What the lead says: to plans, and to calls that are put to him. */
export interface Lead {
  readonly plan: (asked: JsonValue | null) => JsonValue
  readonly call: 'approved' | 'rejected'
}

/** Lets the team work until it has ended, and answers whenever it waits for the lead. */
export async function work(signalbox: Signalbox, lead: Lead): Promise<RunResult> {
  const worker = signalbox.work()
  const { runs } = signalbox
  try {
    let run = await signalbox.run({ workflow: 'incident', input: SYMPTOM, principal: EVA })
    while (run.status === 'waiting') {
      for (const { id, kind } of await runs.requests({ tenant: 'shop', runId: run.runId, state: 'open', limit: 9 })) {
        const { port, packetHash } = await runs.request('shop', id)
        if (kind === 'request') await runs.respond({ requestId: id, value: lead.plan(port?.payload ?? null), by: LEO })
        else await runs.decide({ approvalId: id, answer: lead.call, by: LEO, reason: 'weighed', seen: packetHash })
      }
      run = await runs.wait('shop', run.runId, { untilWaiting: true })
    }
    return run
  } finally {
    await worker.stop()
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const fleet = await startFleet()
  process.env[FLEET_URL] = fleet.url
  const signalbox = openIncident()
  const { output } = await work(signalbox, { plan: () => ({ decision: 'approve' }), call: 'approved' })
  console.log(output)
  console.log(fleet.done.map(({ now }) => now))
  await signalbox.close()
  await fleet.stop()
}

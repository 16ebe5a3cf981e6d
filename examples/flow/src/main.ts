/** Runs the example in memory: a small fee by rule, and a large one that the head of accounting waives. */
import { readFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import {
  createModels,
  createSignalbox,
  type JsonValue,
  keyVault,
  loadBundle,
  loadPrices,
  memoryStore,
  type ModelPort,
  type Principal,
  type RunResult,
  type Signalbox,
  systemHost,
} from 'signalbox'
import { OFFICE_URL, startOffice } from './office.ts'
import { reminders } from './reminders.ts'

/** Ida, an accountant, on whose behalf reminders go out. */
export const IDA: Principal = { id: 'user:ida', kind: 'user', tenant: 'shop', roles: ['accountant'] }
/** Max, the head of accounting. */
export const MAX: Principal = {
  id: 'user:max',
  kind: 'user',
  tenant: 'shop',
  roles: ['head-of-accounting', 'approver'],
}

/** The example asks no model. */
export function noModels(env: Readonly<Record<string, string | undefined>>): ModelPort {
  return createModels({ env, prices: loadPrices(), scripted: {} })
}

/** A runtime for the example, on a store in memory. */
export function openReminders(): Signalbox {
  const host = systemHost
  const store = memoryStore(host)
  const files = ['bundle.json', 'catalogue.json', 'letters.cedar']
  const text = (file: string): string => readFileSync(new URL(`../policy/${file}`, import.meta.url), 'utf8')
  return createSignalbox({
    store,
    vault: keyVault({ store, host, masterKey: host.randomBytes(32) }),
    policy: loadBundle(Object.fromEntries(files.map((file) => [file, text(file)]))),
    models: noModels(process.env),
    workflows: [reminders],
  })
}

/** Reminds one customer, and lets the head of accounting answer when he is asked. */
export async function remind(signalbox: Signalbox, customer: string, answer: JsonValue): Promise<RunResult> {
  const worker = signalbox.work()
  const { runs } = signalbox
  try {
    const input = { customer, month: '2026-11', graceSeconds: 0.2 }
    const { runId } = await runs.start({ workflow: 'reminders', input, principal: IDA })
    let run = await runs.wait('shop', runId, { untilWaiting: true })
    for (const { id } of await runs.requests({ tenant: 'shop', runId, state: 'open', limit: 1 }))
      await runs.respond({ requestId: id, value: answer, by: MAX })
    run = await runs.wait('shop', runId)
    return run
  } finally {
    await worker.stop()
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const office = await startOffice()
  process.env[OFFICE_URL] = office.url
  const signalbox = openReminders()
  for (const customer of ['ada', 'bob'])
    console.log(customer, (await remind(signalbox, customer, { waive: true, why: 'a good customer' })).output)
  console.log(office.sent.map(({ letter }) => letter))
  await signalbox.close()
  await office.stop()
}

/**
 * A server process of the schedule tests: a store that it shares with others, a worker, and a scheduler whose due times are
 * half a second apart. Prints its owner name, then runs until it is killed.
 */
import {
  createSignalbox,
  everyInterval,
  keepAlive,
  keyVault,
  loadBundle,
  openSqliteStore,
  systemHost,
  workflow,
} from 'signalbox'
import { z } from 'zod'
import type { Schedule } from '../src/schedules/definition.ts'
import { Scheduler } from '../src/schedules/scheduler.ts'

const BUNDLE = JSON.stringify({ name: 'sweep', version: '1.0.0', owner: 'tests', roles: ['scheduler'], reasons: {} })
const CATALOGUE = JSON.stringify({
  tools: [],
  models: [],
  workflows: [{ name: 'sweep', owner: 'tests', roles: ['scheduler'] }],
})

const host = systemHost
const store = await openSqliteStore({ path: process.argv[2] ?? '', host })
const sweep = workflow({
  name: 'sweep',
  version: '1.0.0',
  input: z.object({}),
  output: z.string(),
  budget: { maxTurns: 1, maxToolCalls: 1, maxRuntimeSeconds: 30, maxTokens: 1_000, maxCostUsd: '0.01' },
  state: {},
})
  .node('done', { input: z.object({}), output: z.string(), run: async () => 'done' })
  .start('done')
  .output('done')
  .build()

const signalbox = createSignalbox({
  host,
  store,
  vault: keyVault({ store, host, masterKey: new Uint8Array(32) }),
  policy: loadBundle({ 'bundle.json': BUNDLE, 'catalogue.json': CATALOGUE }),
  models: { resolve: () => ({}) as never },
  workflows: [sweep],
})
signalbox.work({ pollMs: 20, leaseMs: 2_000 })

const schedule: Schedule = {
  name: 'sweep',
  do: { workflow: 'sweep', input: {} },
  catchUp: 'all',
  overlap: 'queue',
  timeoutSeconds: 600,
  keep: 1_000,
  when: 'every half second',
  next: everyInterval(500),
  definition: '{}',
}
const scheduler = new Scheduler({
  store,
  runs: signalbox.runs,
  host,
  tenant: 'dev',
  schedules: [schedule],
  runJob: async () => ({ ok: true, code: null, detail: '' }),
  log: (line) => console.error(line),
  leaseMs: 900,
})
console.log(scheduler.leadership.owner)
keepAlive()
for (;;) {
  await scheduler.tick().catch((thrown: unknown) => console.error(String(thrown)))
  await new Promise((resolve) => setTimeout(resolve, 50))
}

/** A worker process under effect load: `node switch-worker.ts <name> <database> <port> <sound|deaf>`. */
import { z } from 'zod'
import { createSignalbox, keyVault, openSqliteStore, type Store, systemHost, tool, workflow } from '../src/index.ts'
import { scriptedPolicy } from '../src/testing/scripted-policy.ts'
import { storeWith } from '../src/testing/store-with.ts'

const [name = '', path = '', port = '', hearing = 'sound'] = process.argv.slice(2)

/** The lease of these workers, in seconds. */
export const LEASE_SECONDS = 1

const pay = tool({
  name: 'pay.send',
  class: 'payments.write',
  effect: 'irreversible',
  input: z.object({ n: z.int() }),
  output: z.object({}),
  // The same definition in every process: the port differs.
  hosts: () => [`127.0.0.1:${port}`],
  repeat: 'same_key_is_harmless',
  settleAfterSeconds: 0,
  execute: async (args, ctx) => {
    await ctx.fetch(`http://127.0.0.1:${port}/pay`, { method: 'POST', body: JSON.stringify({ ...args, worker: name }) })
    return {}
  },
})

/** Pays again and again. */
export const desk = workflow({
  name: 'desk',
  version: '1.0.0',
  input: z.int(),
  output: z.int(),
  budget: { maxTurns: 1, maxToolCalls: 1_000_000, maxRuntimeSeconds: 600, maxTokens: 1, maxCostUsd: '1' },
  state: {},
  tools: [pay],
})
  .node('payer', {
    input: z.int(),
    output: z.int(),
    run: async (times, ctx) => {
      for (let n = 0; n < times; n++) await ctx.call(pay, { n })
      return times
    },
  })
  .start('payer')
  .output('payer')
  .build()

/** A store whose switches stop being heard: with a lease that never ends this is a worker that ignores all stops. */
function deaf(inner: Store): Store {
  let first: ReturnType<Store['switchBook']> | null = null
  return storeWith(inner, {
    switchBook: () => {
      first ??= inner.switchBook()
      return first
    },
  })
}

/** What a process of this test is made of. */
export async function open(database: string, isDeaf = false) {
  const host = systemHost
  const real = await openSqliteStore({ path: database, host })
  let blocked = false
  let reading: Promise<unknown> = Promise.resolve()
  process.on('SIGUSR1', async () => {
    blocked = true
    // A read under way may still see what is written after this.
    await reading
    process.stdout.write('blocked\n')
  })
  const never = new Promise<never>(() => undefined)
  const read = () => {
    const book = real.switchBook()
    reading = Promise.allSettled([reading, book])
    return book
  }
  const store = isDeaf
    ? deaf(real)
    : storeWith(real, {
        switchBook: () => (blocked ? never : read()),
        claim: (request) => (blocked ? never : real.claim(request)),
      })
  return createSignalbox({
    store,
    host,
    vault: keyVault({ store, host, masterKey: new Uint8Array(32) }),
    policy: scriptedPolicy({ tools: { 'pay.send': { class: 'payments.write', effect: 'irreversible' } } }),
    models: {
      resolve: (id: string): never => {
        throw new Error(`no model ${id} here`)
      },
    },
    workflows: [desk],
    switches: { leaseSeconds: LEASE_SECONDS },
  })
}

if (name !== '') {
  const box = await open(path, hearing === 'deaf')
  box.work({ worker: name, pollMs: 25, leaseMs: 120_000, concurrency: 1 })
  setInterval(() => undefined, 60_000)
  process.stdout.write('ready\n')
}

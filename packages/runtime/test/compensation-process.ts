/**
 * A process that pays and undoes over a SQLite store: `node compensation-process.ts <path> <bank> pay`, or `undo <run>`,
 * or `go-on <run>`; with a fault point at the end it kills itself there, at the first undo. Prints the id of its run.
 */
import { writeSync } from 'node:fs'
import { keepAlive, sleep, systemHost } from '../src/base/host.ts'
import type { FaultPoint } from '../src/engine/env.ts'
import { createSignalbox } from '../src/runtime.ts'
import { keyVault } from '../src/stores/index.ts'
import { openSqliteStore } from '../src/stores/sqlite/open.ts'
import { ANA } from '../src/testing/bench-box.ts'
import { KIT_TOOLS, lookUp, oneNode, payTool, type Payment } from '../src/testing/engine-kit.ts'
import type { OutsideBank } from '../src/testing/outside-bank.ts'
import { scriptedPolicy } from '../src/testing/scripted-policy.ts'

const [path = '', host = '', what = '', runId = '', at = ''] = process.argv.slice(2)
// The tools ask for nothing but its address.
const bank = { host } as OutsideBank
const found = { found: lookUp(bank), lookup: 'authoritative', settleAfterSeconds: 0, timeoutSeconds: 1 } as const
const back = payTool(bank, { name: 'pay.back', ...found })
const pay = payTool(bank, { undo: { tool: back }, ...found })
const flow = oneNode(
  async (input, ctx) => {
    for (const one of input as unknown as readonly Payment[]) await ctx.call(pay, one)
    return null
  },
  { tools: [pay] },
)
const point = at as FaultPoint
const store = await openSqliteStore({ path, host: systemHost })
const box = createSignalbox({
  store,
  host: systemHost,
  vault: keyVault({ store, host: systemHost, masterKey: new Uint8Array(32) }),
  policy: scriptedPolicy({ tools: KIT_TOOLS }),
  models: { resolve: (id) => Promise.reject(new Error(`no model ${id}`)) as never },
  workflows: [flow],
  fault: (reached, { name }) => {
    if (reached === point && name === 'pay.back') process.kill(process.pid, 'SIGKILL')
  },
})
const id = await start()
writeSync(1, `${id}\n`)
const worker = box.work({ pollMs: 20, leaseMs: 1_000 })
const letGo = keepAlive()
while ((await store.run(ANA.tenant, id))?.status !== 'completed') await sleep(systemHost, 20)
letGo()
await worker.stop()
await box.close()

async function start(): Promise<string> {
  if (what === 'go-on') return runId
  if (what === 'undo') return (await box.runs.compensate({ runId, by: ANA, reason: 'paid by mistake' })).runId
  const input = ['bob', 'eve', 'tom'].map((to, i) => ({ to, amount: i + 1 }))
  return (await box.runs.start({ workflow: 'one', input, principal: ANA })).runId
}

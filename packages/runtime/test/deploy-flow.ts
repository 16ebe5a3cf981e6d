/** One workflow in several versions, and a Signalbox over a file with some of them: for tests of deploys. */
import { writeSync } from 'node:fs'
import { z } from 'zod'
import {
  createSignalbox,
  keyVault,
  openSqliteStore,
  owned,
  port,
  type Signalbox,
  systemHost,
  workflow,
} from '../src/index.ts'
import { scriptedPolicy } from '../src/testing/scripted-policy.ts'

const Text = z.string()
const Answer = z.object({ ok: z.boolean() })
const budget = { maxTurns: 1, maxToolCalls: 1, maxRuntimeSeconds: 600, maxTokens: 1, maxCostUsd: '1' }
const header = { name: 'desk', input: Text, output: Text, budget } as const
const review = port({ name: 'review', request: Text, response: Answer, deadlineSeconds: 6_000 })

/** Waits for an answer with the total in euros. */
const first = workflow({ ...header, version: '1.0.0', state: { total: owned('look', z.number()) } })
  .node('look', {
    input: Text,
    output: Text,
    run: (id, ctx) => {
      ctx.write({ total: 12.5 })
      return id
    },
  })
  .port('ask', review)
  .node('close', { input: Answer, output: Text, run: (_answer, ctx) => `1.0.0 ${ctx.state.total}` })
  .start('look')
  .edge('look', 'ask')
  .edge('ask', 'close')
  .output('close')
  .build()

/** The same with cents; `holds` makes its last node hold the process up, for whoever wants to kill it there. */
function second(holds: boolean) {
  return workflow({ ...header, version: '2.0.0', state: { cents: owned('look', z.int()) } })
    .node('look', { input: Text, output: Text, run: (id) => id })
    .port('ask', review)
    .node('close', {
      input: Answer,
      output: Text,
      run: (_answer, ctx) => {
        if (holds) {
          writeSync(1, 'holding\n')
          Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
        }
        return `2.0.0 ${ctx.state.cents}`
      },
    })
    .start('look')
    .edge('look', 'ask')
    .edge('ask', 'close')
    .output('close')
}

const carried = (holds: boolean) =>
  second(holds)
    .upgrade({
      from: '1.0.0',
      was: z.object({ total: z.number() }),
      state: ({ total }) => ({ cents: Math.round(total * 100) }),
    })
    .build()

/** Ends its process in the first node, before anything of the run is on record. */
const crashing = workflow({ name: 'crash', version: '1.0.0', input: Text, output: Text, budget })
  .node('boom', {
    input: Text,
    output: Text,
    run: () => {
      process.kill(process.pid, 'SIGKILL')
      return 'never'
    },
  })
  .start('boom')
  .output('boom')
  .build()

const DEFINITIONS = {
  old: [first, crashing],
  'new': [carried(false)],
  'new that holds': [carried(true)],
  'new without upgrade': [second(false).build()],
} as const

/** Which versions a process has. */
export type Deployed = keyof typeof DEFINITIONS

/** A Signalbox over the file with these versions. */
export async function deployed(path: string, which: Deployed): Promise<Signalbox> {
  const store = await openSqliteStore({ path, host: systemHost })
  return createSignalbox({
    store,
    vault: keyVault({ store, host: systemHost, masterKey: new Uint8Array(32) }),
    policy: scriptedPolicy({ tools: {} }),
    models: {
      resolve: (id) => {
        throw new Error(`no model ${id} here`)
      },
    },
    workflows: [...DEFINITIONS[which]],
  })
}

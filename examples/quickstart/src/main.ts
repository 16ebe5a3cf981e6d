/** Runs the smallest example in memory, with a scripted model: one refund below the limit of its policy. */
import { readFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import {
  createModels,
  createSignalbox,
  keyVault,
  loadBundle,
  loadPrices,
  type ModelPort,
  memoryStore,
  type Principal,
  type RunResult,
  type Script,
  type Signalbox,
  systemHost,
} from 'signalbox'
import { refunds } from './refunds.ts'

/** Reads order and amount from what it is shown, calls the tool, and then says what came of it. */
const script: Script = ({ messages }) => {
  const result = messages.findLast((message) => message.role === 'tool')
  if (result)
    return JSON.stringify(result.content).includes('refunded') ? 'The refund is made.' : 'It was not refunded.'
  const [, order, cents] = /Order (\S+): please refund (\d+) cents/.exec(JSON.stringify(messages)) ?? []
  return { calls: [{ tool: 'payments.refund', args: { order: order ?? '', cents: Number(cents) } }] }
}

/** The models of the example: its script, and every provider that has a key in the environment. */
export function refundModels(env: Readonly<Record<string, string | undefined>>): ModelPort {
  return createModels({ env, prices: loadPrices(), scripted: { clerk: script } })
}

/** A runtime for the example, on a store in memory. */
export function openRefunds(): Signalbox {
  const host = systemHost
  const store = memoryStore(host)
  const files = ['bundle.json', 'catalogue.json', 'refunds.cedar']
  const text = (file: string): string => readFileSync(new URL(`../policy/${file}`, import.meta.url), 'utf8')
  return createSignalbox({
    store,
    vault: keyVault({ store, host, masterKey: host.randomBytes(32) }),
    policy: loadBundle(Object.fromEntries(files.map((file) => [file, text(file)]))),
    models: refundModels(process.env),
    workflows: [refunds],
  })
}

/** Sam of support, on whose behalf the run acts. */
export const SAM: Principal = { id: 'user:sam', kind: 'user', tenant: 'shop', roles: ['support'] }

/** Refunds so many cents of an order. Resolves when the run has ended, or waits for a lead to approve it. */
export async function refundOrder(signalbox: Signalbox, order: string, cents: number): Promise<RunResult> {
  const worker = signalbox.work()
  try {
    return await signalbox.run({ workflow: 'refunds', input: { order, cents }, principal: SAM })
  } finally {
    await worker.stop()
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const signalbox = openRefunds()
  console.log(await refundOrder(signalbox, 'A-17', 1_999))
  await signalbox.close()
}

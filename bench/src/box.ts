/** What every measurement shares: a folder, a store with a vault, and a policy that allows. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  createSignalbox,
  type FaultHook,
  keyVault,
  type ModelPort,
  openSqliteStore,
  type PolicyPort,
  type Principal,
  type Signalbox,
  SignalboxError,
  type SignalboxOptions,
  type Store,
  systemHost,
} from 'signalbox'

/** On whose behalf the measured runs act. */
export const USER: Principal = { id: 'user:bench', kind: 'user', tenant: 'bench', roles: ['requester'] }

/** Opens the store of a measurement; a planted fault gives another one. */
export type OpenStore = (path: string) => Promise<Store>

/** The embedded store as users get it: SQLite, write-ahead log, every commit flushed. */
export const honestStore: OpenStore = (path) => openSqliteStore({ path, host: systemHost })

/** Makes an empty folder for `fn` and removes it afterwards. */
export async function inFolder<T>(fn: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'signalbox-bench-'))
  try {
    return await fn(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** The policy's own time is not measured here: everything is permitted, and each decision is recorded as ever. */
const PERMIT_ALL: PolicyPort = {
  bundle: 'bench@1',
  hasRulesAt: () => false,
  mayStart: () => true,
  decide: ({ point }) => ({
    point,
    verdict: 'allow',
    reason_code: 'PERMITTED',
    policies: ['bench.permit'],
    asks: [],
    bundle: 'bench@1',
  }),
  tool: (name) => ({
    name,
    class: 'records.read',
    effect: 'none',
    owner: 'bench',
    blast_radius: 'none',
    input: {},
    facts: {},
  }),
  checkTools: () => undefined,
  cannotPermit: () => null,
  stepTools: () => null,
  checkSteps: () => undefined,
  sentence: () => null,
}

const NO_MODELS: ModelPort = {
  resolve: (id) => {
    throw new SignalboxError('MODEL_UNKNOWN', `model \`${id}\` is not part of this measurement`)
  },
}

/** A runtime over the given store; without a policy everything is permitted, without models none can be called. */
export function openBox(
  store: Store,
  workflows: SignalboxOptions['workflows'],
  parts: { readonly policy?: PolicyPort; readonly models?: ModelPort; readonly fault?: FaultHook } = {},
): Signalbox {
  const vault = keyVault({ store, host: systemHost, masterKey: new Uint8Array(32).fill(7) })
  return createSignalbox({ store, vault, policy: PERMIT_ALL, models: NO_MODELS, ...parts, workflows })
}

/** Resolves when so many runs of this process have ended well. Rejects when one ends in another way. */
export function ended(box: Signalbox, count: number): Promise<void> {
  return new Promise((resolve, reject) => {
    let left = count
    const stop = box.onItem((item) => {
      if (item.kind !== 'record') return
      const { type } = item.record
      if (type === 'run.completed') left -= 1
      else if (!['run.stopped', 'run.parked', 'run.waiting'].includes(type)) return
      else reject(new Error(`run ${item.runId}: ${JSON.stringify(item.record)}`))
      if (left > 0 && type === 'run.completed') return
      stop()
      resolve()
    })
  })
}

/** A small project whose builds differ: what the tests of the upgrade check replay. */
import { spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { get } from 'node:http'
import { mkdtempSync, readdirSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  createSignalbox,
  keyVault,
  loadBundle,
  loadMasterKey,
  openSqliteStore,
  type Principal,
  port,
  reduced,
  systemHost,
  tool,
  workflow,
} from 'signalbox'
import { z } from 'zod'
import { DATABASE, defineProject, type Project } from '../../src/index.ts'

/** The requester of every run. */
export const RITA: Principal = { id: 'user:rita', kind: 'user', tenant: 'dev', roles: ['requester'] }

/** How a build differs from the first one. */
export interface Build {
  readonly version?: string
  readonly upgradeFrom?: string
  /** Adds this to what is counted. */
  readonly adds?: number
  /** Goes out by itself; `at` is a port of this machine. */
  readonly outside?: { readonly how: 'fetch' | 'http' | 'udp' | 'process'; readonly at: number }
  /** Takes this tool out of what the catalogue lets happen. */
  readonly policy?: 'open' | 'shut'
}

const Claim = z.object({ id: z.string(), asks: z.boolean() })

async function goOut({ how, at }: NonNullable<Build['outside']>): Promise<void> {
  if (how === 'fetch') await fetch(`http://127.0.0.1:${at}/`)
  if (how === 'http')
    await new Promise((resolve, reject) => get(`http://127.0.0.1:${at}/`, resolve).once('error', reject))
  if (how === 'udp') createSocket('udp4').send('hello', at, '127.0.0.1')
  if (how === 'process') spawn(process.execPath, ['-e', ''])
}

/** The workflow of a build: a node that reads and counts, and a person who is asked when the claim says so. */
export function claims(build: Build = {}) {
  const { version = '1.0.0', upgradeFrom, adds = 0, outside } = build
  const look = tool({
    name: 'claims.look',
    class: 'records.read',
    effect: 'none',
    input: z.object({ id: z.string() }),
    output: z.object({ size: z.int() }),
    execute: async ({ id }) => ({ size: id.length }),
  })
  const built = workflow({
    name: 'claims',
    version,
    input: Claim,
    output: z.string(),
    budget: { maxTurns: 5, maxToolCalls: 5, maxRuntimeSeconds: 60, maxTokens: 1_000, maxCostUsd: '1' },
    state: { size: reduced(z.int(), (now, more) => (now ?? 0) + more) },
    tools: [look],
  })
    .node('count', {
      input: Claim,
      output: Claim,
      run: async (claim, ctx) => {
        if (outside) await goOut(outside)
        const found = await ctx.call(look, { id: claim.id })
        ctx.write({ size: adds + (found.status === 'succeeded' ? found.output.size : 0) })
        return claim
      },
    })
    .port('ask', port({ name: 'ask', request: Claim, response: z.string(), deadlineSeconds: 86_400 }))
    .node('close', { input: z.union([z.string(), Claim]), output: z.string(), run: () => 'closed' })
    .start('count')
    .edge('count', 'ask', ({ asks }) => asks)
    .edge('count', 'close', ({ asks }) => !asks)
    .edge('ask', 'close')
    .output('close')
  return (upgradeFrom === undefined ? built : built.upgrade({ from: upgradeFrom })).build()
}

/** The project of a build. */
export function projectOf(build: Build = {}): Project {
  return defineProject({
    name: 'claims',
    workflows: [claims(build)],
    bundleDir: join(import.meta.dirname, build.policy === 'shut' ? 'policy-shut' : 'policy'),
    models: () => ({
      resolve: (id) => {
        throw new Error(`no model is asked, and \`${id}\` was`)
      },
    }),
  })
}

/** A data folder with runs of the first build: `ended` of them have ended, `waiting` wait for a person. */
export async function storedRuns(counts: { readonly ended: number; readonly waiting: number }) {
  const dataDir = mkdtempSync(join(tmpdir(), 'upgrade-data-'))
  const project = projectOf()
  const host = systemHost
  const store = await openSqliteStore({ path: join(dataDir, DATABASE), host })
  const masterKey = loadMasterKey({ dir: dataDir, env: {}, mode: 'development', host })
  const vault = keyVault({ store, host, masterKey })
  const policy = loadBundle(readPolicy(project.bundleDir))
  const box = createSignalbox({
    ...{ store, host, vault, policy },
    models: project.models({}),
    workflows: project.workflows,
  })
  const worker = box.work({ pollMs: 5 })
  const runIds: string[] = []
  for (let n = 0; n < counts.ended + counts.waiting; n++) {
    const input = { id: `claim-${n}`, asks: n >= counts.ended }
    runIds.push((await box.run({ workflow: 'claims', input, principal: RITA })).runId)
  }
  await worker.stop()
  await box.close()
  return { dataDir, runIds }
}

function readPolicy(dir: string): Record<string, string> {
  return Object.fromEntries(readdirSync(dir).map((name) => [name, readFileSync(join(dir, name), 'utf8')]))
}

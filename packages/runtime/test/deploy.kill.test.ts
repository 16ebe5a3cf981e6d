/** Deploys while runs wait: worker processes with old and new code on one file, ended with SIGKILL. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { auditRun, type Principal, type RunRow, type RunStatus, type Signalbox } from '../src/index.ts'
import { type Deployed, deployed } from './deploy-flow.ts'

const WORKER = fileURLToPath(new URL('./deploy-worker.ts', import.meta.url))
const ana: Principal = { id: 'user:ana', kind: 'user', tenant: 'acme', roles: ['requester'] }
const paul: Principal = { id: 'user:paul', kind: 'user', tenant: 'acme', roles: ['operator'] }

let folder: string
let path: string
let box: Signalbox
const processes = new Set<Worker>()
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'signalbox-deploy-'))
  path = join(folder, 'signalbox.db')
  // Starts and answers; it has no worker.
  box = await deployed(path, 'old')
})
afterEach(async () => {
  for (const one of [...processes]) await one.kill()
  await box.close()
  rmSync(folder, { recursive: true, force: true })
})

interface Worker {
  readonly child: ChildProcess
  said(line: string): Promise<void>
  ended(): Promise<void>
  kill(): Promise<void>
}

/** `adoptAfterMs`: how long nobody may have taken a run of another version before this one does. */
function start(which: Deployed, adoptAfterMs = 300): Worker {
  const args = ['--no-warnings', '--conditions=signalbox-source', WORKER, path, which, String(adoptAfterMs)]
  const child = spawn(process.execPath, args, {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let text = ''
  child.stdout?.setEncoding('utf8').on('data', (part: string) => {
    text += part
  })
  const ended = once(child, 'exit')
  const worker: Worker = {
    child,
    said: async (line) => {
      while (!text.includes(`${line}\n`)) await Promise.race([once(child.stdout ?? child, 'data'), failed(ended, line)])
    },
    ended: async () => {
      await ended
      processes.delete(worker)
    },
    kill: async () => {
      child.kill('SIGKILL')
      await worker.ended()
    },
  }
  processes.add(worker)
  return worker
}

async function failed(ended: Promise<unknown>, line: string): Promise<never> {
  await ended
  throw new Error(`the worker ended before it said ${line}`)
}

async function until(runId: string, status: RunStatus): Promise<RunRow> {
  for (;;) {
    const row = await box.runs.get('acme', runId)
    if (row.status === status && row.leaseOwner === null) return row
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

async function waiting(): Promise<string> {
  const { runId } = await box.runs.start({ workflow: 'desk', input: 'o7', principal: ana })
  await until(runId, 'waiting')
  return runId
}

async function answer(runId: string): Promise<void> {
  const [request] = await box.runs.requests({ tenant: 'acme', runId, state: 'open', limit: 5 })
  await box.runs.respond({ requestId: request?.id ?? '', value: { ok: true }, by: paul })
}

/** Output of a completed run whose history verifies. */
async function outputOf(runId: string): Promise<unknown> {
  const row = await until(runId, 'completed')
  const audit = auditRun(await box.store.records('acme', runId), { seq: row.seq, head: row.head })
  expect(audit.findings).toEqual([])
  return (await box.runs.wait('acme', runId)).output
}

const upgrades = async (runId: string) =>
  (await box.runs.records('acme', runId)).filter((record) => record.type === 'run.upgraded')

describe('worker processes with old and new code on one file', () => {
  it('DEP-006, DEP-001: the old one finishes its runs while it is there; once it is gone the new one carries them over', async () => {
    const old = start('old')
    const [one, two] = [await waiting(), await waiting()]
    const patient = start('new', 600_000)
    await patient.said('ready')
    await answer(one)
    expect(await outputOf(one)).toBe('1.0.0 12.5')
    expect(await upgrades(one)).toEqual([])
    await old.kill()
    await patient.kill()
    await answer(two)
    start('new')
    expect(await outputOf(two)).toBe('2.0.0 1250')
    expect(await upgrades(two)).toMatchObject([{ from: { version: '1.0.0' }, to: { version: '2.0.0' } }])
    expect(await box.runs.get('acme', two)).toMatchObject({ version: '2.0.0' })
  })

  it('DEP-003: a new worker that is killed after the take-over leaves it on record; the next goes on from it, and applies nothing again', async () => {
    const old = start('old')
    const runId = await waiting()
    await old.kill()
    const first = start('new that holds')
    await answer(runId)
    await first.said('holding')
    await first.kill()
    expect(await upgrades(runId)).toHaveLength(1)
    start('new')
    expect(await outputOf(runId)).toBe('2.0.0 1250')
    expect(await upgrades(runId)).toHaveLength(1)
  })

  it('DEP-005: without a declared step the new one parks the run, and an old one that comes back finishes it', async () => {
    const old = start('old')
    const runId = await waiting()
    await old.kill()
    const next = start('new without upgrade')
    await answer(runId)
    expect(await until(runId, 'parked')).toMatchObject({ code: 'WORKFLOW_CHANGED', version: '1.0.0' })
    await next.kill()
    start('old')
    await box.runs.resume({ runId, by: paul, reason: 'the old version is back' })
    expect(await outputOf(runId)).toBe('1.0.0 12.5')
  })

  it('DEP-020: a run that ends every process that takes it is set aside after five of them', async () => {
    const { runId } = await box.runs.start({ workflow: 'crash', input: 'x', principal: ana })
    for (let n = 1; n <= 5; n++) {
      await start('old').ended()
      expect(await box.runs.get('acme', runId)).toMatchObject({ attempts: n, seq: 1 })
    }
    const sixth = start('old')
    expect(await until(runId, 'parked')).toMatchObject({ code: 'RUN_QUARANTINED' })
    const other = await waiting()
    await answer(other)
    expect(await outputOf(other)).toBe('1.0.0 12.5')
    expect(sixth.child.exitCode).toBeNull()
  })
})

/** Processes that are killed while they evaluate: no alert is lost, none is there or told twice. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { alertEventOf, alertHistoryFindings, openSqliteStore, sha256Hex, systemHost } from 'signalbox'
import { afterEach, expect, it, vi } from 'vitest'

const ENTRY = fileURLToPath(new URL('./alerts-process.ts', import.meta.url))
const PATIENCE = { timeout: 60_000, interval: 10 }
const folder = mkdtempSync(join(tmpdir(), 'signalbox-alerts-'))
const path = join(folder, 'signalbox.db')
const children: ChildProcess[] = []

afterEach(() => {
  for (const child of children) child.kill('SIGKILL')
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
})

async function evaluating(): Promise<ChildProcess> {
  const child = spawn(process.execPath, ['--conditions=signalbox-source', '--no-warnings', ENTRY, path], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  children.push(child)
  if (!child.stdout) throw new Error('a process has an output')
  const lines = createInterface({ input: child.stdout })
  await new Promise<void>((resolve) => lines.once('line', () => resolve()))
  return child
}

it('ALR-046: after SIGKILL at any moment every incident is counted once, every alert is told once, and the history verifies', async () => {
  const store = await openSqliteStore({ path, host: systemHost })
  try {
    let runs = 0
    const plant = async (): Promise<void> => {
      const runId = `run_planted${runs++}`
      const at = new Date(systemHost.now()).toISOString()
      const record = (seq: number, type: 'run.started' | 'unmediated.call') => {
        const call = { activation: null, where: 'tool', host: 'example.invalid' }
        const body = JSON.stringify({ v: 1, run: runId, seq, at, type, ...call })
        return { seq, type, body, hash: sha256Hex(body), sealed: null }
      }
      const records = [record(1, 'run.started'), record(2, 'unmediated.call')]
      await store.adopt({
        row: {
          ...{
            tenant: 'planted',
            runId,
            workflow: `desk-${runs % 3}`,
            version: '1.0.0',
            signature: 's',
            requestId: runId,
          },
          ...{ principal: 'user:a', subject: 'a', status: 'running', code: null, seq: 2, head: records[1]?.hash ?? '' },
          ...{ epoch: 1, branch: 0, checkpointSeq: 1, superstep: 0, wakeAt: null, leaseOwner: null, leaseUntil: null },
          ...{ createdAt: systemHost.now(), updatedAt: systemHost.now(), costNanoUsd: '0', attempts: 0 },
        },
        ...{ records, effects: [], requests: [], inbox: [] },
      })
    }
    const filter = { tenant: 'planted', limit: 50 }
    for (let kill = 0; kill < 2; kill++) {
      const child = await evaluating()
      const before = (await store.alertProgress())?.position ?? 0
      for (let i = 0; i < 12; i++) await plant()
      await vi.waitFor(
        async () => expect((await store.alertProgress())?.position ?? 0).toBeGreaterThan(before),
        PATIENCE,
      )
      for (let i = 0; i < 12; i++) await plant()
      const ended = new Promise((resolve) => child.once('exit', resolve))
      child.kill('SIGKILL')
      await ended
    }
    await evaluating()
    await vi.waitFor(async () => expect((await store.alertProgress())?.position).toBe(2 * runs), PATIENCE)
    const rows = await store.alerts(filter)
    expect(rows.map(({ kind, key, openings }) => `${kind} ${key} ${openings}`).sort()).toEqual([
      'call.unmediated desk-0 1',
      'call.unmediated desk-1 1',
      'call.unmediated desk-2 1',
      'outbox.dead ops 1',
    ])
    const counted = rows.filter(({ kind }) => kind === 'call.unmediated').map(({ count }) => count)
    expect(counted.reduce((sum, count) => sum + count, 0)).toBe(runs)
    const events = await store.alertEvents('planted')
    expect(events.map((each) => alertEventOf(each).kind)).toEqual(['opened', 'opened', 'opened', 'opened'])
    expect(alertHistoryFindings(events, rows)).toEqual([])
    const notices = (await store.unrouted(50)).filter(({ kind }) => kind === 'alert.opened')
    expect(notices.map(({ id }) => id).sort()).toEqual(rows.map(({ id }) => `${id}.1`).sort())
  } finally {
    await store.close()
  }
})

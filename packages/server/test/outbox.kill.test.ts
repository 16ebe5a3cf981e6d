/** A server that is killed while it sends, and a receiver that is away meanwhile. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { openSqliteStore, systemHost } from 'signalbox'
import { afterEach, expect, it, vi } from 'vitest'
import { notice, type Receiver, receiver } from './outbox-world.ts'

const ENTRY = fileURLToPath(new URL('./outbox-process.ts', import.meta.url))
const PATIENCE = { timeout: 60_000, interval: 30 }

const folder = mkdtempSync(join(tmpdir(), 'signalbox-outbox-'))
const path = join(folder, 'signalbox.db')
const children: ChildProcess[] = []
const receivers: Receiver[] = []

afterEach(async () => {
  for (const child of children) child.kill('SIGKILL')
  for (const each of receivers) await each.close()
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
})

async function sender(url: string): Promise<ChildProcess> {
  const child = spawn(process.execPath, ['--conditions=signalbox-source', '--no-warnings', ENTRY, path, url], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  children.push(child)
  if (!child.stdout) throw new Error('a process has an output')
  const lines = createInterface({ input: child.stdout })
  await new Promise<void>((resolve) => lines.once('line', () => resolve()))
  return child
}

it('OUT-018: a receiver that was away through the death of the server gets every message at least once, under the same id', async () => {
  const store = await openSqliteStore({ path, host: systemHost })
  try {
    const first = await receiver(['hang', 500])
    receivers.push(first)
    const wanted = Array.from({ length: 30 }, (_, i) => `n${String(i).padStart(2, '0')}`)
    await store.notify(wanted.map((id) => notice(id, { at: systemHost.now(), kind: 'run.parked', subject: null })))
    const child = await sender(first.url)
    await vi.waitFor(() => expect(first.arrived.length).toBeGreaterThan(4), PATIENCE)
    const port = Number(first.host.split(':')[1])
    await first.close()
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL')
    await ended
    // What was being sent when the process died waits until its attempt is over for sure; here nobody waits for that.
    const late = await store.deliveries({ state: 'queued', order: 'due', limit: 100 })
    const deliveries = late.map((row) => ({ ...row, nextAt: systemHost.now(), revision: row.revision + 1 }))
    await store.commitOutbox({ lease: null, routed: [], deliveries, channels: [], forgetBefore: null })
    await sender(first.url)
    const back = await receiver([], port)
    receivers.push(back)
    await vi.waitFor(async () => {
      const done = await store.deliveries({ state: 'delivered', order: 'due', limit: 100 })
      expect(done.map((row) => row.id).sort()).toEqual(wanted)
    }, PATIENCE)
    const arrived = [...first.arrived, ...back.arrived].map((each) => each.id)
    expect([...new Set(arrived)].sort()).toEqual(wanted)
    expect(arrived.length).toBeGreaterThan(wanted.length)
  } finally {
    await store.close()
  }
})

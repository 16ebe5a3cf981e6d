import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { systemHost } from '../../base/host.ts'
import { openSqliteStore } from './open.ts'

const WRITER = fileURLToPath(new URL('../../../test/store-writer.ts', import.meta.url))

let folder: string
let path: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'signalbox-kill-'))
  path = join(folder, 'signalbox.db')
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

interface Writer {
  readonly child: ChildProcess
  readonly output: () => string
  /** What it wrote on standard error. */
  readonly trouble: () => string
}

function writer(run: string, commits: number): Writer {
  const child = spawn(process.execPath, ['--no-warnings', WRITER, path, run, String(commits)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let text = ''
  let trouble = ''
  child.stdout?.setEncoding('utf8').on('data', (part: string) => {
    text += part
  })
  child.stderr?.setEncoding('utf8').on('data', (part: string) => {
    trouble += part
  })
  return { child, output: () => text, trouble: () => trouble }
}

/** Resolves when the child has acknowledged that sequence. */
async function acknowledged({ child, output, trouble }: Writer, seq: number): Promise<void> {
  while (!output().includes(`ack ${seq}\n`)) {
    if (child.exitCode !== null) throw new Error(`the writer ended: ${output()}${trouble()}`)
    if (child.stdout) await once(child.stdout, 'data')
  }
}

function lastAck(text: string): number {
  // A line without its end was cut by the kill.
  const acks = text.slice(0, text.lastIndexOf('\n') + 1).match(/ack (\d+)/g) ?? []
  return Number(acks.at(-1)?.slice(4) ?? 0)
}

describe('processes on one file', () => {
  it('STO-087: after SIGKILL at any moment every acknowledged record is there, and the run goes on from it', async () => {
    for (const moment of [3, 20, 80, 200]) {
      const killed = writer(`run_${moment}`, 0)
      await acknowledged(killed, moment)
      const closed = once(killed.child, 'close')
      killed.child.kill('SIGKILL')
      await closed
      const acked = lastAck(killed.output())
      expect(acked).toBeGreaterThanOrEqual(moment)
      const store = await openSqliteStore({ path, host: systemHost })
      const row = await store.run('acme', `run_${moment}`)
      const records = await store.records('acme', `run_${moment}`)
      expect(row?.seq).toBeGreaterThanOrEqual(acked)
      expect(row?.seq).toBeLessThanOrEqual(acked + 1)
      expect(records.map((record) => record.seq)).toEqual(Array.from({ length: row?.seq ?? 0 }, (_, i) => i + 1))
      expect(records.at(-1)?.hash).toBe(row?.head)
      await store.close()
    }
  })

  it('STO-056: several processes commit to one file at the same time, all succeed, positions have no gaps', async () => {
    const all = ['a', 'b', 'c'].map((name) => writer(`run_${name}`, 150))
    await Promise.all(all.map(({ child }) => once(child, 'close')))
    for (const each of all) expect(lastAck(each.output()), each.trouble()).toBe(151)
    const store = await openSqliteStore({ path, host: systemHost })
    const exported = await store.export(0, 10_000)
    expect(exported.map((record) => record.position)).toEqual(Array.from({ length: 453 }, (_, i) => i + 1))
    // They did overlap: the runs' records are mixed.
    expect(new Set(exported.slice(50, 250).map((record) => record.runId)).size).toBeGreaterThan(1)
    await store.close()
  })
})

const traced = spawnSync('strace', ['-e', 'trace=none', 'true']).status === 0

/** Acknowledgements in a trace before which no flush ended since the one before. */
function unflushed(trace: string): { acks: number; flushes: number; missing: number } {
  const found = { acks: 0, flushes: 0, missing: 0 }
  let fresh = false
  for (const line of trace.split('\n')) {
    if (/\b(fdatasync|fsync)\b.*\)\s+= 0/.test(line)) {
      found.flushes++
      fresh = true
    } else if (/\bwrite\(1, "ack /.test(line)) {
      found.acks++
      if (!fresh) found.missing++
      fresh = false
    }
  }
  return found
}

function trace(name: string, ...fault: string[]): ReturnType<typeof unflushed> {
  const file = join(folder, `${name}.trace`)
  const command = [process.execPath, '--no-warnings', WRITER, join(folder, `${name}.db`), 'run_a', '100', ...fault]
  execFileSync('strace', ['-f', '-e', 'trace=fdatasync,fsync,write', '-o', file, ...command], { stdio: 'ignore' })
  return unflushed(readFileSync(file, 'utf8'))
}

describe('flushes', () => {
  it.skipIf(!traced)(
    'STO-088: each acknowledged commit was flushed before, and a store that does not flush is found out',
    () => {
      const honest = trace('honest')
      expect(honest.acks).toBe(100)
      expect(honest.missing).toBe(0)
      expect(honest.flushes).toBeGreaterThanOrEqual(100)
      const planted = trace('planted', 'sync-off')
      expect(planted.acks).toBe(100)
      expect(planted.missing).toBeGreaterThan(90)
    },
  )
})

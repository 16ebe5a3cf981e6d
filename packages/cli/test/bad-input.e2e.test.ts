/** A disk that fills up under a running server: what is told, and that nothing is lost. */
import { execFileSync } from 'node:child_process'
import { closeSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, it, vi } from 'vitest'
import { dataFolder, type Ended, runProcess, startDev } from './harness.ts'

function mounted(folder: string): boolean {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=6m', 'tmpfs', folder], { stdio: 'ignore' })
    return true
  } catch {
    // Only an administrator may mount; WAY-013 of the server's tests shows the same over a store that refuses.
    return false
  }
}

/** Takes all the room that is left. */
function fill(path: string): void {
  const file = openSync(path, 'w')
  for (const size of [65_536, 4_096, 512])
    try {
      for (;;) writeSync(file, Buffer.alloc(size))
    } catch {
      // Full for parts of this size.
    }
  closeSync(file)
}

/** Looks into the book where the answer of a transfer could not be stored, and says what it shows. */
async function tellUnknown(cli: (...args: string[]) => Promise<Ended>, book: string): Promise<void> {
  const { questions } = JSON.parse((await cli('questions', '--as', 'vera')).stdout)
  for (const { id, packet } of questions) {
    const isBooked = readFileSync(book, 'utf8').includes(`${packet.idempotency_key} `)
    await cli('answer', id, isBooked ? 'happened' : 'did_not', '--reason', 'looked into the book', '--as', 'paul')
  }
}

describe('a full disk', () => {
  it('WAY-013, TRB-001: starts are refused with STORE_FULL and the fix; with space everything goes on, and what was told as started is there', async () => {
    const data = dataFolder()
    if (!mounted(data.path)) return data.remove()
    // The book is the outside world: only the store is to meet the full disk.
    const outside = dataFolder()
    const book = join(outside.path, 'book.txt')
    try {
      const dev = await startDev(data.path, { env: { SAMPLE_BOOK: book } })
      const cli = (...args: string[]) => runProcess([...args, '--json', '--data', data.path])
      const start = (to: string) => cli('run', 'transfer', '--input', JSON.stringify({ to, amount: 5 }), '--as', 'rita')
      expect((await start('before')).code).toBe(0)
      const filler = join(data.path, 'filler')
      fill(filler)
      const taken = ['before']
      let refused = await start('more-0')
      for (let n = 0; refused.code === 0 && n < 40; n++) {
        taken.push(`more-${n}`)
        fill(join(data.path, `filler-${n}`))
        refused = await start(`more-${n + 1}`)
      }
      expect([refused.code, JSON.parse(refused.stdout).error.code]).toEqual([5, 'STORE_FULL'])
      expect(refused.stderr).toMatch(/^error STORE_FULL: .*free/m)
      const told = await cli('status')
      const status = JSON.parse(told.stdout)
      expect([told.code, status]).toMatchObject([5, { ok: false, server: true }])
      // Others may follow from it, such as alerts that cannot be stored.
      expect(status.troubles).toContainEqual(expect.objectContaining({ code: 'STORE_FULL', title: 'the disk is full' }))
      expect(dev.stderr()).toMatch(/trouble: STORE_FULL: the disk is full; free space/)
      for (const name of ['filler', ...taken.map((_, n) => `filler-${n}`)])
        rmSync(join(data.path, name), { force: true })
      await vi.waitFor(
        async () => {
          await tellUnknown(cli, book)
          const { runs } = JSON.parse((await cli('runs', '--as', 'vera')).stdout)
          expect(runs.length).toBeGreaterThanOrEqual(taken.length)
          expect(runs.filter((run: { status: string }) => run.status !== 'completed')).toEqual([])
        },
        { timeout: 60_000, interval: 500 },
      )
      expect((await start('after')).code).toBe(0)
      await vi.waitFor(async () => expect(JSON.parse((await cli('status')).stdout)).toMatchObject({ ok: true }), 30_000)
      expect(dev.stderr()).toContain('trouble is over: STORE_FULL')
      expect((await cli('audit', 'verify', '--as', 'vera')).code).toBe(0)
      const booked = readFileSync(book, 'utf8')
      for (const to of [...taken, 'after']) expect(booked.match(new RegExp(` ${to} 5$`, 'gm')), to).toHaveLength(1)
      expect(await dev.end('SIGTERM')).toBe(0)
    } finally {
      execFileSync('umount', ['-l', data.path])
      data.remove()
      outside.remove()
    }
  })
})

describe('trouble that no run can record', () => {
  it('WAY-013: is told by the server with its code and the fix, and the run goes on afterwards', async () => {
    const data = dataFolder()
    const dev = await startDev(data.path)
    const lock = new DatabaseSync(join(data.path, 'signalbox.db'))
    try {
      const input = JSON.stringify({ to: 'ana', amount: 500 })
      const args = ['--json', '--data', data.path, '--as', 'rita']
      const started = await runProcess(['run', 'transfer', '--input', input, '--wait', ...args])
      expect(started.stdout).toContain('waiting')
      // A worker has something to claim, and another program keeps the write lock.
      lock.exec('BEGIN IMMEDIATE; UPDATE runs SET runnable = 1; COMMIT; BEGIN IMMEDIATE')
      await vi.waitFor(() => expect(dev.stderr()).toMatch(/worker-1: STORE_UNAVAILABLE: .*locked.*stop/), {
        timeout: 60_000,
        interval: 200,
      })
      lock.exec('ROLLBACK')
      const { run_id: id } = JSON.parse(started.stdout)
      const reason = ['--reason', 'not needed']
      const cancelled = await runProcess(['cancel', id, ...reason, ...args])
      expect(cancelled.code).toBe(0)
      await vi.waitFor(async () => {
        const shown = await runProcess(['show', id, ...args])
        expect(JSON.parse(shown.stdout).run.status).toBe('cancelled')
      }, 30_000)
    } finally {
      lock.close()
      await dev.end('SIGTERM')
      data.remove()
    }
  })
})

/** Two server processes on one store, of which the leader is killed again and again. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { type FiringRow, openSqliteStore, type Store, systemHost } from 'signalbox'
import { afterEach, expect, it, vi } from 'vitest'

const ENTRY = fileURLToPath(new URL('./schedule-process.ts', import.meta.url))
const KILLS = 5
const STEP_MS = 500
const PATIENCE = { timeout: 60_000, interval: 50 }

const folder = mkdtempSync(join(tmpdir(), 'signalbox-schedules-'))
const path = join(folder, 'signalbox.db')
const children: ChildProcess[] = []

afterEach(() => {
  for (const child of children) child.kill('SIGKILL')
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
})

/** Starts a process; gives its child by the name under which it asks for the lead. */
async function serverProcess(): Promise<readonly [string, ChildProcess]> {
  const child = spawn(process.execPath, ['--conditions=signalbox-source', '--no-warnings', ENTRY, path], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  children.push(child)
  if (!child.stdout) throw new Error('a process has an output')
  const lines = createInterface({ input: child.stdout })
  const owner = await new Promise<string>((resolve) => lines.once('line', resolve))
  return [owner, child]
}

async function killed(child: ChildProcess): Promise<void> {
  const ended = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGKILL')
  await ended
}

const slotsOf = async (store: Store): Promise<FiringRow[]> =>
  (await store.firings({ tenant: 'dev', schedule: 'sweep', limit: 1_000 })).filter((row) => row.kind === 'slot')

it('SCH-024: the next process takes over, and each due time starts one run', async () => {
  const store = await openSqliteStore({ path, host: systemHost })
  try {
    const processes = new Map([await serverProcess(), await serverProcess()])
    let firings = 0
    for (let kill = 0; kill < KILLS; kill++) {
      // The leader is at work: it has started a run since the last kill.
      const leader = await vi.waitFor(async () => {
        const { owner } = await store.lease('schedules')
        const child = owner === null ? undefined : processes.get(owner)
        expect(child?.signalCode).toBe(null)
        const done = (await slotsOf(store)).filter((row) => row.runId !== null).length
        expect(done).toBeGreaterThan(firings)
        return { owner: owner ?? '', child }
      }, PATIENCE)
      if (leader.child) await killed(leader.child)
      processes.delete(leader.owner)
      firings = (await slotsOf(store)).filter((row) => row.runId !== null).length
      processes.set(...(await serverProcess()))
    }
    await vi.waitFor(async () => expect((await slotsOf(store)).length).toBeGreaterThan(firings + 3), PATIENCE)
    // No new due times: what is open is carried out.
    const [row] = await store.schedules('dev')
    const last = row?.decidedThrough ?? 0
    await vi.waitFor(async () => {
      const open = (await slotsOf(store)).filter((each) => each.dueAt <= last && each.state !== 'succeeded')
      expect(open).toEqual([])
    }, PATIENCE)
    for (const child of processes.values()) await killed(child)

    expect((await store.lease('schedules')).epoch).toBeGreaterThan(KILLS)
    const dueTimes = (await slotsOf(store)).map((each) => each.dueAt).filter((dueAt) => dueAt <= last)
    const first = Math.min(...dueTimes)
    const all = Array.from({ length: (last - first) / STEP_MS + 1 }, (_, n) => first + n * STEP_MS)
    expect(dueTimes.sort((a, b) => a - b)).toEqual(all)
    const runs = (await store.runs({ tenant: 'dev', limit: 1_000 })).filter((run) => run.status === 'completed')
    const wanted = all.map((dueAt) => `schedule/sweep/slot-${dueAt}`)
    const started = runs.map((run) => run.requestId).filter((id) => wanted.includes(id))
    expect(started.sort()).toEqual(wanted.sort())
    expect(runs.every((run) => run.principal === 'service:schedule/sweep')).toBe(true)
  } finally {
    await store.close()
  }
})

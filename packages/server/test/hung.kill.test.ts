import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type DevServer, startDev } from '../src/dev/dev.ts'
import { SPINS_FROM } from './hung/project.ts'
import { type Letter, type Outside, startOffice } from './long-turn/servers.ts'

const CONFIG = fileURLToPath(new URL('./hung/project.ts', import.meta.url))

let office: Outside<Letter>
let dataDir: string
let dev: DevServer
let lines: string[]

async function begin(options: Partial<Parameters<typeof startDev>[0]>): Promise<void> {
  dev = await startDev({
    dataDir,
    configPath: CONFIG,
    port: 0,
    workers: 2,
    version: '0.0.0',
    consoleDir: null,
    log: (line) => lines.push(line),
    ...options,
  })
}

beforeEach(async () => {
  lines = []
  dataDir = mkdtempSync(join(tmpdir(), 'signalbox-hung-'))
  office = await startOffice()
  process.env.OFFICE_URL = office.url
})
afterEach(async () => {
  await dev?.stop()
  await office.stop()
  delete process.env.OFFICE_URL
  rmSync(dataDir, { recursive: true, force: true })
})

async function start(number: number): Promise<{ readonly runId: string; readonly tenant: string }> {
  const tenant = dev.people[0]?.tenant ?? ''
  const cleo = { id: 'user:cleo', kind: 'user', tenant, roles: ['clerk'] } as const
  const { runId } = await dev.signalbox.runs.start({ workflow: 'letters', input: number, principal: cleo })
  return { runId, tenant }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

const records = async ({ tenant, runId }: { tenant: string; runId: string }) =>
  dev.signalbox.runs.records(tenant, runId)

describe('a worker process', () => {
  it('TIM-050, TIM-051: whose tool never gives it back loses its run, which goes on in another; it is ended and replaced', async () => {
    await begin({ workerSilenceSeconds: 6, drainSeconds: 1 })
    const before = dev.workers()
    const run = await start(SPINS_FROM)
    await vi.waitFor(() => expect(office.log).toHaveLength(1), 60_000)
    await vi.waitFor(() => expect(lines.join('\n')).toMatch(/ended by the watchdog after \d+ s/), 60_000)
    const result = await dev.signalbox.runs.wait(run.tenant, run.runId)
    expect(result).toMatchObject({ status: 'completed', output: `posted up to ${SPINS_FROM}` })
    expect(office.log).toHaveLength(1)
    const all = await records(run)
    const ends = all.filter((record) => record.type === 'activity.outcome' && !record.ask.parent)
    expect(ends).toMatchObject([
      { status: 'unknown', code: 'EFFECT_UNKNOWN' },
      { status: 'succeeded', resolved_by: 'lookup' },
    ])
    await vi.waitFor(() => expect(dev.workers()).toHaveLength(2), 60_000)
    const gone = before.filter(({ pid }) => !dev.workers().some((each) => each.pid === pid))
    expect(gone).toHaveLength(1)
    for (const { pid } of gone) expect(isAlive(pid)).toBe(false)
    expect(lines.join('\n')).toContain('trouble: WORKER_HUNG')
  })

  it('TIM-060, TIM-062: told to end hands its run on at the next barrier, at once and without repeating anything', async () => {
    await begin({ drainSeconds: 20 })
    const run = await start(1)
    await vi.waitFor(() => expect(office.log.length).toBeGreaterThan(3), 60_000)
    const first = (await records(run)).find((record) => record.type === 'segment.started')
    const worker = dev.workers().find(({ name }) => first?.type === 'segment.started' && first.worker === name)
    process.kill(worker?.pid ?? 0, 'SIGTERM')
    const result = await dev.signalbox.runs.wait(run.tenant, run.runId)
    expect(result).toMatchObject({ status: 'completed', output: 'posted up to 29' })
    expect(office.log.map(({ number }) => number)).toEqual(Array.from({ length: 29 }, (_, i) => i + 1))
    const segments = (await records(run)).filter((record) => record.type === 'segment.started')
    expect(segments.length).toBeGreaterThan(1)
    const next = segments[1]
    if (next?.type !== 'segment.started') throw new Error('nobody took the run up')
    expect(next.worker).not.toBe(worker?.name)
    expect(
      (await records(run)).some((record) => record.type === 'activity.outcome' && record.status === 'unknown'),
    ).toBe(false)
  })
})

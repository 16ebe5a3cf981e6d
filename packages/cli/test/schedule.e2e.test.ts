/** Schedules from the terminal, against a running server and without one. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { CONFIG, type Dev, dataFolder, run, runProcess, startDev } from './harness.ts'

const env = { SAMPLE_SCHEDULES: '1' }
let data = dataFolder()
let dev: Dev | null = null

beforeEach(() => {
  data = dataFolder()
  process.env.SAMPLE_SCHEDULES = '1'
})
afterEach(async () => {
  await dev?.end('SIGTERM')
  dev = null
  data.remove()
  delete process.env.SAMPLE_SCHEDULES
})

const cli = (...args: string[]) => run(['schedule', ...args, '--data', data.path, '--config', CONFIG])
const asOlga = (...args: string[]) => cli(...args, '--as', 'olga')

/** The newest firing of a schedule, once it has ended. */
async function ended(name: string) {
  return await vi.waitFor(
    async () => {
      const shown = await cli('show', name, '--json')
      const { firings } = JSON.parse(shown.stdout)
      const last = firings.find((each: { kind: string }) => each.kind === 'manual')
      expect(last?.ended_at).toBeTruthy()
      return last
    },
    { timeout: 60_000, interval: 100 },
  )
}

describe('with a server', () => {
  it('SCH-030, SCH-010: a schedule is fired by hand, paused and resumed; its run passes policy as its own principal', async () => {
    dev = await startDev(data.path, { env })
    expect((await cli('run', 'pay-rent')).code).toBe(7)
    expect((await asOlga('run', 'pay-rent')).stdout).toMatch(/^asked for: manual/)
    const fired = await ended('pay-rent')
    expect(fired).toMatchObject({ state: 'succeeded', by: 'user:olga', kind: 'manual' })
    const shown = await run(['show', fired.run_id, '--json', '--data', data.path])
    expect(JSON.parse(shown.stdout).run).toMatchObject({ principal: 'service:schedule/pay-rent', status: 'completed' })
    expect(readFileSync(join(data.path, 'book.txt'), 'utf8')).toMatch(/ landlord 50\n$/)
    await asOlga('run', 'not-permitted')
    expect(await ended('not-permitted')).toMatchObject({ state: 'failed', code: 'FORBIDDEN', run_id: null })
    expect(readFileSync(join(data.path, 'book.txt'), 'utf8')).not.toContain('eve')

    expect((await asOlga('pause', 'pay-rent', '--reason', 'moving out')).stdout).toBe('paused pay-rent\n')
    const list = (await cli('list')).stdout
    expect(list).toMatch(/pay-rent +0 3 1 .*transfer +paused +succeeded/)
    expect((await asOlga('resume', 'pay-rent', '--reason', 'staying')).code).toBe(0)
    const text = (await cli('show', 'pay-rent')).stdout
    for (const part of [/does +starts transfer/, /paused: moving out/, /by hand +succeeded/, /by olga/])
      expect(text).toMatch(part)
    expect((await cli('show', 'no-such')).stderr).toMatch(/^error NOT_FOUND: .*`pay-rent`/)
  })

  it('SCH-031, SCH-011: jobs do their work on a running server, and a failing one is told', async () => {
    dev = await startDev(data.path, { env })
    await run(['run', 'transfer', '--input', '{"to":"ana","amount":5}', '--wait', '--as', 'rita', '--data', data.path])
    for (const name of ['weekly-report', 'give-space-back', 'check-heads', 'prune']) await asOlga('run', name)
    expect(await ended('weekly-report')).toMatchObject({ state: 'succeeded', code: null })
    const [file] = readdirSync(join(data.path, 'reports'))
    const report = JSON.parse(readFileSync(join(data.path, 'reports', file ?? ''), 'utf8'))
    expect(report).toMatchObject({ kind: 'store', version: 1 })
    expect(await ended('give-space-back')).toMatchObject({ state: 'succeeded' })
    expect(await ended('check-heads')).toMatchObject({ state: 'succeeded' })
    expect(await ended('prune')).toMatchObject({ detail: '0 runs pruned, 0 of them to nothing', state: 'succeeded' })
    const note = join(data.path, 'heads', '00000001.note')
    writeFileSync(note, readFileSync(note, 'utf8').replace(/records \d+/, 'records 9999'))
    await asOlga('run', 'check-heads')
    await vi.waitFor(async () => {
      expect(await ended('check-heads')).toMatchObject({ state: 'failed', code: 'AUDIT_FAILED' })
    }, 60_000)
  })
})

describe('drills', () => {
  it('SCH-032: a drill on a schedule leaves its report, and the server goes on', async () => {
    const config = join(data.path, 'signalbox.config.ts')
    writeFileSync(
      config,
      `export { default } from ${JSON.stringify(CONFIG.replace('signalbox.config', 'drilled.config'))}\n`,
    )
    dev = await startDev(data.path, { args: ['--config', config] })
    await run(['schedule', 'run', 'weekly-drill', '--data', data.path, '--as', 'olga'])
    await vi.waitFor(async () => {
      expect(await ended('weekly-drill')).toMatchObject({ state: 'succeeded', detail: '1 workflows, 0 findings' })
    }, 200_000)
    const report = JSON.parse(readFileSync(join(data.path, 'reports', 'backup-drill.json'), 'utf8'))
    expect(report).toMatchObject({ report: { result: 'passed' }, signature: { ed25519: expect.any(String) } })
  })
})

describe('without a server', () => {
  it('SCH-030, TRB-008: what is asked for waits for the next server', async () => {
    dev = await startDev(data.path, { env })
    await dev.end('SIGTERM')
    dev = null
    const status = await run(['status', '--data', data.path, '--config', CONFIG])
    expect([status.code, status.stdout]).toEqual([5, 'no server runs on this data folder: nothing goes on\n'])
    const asked = await asOlga('run', 'pay-rent')
    expect(asked.stdout).toContain('No server runs here')
    expect((await cli('show', 'pay-rent')).stdout).toMatch(/by hand +queued/)
    dev = await startDev(data.path, { env })
    expect(await ended('pay-rent')).toMatchObject({ state: 'succeeded', by: 'user:olga' })
  })

  it('SCH-001: mistakes stop the start', async () => {
    const config = CONFIG.replace('signalbox.config', 'bad-schedules.config')
    const end = await runProcess(['dev', '--json', '--data', data.path, '--config', config, '--port', '0'])
    expect([end.code, end.stderr]).toEqual([
      2,
      expect.stringMatching(/^error CONFIG_INVALID: .*schedules\.0\.timeZone/),
    ])
    expect(end.stderr).toContain('`wash` starts `laundry`')
    expect(readdirSync(data.path)).toEqual([])
  })
})

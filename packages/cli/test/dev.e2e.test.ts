import { cpSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { openSqliteStore, STORE_VERSION, systemHost } from 'signalbox'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { alive, CONFIG, type Dev, dataFolder, run, runProcess, startDev } from './harness.ts'

let data: ReturnType<typeof dataFolder>
const running: Dev[] = []
beforeEach(() => {
  data = dataFolder()
})
afterEach(async () => {
  await Promise.all(running.splice(0).map((dev) => (alive(dev.pid) ? dev.end('SIGTERM') : null)))
  data.remove()
})

async function dev(options: Parameters<typeof startDev>[1] = {}): Promise<Dev> {
  const started = await startDev(data.path, options)
  running.push(started)
  return started
}

const devArgs = (...more: string[]): string[] => [
  'dev',
  '--json',
  '--data',
  data.path,
  '--config',
  CONFIG,
  '--port',
  '0',
  '--workers',
  '1',
  ...more,
]

describe('signalbox dev', () => {
  it('CLI-001: says where it answers and who may sign in, keeps its secrets to its user, ends in order on SIGTERM', async () => {
    const one = await dev({ env: { SAMPLE_SEED: '1' } })
    expect(one.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
    expect(one.people.map((each) => each.person)).toEqual(['rita', 'paul', 'vera', 'olga', 'omar', 'sam', 'pia'])
    expect(one.workers.length).toBe(1)
    expect((await fetch(`${one.url}/api/v1/health`)).status).toBe(200)
    for (const file of ['dev-tokens.json', 'master.key']) expect(statSync(join(data.path, file)).mode & 0o077).toBe(0)
    await vi.waitFor(async () => {
      const listed = await run(['runs', '--data', data.path, '--json'])
      expect(JSON.parse(listed.stdout).runs).toMatchObject([{ request_id: 'seed', status: 'completed' }])
    }, 20_000)
    expect(await one.end('SIGTERM')).toBe(0)
    for (const worker of one.workers) expect(alive(worker.pid)).toBe(false)
    const again = await dev({ env: { SAMPLE_SEED: '1' } })
    expect(again.people).toEqual(one.people)
    const listed = await run(['runs', '--data', data.path, '--json'])
    expect(JSON.parse(listed.stdout).runs.length).toBe(1)
  })

  it('CLI-002: a second one on the same folder is told where the first answers; the folder of a killed one is free', async () => {
    const first = await dev()
    const second = await runProcess(devArgs())
    expect(second.code).toBe(5)
    expect(second.stderr).toContain('error DATA_IN_USE')
    expect(second.stderr).toContain(first.url)
    expect((await fetch(`${first.url}/api/v1/health`)).status).toBe(200)
    await first.end('SIGKILL')
    const third = await dev()
    expect(third.url).not.toBe('')
  })

  it('CLI-003: workers end with a killed server; a killed worker is replaced and the run goes on', async () => {
    const one = await dev()
    const started = await run([
      'run',
      'transfer',
      '--input',
      '{"to":"ana","amount":500}',
      '--wait',
      '--as',
      'rita',
      '--data',
      data.path,
      '--json',
    ])
    const waiting = JSON.parse(started.stdout)
    expect(waiting.status).toBe('waiting')
    const [worker] = one.workers
    process.kill(worker?.pid ?? 0, 'SIGKILL')
    await vi.waitFor(() => expect(one.stderr()).toContain('worker-1 ended (signal SIGKILL)'), 10_000)
    await run(['approve', waiting.open[0].id, '--reason', 'known payee', '--as', 'paul', '--data', data.path])
    await vi.waitFor(async () => {
      const shown = await run(['show', waiting.run_id, '--data', data.path, '--json'])
      expect(JSON.parse(shown.stdout).run.status).toBe('completed')
    }, 30_000)
    expect(readFileSync(join(data.path, 'book.txt'), 'utf8').split('\n').length).toBe(2)
  })
})

describe('what stops a start', () => {
  it('CLI-004: a port in use', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => other.once('listening', resolve))
    const address = other.address()
    const port = typeof address === 'object' && address ? String(address.port) : ''
    const ended = await runProcess(devArgs('--port', port))
    other.close()
    expect(ended.code).toBe(5)
    expect(ended.stderr).toMatch(/^error PORT_IN_USE: .*--port/m)
    expect(JSON.parse(ended.stdout).error.code).toBe('PORT_IN_USE')
    await dev()
  })

  it('CLI-005: no key in production, and a key file that holds something else', async () => {
    const none = await runProcess(devArgs(), { SAMPLE_MODE: 'production', SIGNALBOX_MASTER_KEY: '' })
    expect([none.code, none.stderr]).toEqual([2, expect.stringMatching(/^error KEY_MISSING: .*SIGNALBOX_MASTER_KEY/)])
    writeFileSync(join(data.path, 'master.key'), 'short\n')
    const wrong = await runProcess(devArgs())
    expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringMatching(/^error KEY_MISSING: .*master\.key/)])
    expect(readFileSync(join(data.path, 'master.key'), 'utf8')).toBe('short\n')
  })

  it('CLI-006: a policy bundle that does not parse, or that is not there', async () => {
    const policy = join(data.path, 'policy')
    cpSync(join(dirname(CONFIG), 'policy'), policy, { recursive: true })
    writeFileSync(join(policy, 'core.cedar'), 'permit (principal, action, resource) when { ')
    const broken = await runProcess(devArgs(), { SAMPLE_POLICY: policy })
    expect([broken.code, broken.stderr]).toEqual([
      2,
      expect.stringMatching(/^error POLICY_BUNDLE_INVALID: .*core\.cedar/s),
    ])
    const gone = await runProcess(devArgs(), { SAMPLE_POLICY: join(data.path, 'none') })
    expect([gone.code, gone.stderr]).toEqual([2, expect.stringMatching(/^error POLICY_BUNDLE_MISSING: /)])
  })

  it('CLI-007: a database of a newer version, which stays as it was', async () => {
    const path = join(data.path, 'signalbox.db')
    await (await openSqliteStore({ path, host: systemHost })).close()
    const db = new DatabaseSync(path)
    db.exec(`PRAGMA user_version = ${STORE_VERSION + 1}`)
    db.close()
    const before = readFileSync(path)
    const ended = await runProcess(devArgs())
    expect([ended.code, ended.stderr]).toEqual([5, expect.stringMatching(/^error STORE_NEWER: /)])
    expect(readFileSync(path).equals(before)).toBe(true)
  })

  it('CLI-008: a data folder that cannot be written, or is a file', async () => {
    // The kernel's own file systems refuse new folders to everyone, root included.
    const denied = await runProcess(['dev', '--data', '/sys/signalbox', '--config', CONFIG, '--port', '0'])
    expect([denied.code, denied.stderr]).toEqual([5, expect.stringMatching(/^error STORE_READ_ONLY: .*--data/)])
    const file = join(data.path, 'file')
    writeFileSync(file, '')
    const blocked = await runProcess(['dev', '--data', file, '--config', CONFIG, '--port', '0'])
    expect([blocked.code, blocked.stderr]).toEqual([2, expect.stringMatching(/^error CONFIG_INVALID: .*--data/)])
  })

  it('CLI-009: no project, one that does not load, one that is something else', async () => {
    const none = await runProcess(['dev', '--data', data.path], {}, data.path)
    expect([none.code, none.stderr]).toEqual([2, expect.stringMatching(/^error CONFIG_INVALID: .*defineProject/)])
    const config = join(data.path, 'signalbox.config.mjs')
    writeFileSync(config, 'export default {')
    const broken = await runProcess(['dev', '--data', data.path], {}, data.path)
    expect([broken.code, broken.stderr]).toEqual([2, expect.stringMatching(/^error CONFIG_INVALID: .*does not load/)])
    writeFileSync(config, 'export default { name: "x" }')
    const other = await runProcess(['dev', '--data', data.path], {}, data.path)
    expect([other.code, other.stderr]).toEqual([2, expect.stringMatching(/^error CONFIG_INVALID: .*has no project/)])
  })
})

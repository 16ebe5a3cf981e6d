import { copyFileSync, existsSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it, vi } from 'vitest'
import { CONFIG, dataFolder, run, startDev } from './harness.ts'

const WITHOUT_RULES = fileURLToPath(new URL('../../server/test/sample/keyless.config.ts', import.meta.url))
const data = dataFolder()
const copy = dataFolder()
afterAll(() => {
  data.remove()
  copy.remove()
})

const at = (folder: string, ...args: string[]) => run([...args, '--data', folder, '--config', CONFIG])
const store = (...args: string[]) => run(['store', ...args, '--data', data.path])

describe('the data file', () => {
  it('UPK-011: is counted and backed up while a server runs; the copy is a data folder that verifies', async () => {
    const dev = await startDev(data.path)
    try {
      const input = JSON.stringify({ to: 'ana', amount: 500 })
      const started = await run(['run', 'transfer', '--input', input, '--wait', '--as', 'rita', '--data', data.path])
      expect(started.stdout).toContain('waiting')
      const small = JSON.stringify({ to: 'ben', amount: 5 })
      const done = await run(['run', 'transfer', '--input', small, '--wait', '--as', 'rita', '--data', data.path])
      expect(done.stdout).toContain('completed')
      const stats = JSON.parse((await store('stats', '--json')).stdout)
      expect(stats.runs_by_status.waiting).toBeGreaterThanOrEqual(1)
      expect((await store('stats')).stdout).toMatch(/records +\d+/)
      const file = join(copy.path, 'signalbox.db')
      const made = await store('backup', file, '--json')
      expect(made).toMatchObject({ code: 0, stderr: '' })
      const told = JSON.parse(made.stdout)
      expect(told).toMatchObject({ file, failed_runs: [], master_key_included: false })
      expect(told.records).toBeGreaterThanOrEqual(
        stats.tables.find((each: { name: string }) => each.name === 'records').rows,
      )
      expect(readdirSync(copy.path)).toEqual(['signalbox.db'])
      for (const kept of ['master.key', 'dev-tokens.json']) copyFileSync(join(data.path, kept), join(copy.path, kept))
      const at = ['--data', copy.path, '--config', CONFIG]
      expect((await run(['audit', 'verify', ...at])).stdout).toContain(
        `${told.runs} of ${told.runs} histories verified`,
      )
      expect((await run(['approvals', ...at])).stdout).toContain('Send 500 to ana')
      const again = await store('backup', file)
      expect([again.code, again.stderr]).toEqual([4, expect.stringMatching(/^error CONFLICT: .*name a file/)])
      const second = await store('backup', join(copy.path, 'second.db'))
      expect(second.stdout).toContain('The master key is not in it.')
      expect(second.stdout).toContain('verified')
    } finally {
      await dev.end('SIGTERM')
    }
  })

  it('UPK-026: is pruned by the rules of the project, after a dry run that changes nothing', async () => {
    const db = new DatabaseSync(join(data.path, 'signalbox.db'))
    db.exec("UPDATE runs SET updated_at = 1, lease_owner = NULL, lease_until = NULL WHERE status = 'completed'")
    const completed = Number(db.prepare("SELECT count(*) AS n FROM runs WHERE status = 'completed'").get()?.n)
    expect(completed).toBeGreaterThan(0)
    const sealed = () =>
      Number(
        db.prepare("SELECT count(sealed) AS n FROM records JOIN runs USING (rid) WHERE status = 'completed'").get()?.n,
      )
    const before = sealed()
    const dry = JSON.parse((await store('prune', '--dry-run', '--json', '--config', CONFIG)).stdout)
    expect(dry).toMatchObject({ dry_run: true, pruned: { metadata: completed, nothing: 0 } })
    expect(sealed()).toBe(before)
    const done = await store('prune', '--config', CONFIG)
    expect(done).toMatchObject({ code: 0, stderr: '' })
    expect(done.stdout).toContain(`contents destroyed: ${completed} runs keep their records`)
    expect(sealed()).toBe(0)
    db.close()
    const verified = await run(['audit', 'verify', '--data', data.path, '--config', CONFIG])
    expect(verified).toMatchObject({ code: 0, stderr: '' })
    const without = await store('prune', '--config', WITHOUT_RULES)
    expect([without.code, without.stderr]).toEqual([2, expect.stringMatching(/^error CONFIG_INVALID: .*no rules/)])
  })

  it('UPK-040: runs are exported, refused where they are already, and moved into another folder where they go on', async () => {
    const file = join(copy.path, 'runs.ndjson')
    const made = JSON.parse((await store('export', file, '--json')).stdout)
    expect(made).toMatchObject({ file, runs: 2, moved: false })
    const refused = await store('import', file)
    expect([refused.code, refused.stderr]).toEqual([
      4,
      expect.stringMatching(/^error CONFLICT: line \d+ of the export/),
    ])
    const elsewhere = dataFolder()
    const waiting = JSON.parse((await at(data.path, 'runs', '--status', 'waiting', '--json')).stdout).runs[0].run_id
    const one = join(copy.path, 'one.ndjson')
    const moved = await store('export', one, '--runs', waiting, '--move')
    expect(moved.stdout).toContain('go on nowhere here')
    expect((await at(data.path, 'show', waiting)).stdout).toContain('RUN_MOVED')
    for (const kept of ['master.key', 'dev-tokens.json'])
      copyFileSync(join(data.path, kept), join(elsewhere.path, kept))
    const done = await run(['store', 'import', one, '--data', elsewhere.path])
    expect(done).toMatchObject({ code: 0, stderr: '' })
    expect(done.stdout).toContain('1 runs imported')
    const [approval] = JSON.parse((await at(elsewhere.path, 'approvals', '--json')).stdout).approvals
    const approve = ['approve', approval.id, '--as', 'paul', '--reason', 'matches the order']
    expect(await at(elsewhere.path, ...approve)).toMatchObject({ code: 0 })
    const dev = await startDev(elsewhere.path)
    await vi.waitFor(
      async () => expect((await at(elsewhere.path, 'show', waiting)).stdout).toContain('completed'),
      10_000,
    )
    await dev.end('SIGTERM')
    expect(await at(elsewhere.path, 'audit', 'verify')).toMatchObject({ code: 0 })
    elsewhere.remove()
  })

  it('UPK-012: is vacuumed only while no server has the folder', async () => {
    const dev = await startDev(data.path)
    const refused = await store('vacuum')
    await dev.end('SIGTERM')
    expect([refused.code, refused.stderr]).toEqual([5, expect.stringMatching(/^error DATA_IN_USE: /)])
    const done = await store('vacuum', '--json')
    expect(done).toMatchObject({ code: 0, stderr: '' })
    const { bytes_before: before, bytes_after: after } = JSON.parse(done.stdout)
    expect(after).toBeGreaterThan(0)
    expect(after).toBeLessThanOrEqual(before)
    const verified = await run(['audit', 'verify', '--data', data.path, '--config', CONFIG])
    expect(verified).toMatchObject({ code: 0, stderr: '' })
  })

  it('UPK-011: has exit code 6 for a history that does not verify, names its run, and keeps the copy', async () => {
    const damaged = dataFolder()
    const file = join(damaged.path, 'signalbox.db')
    await store('backup', file)
    const db = new DatabaseSync(file)
    const runId = String(db.prepare('SELECT run_id FROM runs WHERE rid = 1').get()?.run_id)
    db.exec("UPDATE records SET hash = 'none' WHERE rid = 1 AND seq = 2")
    db.close()
    const target = join(damaged.path, 'again.db')
    const told = await run(['store', 'backup', target, '--data', damaged.path])
    expect([told.code, told.stderr]).toEqual([6, ''])
    expect(told.stdout).toContain(`${runId}  does not verify`)
    expect(existsSync(target)).toBe(true)
    damaged.remove()
  })

  it('UPK-012: a folder without a store is NOT_FOUND for each command, and stays empty', async () => {
    const empty = join(copy.path, 'empty')
    mkdirSync(empty)
    for (const command of [['stats'], ['vacuum'], ['backup', join(empty, 'copy.db')]]) {
      const ended = await run(['store', ...command, '--data', empty])
      expect([ended.code, ended.stderr]).toEqual([3, expect.stringMatching(/^error NOT_FOUND: /)])
    }
    expect(readdirSync(empty)).toEqual([])
    expect(existsSync(join(empty, 'signalbox.db'))).toBe(false)
  })
})

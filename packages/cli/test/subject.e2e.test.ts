import { copyFileSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { CONFIG, dataFolder, run, startDev } from './harness.ts'

const data = dataFolder()
const older = dataFolder()
afterAll(() => {
  data.remove()
  older.remove()
})

const PERSON = 'customer-4711'
const at = (...args: string[]) => run([...args, '--data', data.path, '--config', CONFIG])
const erase = (...args: string[]) => at('subject', 'erase', PERSON, '--reason', 'asked for it in writing', ...args)

describe('subject erase', () => {
  it('ERA-008: takes the role privacy, tells what it reaches, cancels what is open, and erases while a server runs', async () => {
    const dev = await startDev(data.path)
    try {
      const start = (amount: number, ...more: string[]) =>
        at(
          'run',
          'transfer',
          '--input',
          JSON.stringify({ to: 'ana', amount }),
          '--subject',
          PERSON,
          '--as',
          'rita',
          ...more,
        )
      const done = JSON.parse((await start(5, '--wait', '--json')).stdout)
      const waiting = JSON.parse((await start(500, '--wait', '--json')).stdout)
      expect((await at('explain', done.run_id)).stdout).toContain('"to":"ana"')
      const refused = await erase('--as', 'paul')
      expect([refused.code, refused.stderr]).toEqual([7, expect.stringMatching(/^error FORBIDDEN: .*privacy/)])
      const foreign = await erase('--as', 'olga', '--tenant', 'other')
      expect([foreign.code, foreign.stderr]).toEqual([7, expect.stringMatching(/^error FORBIDDEN: .*`dev`/)])
      const plan = JSON.parse((await erase('--as', 'olga', '--dry-run', '--json')).stdout)
      expect(plan).toMatchObject({ state: 'planned', runs: 2, open_runs: [waiting.run_id], erased_runs: 0 })
      expect((await at('explain', done.run_id)).stdout).toContain('"to":"ana"')
      const open = await erase('--as', 'olga')
      expect([open.code, open.stderr]).toEqual([4, expect.stringMatching(/^error RUN_STATE: 1 runs/)])
      const backup = join(older.path, 'signalbox.db')
      expect((await run(['store', 'backup', backup, '--data', data.path])).code).toBe(0)
      const erased = await erase('--as', 'olga', '--tenant', 'dev', '--cancel')
      expect(erased).toMatchObject({ code: 0, stderr: '' })
      expect(erased.stdout).toContain('erased: the key is destroyed, and the contents of 2 runs')
      expect((await at('show', waiting.run_id)).stdout).toContain('cancelled')
      const told = (await at('explain', done.run_id)).stdout
      expect(told).not.toContain('"to":"ana"')
      expect(told.replaceAll(/\s+/g, ' ')).toContain(
        'because the person that they are about was erased (reason: asked for it in writing)',
      )
      const stats = JSON.parse((await run(['store', 'stats', '--json', '--data', data.path])).stdout)
      expect(stats).toMatchObject({ erased_subjects: 1, pruned_runs: { metadata: 2 } })
    } finally {
      await dev.end('SIGTERM')
    }
    expect(await at('audit', 'verify')).toMatchObject({ code: 0, stderr: '' })
    expect(readFileSync(join(data.path, 'erasures.ndjson'), 'utf8')).not.toContain(PERSON)
  })

  it('ERA-009: an older copy beside the log of erasures erases the person again, and says so', async () => {
    for (const kept of ['master.key', 'dev-tokens.json', 'audit.key', 'erasures.ndjson'])
      copyFileSync(join(data.path, kept), join(older.path, kept))
    const verified = await run(['audit', 'verify', '--data', older.path, '--config', CONFIG])
    expect([verified.code, verified.stderr]).toEqual([0, expect.stringMatching(/^note: 1 persons had come back/)])
    const runs = JSON.parse((await run(['runs', '--json', '--data', older.path, '--config', CONFIG])).stdout)
    const ended = runs.runs.find((each: { status: string }) => each.status === 'completed')
    const told = (await run(['explain', ended.run_id, '--data', older.path, '--config', CONFIG])).stdout
    expect(told.replaceAll(/\s+/g, ' ')).toContain('because the person that they are about was erased')
    expect(told).not.toContain('"to":"ana"')
  })
})

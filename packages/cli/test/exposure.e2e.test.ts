/** Secrets in a whole example, over real processes: none of them is in what the server writes, nor in its data folder. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { CONFIG, type Dev, dataFolder, run, startDev } from './harness.ts'

const SEEDED = { to: 'larch-basin-4471-to', reason: 'birch-cove-9920-reason', failed: 'hazel-ridge-7782-failed' }
const data = dataFolder()
const side = dataFolder()
let dev: Dev | null = null
afterEach(async () => {
  await dev?.end('SIGTERM')
  data.remove()
  side.remove()
})

describe('a server with secrets in its runs', () => {
  it('EXS-052, EXS-053: writes JSON lines without them; the audit of its folder and log finds none, and one that is planted', async () => {
    dev = await startDev(data.path, { env: { SAMPLE_BOOK: join(side.path, 'book.txt') } })
    const args = ['--data', data.path, '--config', CONFIG, '--json']
    const start = (workflow: string, input: unknown) =>
      run(['run', workflow, '--as', 'rita', '--input', JSON.stringify(input), ...args])
    await start('failing', SEEDED.failed)
    await start('transfer', { to: SEEDED.to, amount: 500 })
    const asked = await vi.waitFor(async () => {
      const [first] = JSON.parse((await run(['approvals', ...args])).stdout).approvals
      expect(first).toBeDefined()
      return first
    }, 20_000)
    const said = await run(['approve', asked.id, '--as', 'paul', '--reason', SEEDED.reason, ...args])
    expect(said.code).toBe(0)
    await dev.end('SIGTERM')
    const log = dev.stderr()
    dev = null
    for (const line of log.split('\n').filter((each) => each.startsWith('{')))
      expect(JSON.parse(line)).toHaveProperty('time')
    for (const secret of Object.values(SEEDED)) expect(log).not.toContain(secret)

    mkdirSync(join(side.path, 'logs'))
    const [logFile, known] = [join(side.path, 'logs', 'server.log'), join(side.path, 'known.txt')]
    writeFileSync(logFile, log)
    writeFileSync(known, Object.values(SEEDED).join('\n'))
    const audit = () => run(['audit', 'exposure', '--secrets', known, '--logs', join(side.path, 'logs'), ...args])
    const clean = await audit()
    expect([clean.code, JSON.parse(clean.stdout).findings]).toEqual([0, []])
    writeFileSync(logFile, `${log}\nfailed for ${SEEDED.to}\n`)
    const found = await audit()
    expect([found.code, JSON.parse(found.stdout).findings]).toEqual([
      6,
      [expect.objectContaining({ place: 'logs', secret: 'line 1' })],
    ])
    expect(found.stdout).not.toContain(SEEDED.to)
    rmSync(known)
    expect((await audit()).code).toBe(2)
  })
})

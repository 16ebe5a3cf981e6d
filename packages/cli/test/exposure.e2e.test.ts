/** Secrets in a whole example, over real processes: none of them is in what the server writes, nor in its data folder. */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
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
  it('EXS-052, EXS-053, NAR-050: writes JSON lines without them; the audit of its folder and log finds none, and one that is planted', async () => {
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
    await evidenceOf(asked.run_id, args)
    await dev.end('SIGTERM')
    const [log, announced] = [dev.stderr(), dev.stdout()]
    dev = null
    for (const line of log.split('\n').filter((each) => each.startsWith('{')))
      expect(JSON.parse(line)).toHaveProperty('time')
    for (const secret of Object.values(SEEDED)) expect(log + announced).not.toContain(secret)

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

/** NAR-050: a run is told, taken along as a signed archive and checked, and who may not gets nothing. */
async function evidenceOf(runId: string, args: readonly string[]): Promise<void> {
  const plain = args.filter((each) => each !== '--json')
  const told = await run(['explain', runId, '--markdown', ...plain])
  expect(told.stdout).toMatch(/## What happened\n\n### Start\n\n- `user:rita` asked .*\(\[record 1\]\(http:\/\/127/)
  const file = join(side.path, 'evidence.tar')
  const order = ['explain', runId, '--bundle', file, '--reason', 'asked for by the auditor']
  const refused = await run([...order, '--as', 'vera', ...args])
  expect([refused.code, existsSync(file)]).toEqual([7, false])
  const made = await run([...order, '--as', 'olga', ...args])
  expect([made.code, JSON.parse(made.stdout)]).toMatchObject([0, { run_id: runId, contents: 'sealed' }])
  const key = join(data.path, 'audit.pub')
  const sound = await run(['explain', 'verify', file, '--key', key])
  expect([sound.code, sound.stdout]).toEqual([0, expect.stringContaining(`run ${runId} of tenant dev  verified`)])
  const bytes = readFileSync(file)
  for (const secret of Object.values(SEEDED)) expect(bytes.includes(secret)).toBe(false)
  for (const name of ['policy/', 'workflow/definition.json', 'workflow/decision-record.md', 'workflow/diagram.mmd'])
    expect(bytes.includes(name), name).toBe(true)
  bytes[bytes.indexOf('"type":"run.started"') + 10] = 0x78
  writeFileSync(file, bytes)
  const changed = await run(['explain', 'verify', file, '--key', key])
  expect([changed.code, changed.stdout]).toEqual([6, expect.stringContaining('changed_file: `records.ndjson`')])
  const listed = await run(['audit', 'disclosures', runId, '--as', 'olga', ...args])
  expect(JSON.parse(listed.stdout).disclosures).toMatchObject([{ what: 'evidence', by: 'user:olga', content: false }])
  rmSync(file)
}

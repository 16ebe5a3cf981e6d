import { cpSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { PolicyStatus } from '@signalbox/protocol'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { CONFIG, type Dev, dataFolder, type Ended, run, startDev } from './harness.ts'

const data = dataFolder()
const policy = join(data.path, 'policy')
const draft = join(data.path, 'draft')
const book = join(data.path, 'book')
const CORE = readFileSync(join(dirname(CONFIG), 'policy', 'core.cedar'), 'utf8')
const FORBID = `${CORE}
@id("transfer.none") @owner("tests") @reason("LARGE_TRANSFER")
forbid (principal, action == Signalbox::Action::"tool:transfer.send", resource) when { context.input.amount > 5 };
`
let dev: Dev

const ours = (...args: string[]): Promise<Ended> => run([...args, '--data', data.path])
const as = (person: string, ...args: string[]): Promise<Ended> => ours(...args, '--as', person, '--reason', 'because')

async function status(): Promise<PolicyStatus> {
  return JSON.parse((await ours('policy', 'status', '--json')).stdout)
}

/** The status once it is as wanted. */
async function until(met: (now: PolicyStatus) => boolean): Promise<PolicyStatus> {
  for (;;) {
    const now = await status()
    if (met(now)) return now
  }
}

const everywhere = (hash: string) => (now: PolicyStatus) =>
  now.in_force?.hash === hash && now.holders.length > 1 && now.holders.every((each) => each.current)

async function transfer(amount: number): Promise<string> {
  const input = JSON.stringify({ to: 'bob', amount })
  const ended = await ours('run', 'transfer', '--input', input, '--wait', '--json', '--as', 'rita')
  return JSON.parse(ended.stdout).output
}

const booked = (): string => (existsSync(book) ? readFileSync(book, 'utf8') : '')

beforeAll(async () => {
  cpSync(join(dirname(CONFIG), 'policy'), policy, { recursive: true })
  cpSync(policy, draft, { recursive: true })
  writeFileSync(join(draft, 'core.cedar'), FORBID)
  dev = await startDev(data.path, { env: { SAMPLE_POLICY: policy, SAMPLE_BOOK: book } })
}, 60_000)

afterAll(async () => {
  await dev?.end('SIGTERM')
  data.remove()
}, 60_000)

describe('the life of a bundle in a running server', () => {
  it('BDL-002, BDL-003, BDL-014, BDL-017: two people change the policy; it bites at once in every process, and goes back', async () => {
    const before = await until((now) => now.holders.length > 1)
    const first = before.in_force?.hash ?? ''
    expect(before.in_force).toMatchObject({ way: 'development', by: null })
    expect(await transfer(7)).toBe('succeeded')

    const proposed = await as('sam', 'policy', 'propose', draft)
    expect(proposed).toMatchObject({ code: 0, stderr: '' })
    expect(proposed.stdout).toContain('+ policy transfer.none')
    const [waiting] = (await status()).drafts
    const hash = waiting?.hash ?? ''
    expect(waiting).toMatchObject({ by: { id: 'user:sam' }, stale: false })
    for (const person of ['sam', 'rita', 'olga'])
      expect([person, (await as(person, 'policy', 'activate', hash)).code]).toEqual([person, 7])
    expect((await status()).in_force?.hash).toBe(first)

    expect((await as('pia', 'policy', 'activate', hash.slice(0, 12))).stdout).toContain('in force')
    const now = await until(everywhere(hash))
    expect(now.in_force).toMatchObject({ way: 'reviewed', by: { id: 'user:pia' }, author: { id: 'user:sam' } })
    expect(now.reached_all_ms).toBeGreaterThanOrEqual(0)
    expect(now.holders.map((each) => each.pid).sort()).toEqual(before.holders.map((each) => each.pid).sort())
    const lines = booked()
    expect(await transfer(8)).toBe('denied')
    expect(booked()).toBe(lines)

    expect((await as('sam', 'policy', 'rollback', first.slice(0, 12))).code).toBe(0)
    expect((await as('pia', 'policy', 'activate', first)).code).toBe(0)
    await until(everywhere(first))
    expect(await transfer(9)).toBe('succeeded')
    expect(booked()).toContain('bob 9')
    const history = await ours('policy', 'history')
    expect(history.stdout).toMatch(/reviewed .*by user:pia, author user:sam\n {6}because/)
    expect(Math.max(...history.stdout.split('\n').map((line) => line.length))).toBeLessThan(100)
  }, 60_000)

  it('BDL-011: one person alone brings a bundle back; it is trouble until somebody else has looked at it', async () => {
    const { in_force: inForce } = await status()
    const other = inForce?.from?.split('@')[1] ?? ''
    expect((await as('sam', 'policy', 'rollback', other, '--emergency')).code).toBe(7)
    const done = await as('pia', 'policy', 'rollback', other, '--emergency')
    expect(done.stdout).toContain('by you alone')
    const [open] = (await status()).reviews_open
    while (!(await ours('status')).stdout.includes('POLICY_REVIEW_DUE'));
    expect((await as('pia', 'policy', 'review', String(open))).stderr).toContain('POLICY_SELF_REVIEW')
    expect((await status()).reviews_open).toEqual([open])
  }, 60_000)

  it('BDL-007, BDL-018: a changed folder is activated at once; a broken one leaves what is in force, and says so', async () => {
    writeFileSync(join(policy, 'core.cedar'), FORBID.replace('amount > 5', 'amount > 6'))
    const now = await until((each) => each.in_force?.way === 'development' && each.folder.same)
    await until(everywhere(now.in_force?.hash ?? ''))
    expect(await transfer(10)).toBe('denied')
    writeFileSync(join(policy, 'core.cedar'), 'permit (principal')
    while (!(await ours('status')).stdout.includes('POLICY_REFUSED'));
    const after = await status()
    expect(after.in_force?.hash).toBe(now.in_force?.hash)
    expect(after.folder.problem).toContain('core.cedar')
    expect(await transfer(11)).toBe('denied')
    expect(booked()).not.toContain('bob 1')
  }, 60_000)

  it('BDL-021: an audit verifies the history and what decided, and finds an activation that was taken out', async () => {
    const sound = await ours('audit', 'verify')
    expect(sound).toMatchObject({ code: 0 })
    expect(sound.stdout).toMatch(/policy history verified, \d+ events/)
    const { events } = JSON.parse((await ours('policy', 'history', '--json')).stdout)
    const db = new DatabaseSync(join(data.path, 'signalbox.db'))
    const row = db.prepare('SELECT body, hash FROM policy_log WHERE seq = 1').get()
    const put = (body: string) => db.prepare('UPDATE policy_log SET body = ? WHERE seq = 1').run(body)
    put(String(row?.body).replace(/@[0-9a-f]{64}/, `@${'f'.repeat(64)}`))
    const broken = await ours('audit', 'verify')
    put(String(row?.body))
    db.close()
    expect(broken.code).toBe(6)
    for (const finding of ['hash', 'content']) expect(broken.stdout).toContain(`: ${finding}: `)
    expect(events.at(-1).seq).toBe(1)
    expect((await ours('audit', 'verify')).code).toBe(0)
  }, 60_000)

  it('BDL-015: a draft in shadow tells what it would have blocked, and blocks nothing', async () => {
    writeFileSync(join(policy, 'core.cedar'), CORE)
    await until((each) => each.folder.same && everywhere(each.in_force?.hash ?? '')(each))
    expect((await as('sam', 'policy', 'shadow', 'start', draft)).code).toBe(0)
    expect((await as('vera', 'policy', 'shadow', 'start', draft)).code).toBe(7)
    // Each transfer is another question; the worker takes the shadow up in between.
    let report = await ours('policy', 'shadow', 'report')
    for (let amount = 20; !/send/.test(report.stdout); amount++) {
      expect(await transfer(amount)).toBe('succeeded')
      report = await ours('policy', 'shadow', 'report')
    }
    expect(report.stdout).toMatch(/block +transfer\.send +allow +LARGE_/)
    expect((await as('sam', 'policy', 'shadow', 'stop')).code).toBe(0)
  }, 60_000)
})

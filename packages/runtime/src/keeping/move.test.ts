import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { systemHost } from '../base/host.ts'
import type { JsonValue } from '../base/json.ts'
import { createRedactor } from '../redactor.ts'
import type { Store, StoredRecord } from '../contracts/store.ts'
import { auditRun, explain } from '../observability/index.ts'
import { keyVault, memoryStore, openSqliteStore } from '../stores/index.ts'
import { ANA, type BenchBox, benchSet, PAUL } from '../testing/bench-box.ts'
import { approvalPolicy, oneNode, payTool } from '../testing/engine-kit.ts'
import { faultStore } from '../testing/fault-store.ts'
import type { OutsideBank } from '../testing/outside-bank.ts'
import { exportRuns } from './export.ts'
import { importRuns } from './import.ts'

const set = benchSet()
let folder: string
let file: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'signalbox-move-'))
  file = join(folder, 'export.ndjson')
})
afterEach(async () => {
  await set.close()
  rmSync(folder, { recursive: true, force: true })
})

const KINDS = ['memory', 'sqlite'] as const
let opened = 0
async function storeOf(kind: (typeof KINDS)[number]): Promise<Store> {
  return kind === 'memory' ? memoryStore() : openSqliteStore({ path: join(folder, `${++opened}.db`), host: systemHost })
}

/** A box whose workflow pays after an approval, under a business identity of the tenant. */
function desk(store: Store, outside: OutsideBank): BenchBox {
  const pay = payTool(outside, { effectKey: ({ to }) => ({ scope: 'tenant', key: to }) })
  const flow = oneNode(async (to, ctx) => (await ctx.call(pay, { to: String(to), amount: 5 })).status, {
    tools: [pay],
    name: 'desk',
  })
  return set.box({ workflows: [flow], store, policy: approvalPolicy() })
}

/** Approves what is asked next, with what the reviewer saw. */
async function approve(box: BenchBox): Promise<void> {
  const { id } = await box.asked()
  const { packetHash } = await box.sb.runs.request('acme', id)
  await box.sb.runs.decide({ approvalId: id, answer: 'approved', by: PAUL, reason: 'seen', seen: packetHash })
  await box.closed(id)
}

/** A store with a run that completed and one that waits for an approval; nobody works on them. */
async function source(kind: (typeof KINDS)[number]) {
  const outside = await set.bank()
  const box = desk(await storeOf(kind), outside)
  const worker = box.work()
  const done = await box.start('desk', 'bob')
  await approve(box)
  await box.ended(done)
  const waiting = await box.start('desk', 'eve')
  await box.asked()
  await box.until(() => (worker.inMemory === 0 ? true : null), 'an empty memory')
  await box.kill()
  return { box, outside, done, waiting, all: { store: box.store, host: box.host, target: file, tenant: 'acme' } }
}

const plain = (records: readonly StoredRecord[]) =>
  records.map((each) => ({ ...each, sealed: each.sealed && Buffer.from(each.sealed).toString('hex') }))
const lines = (): string[] => readFileSync(file, 'utf8').split('\n').slice(0, -1)
const write = (changed: readonly string[]): void => writeFileSync(file, changed.map((line) => `${line}\n`).join(''))

describe('export and import', () => {
  for (const from of KINDS)
    for (const to of KINDS)
      it(`UPK-031, UPK-032: from ${from} to ${to}: every run arrives whole, a waiting one goes on there and pays once`, async () => {
        const { box, outside, done, waiting, all } = await source(from)
        const report = await exportRuns({ ...all, move: PAUL })
        expect(report).toMatchObject({ target: file, runs: 2, digest: expect.stringMatching(/^[0-9a-f]{64}$/) })
        expect(readFileSync(file, 'utf8')).not.toContain('"eve"')
        const there = await storeOf(to)
        const before = await box.store.records('acme', done)
        expect(await importRuns({ store: there, path: file })).toMatchObject({ runs: 2, already: 0, moved: true })
        const target = desk(there, outside)
        expect(plain(await there.records('acme', done))).toEqual(plain(before.slice(0, -1)))
        expect(await there.runEffects('acme', done)).toEqual(await box.store.runEffects('acme', done))
        const row = await target.row(waiting)
        expect(row).toMatchObject({ status: 'waiting', leaseOwner: null })
        expect(row.epoch).toBe((await box.row(waiting)).epoch + 1)
        for (const id of [done, waiting])
          expect(auditRun(await there.records('acme', id), await target.row(id))).toMatchObject({ verified: true })
        target.work()
        await approve(target)
        expect(await target.ended(waiting)).toMatchObject({ status: 'completed', output: 'succeeded' })
        expect(outside.booked.map((each) => each.to)).toEqual(['bob', 'eve'])
        // The ledger came along: what the source did is not done again.
        const again = await target.run('desk', 'bob')
        expect(again).toMatchObject({ status: 'completed', output: 'succeeded' })
        expect(outside.booked).toHaveLength(2)
      })

  it('UPK-033: a moved run goes on nowhere in its old store', async () => {
    const { box, outside, done, waiting, all } = await source('sqlite')
    const [asked] = await box.open()
    await exportRuns({ ...all, move: PAUL })
    expect(await box.row(waiting)).toMatchObject({ status: 'stopped', code: 'RUN_MOVED' })
    expect(await box.row(done)).toMatchObject({ status: 'completed', code: 'RUN_MOVED' })
    expect(await box.open()).toEqual([])
    box.work()
    const decide = { approvalId: asked?.id ?? '', answer: 'approved', by: PAUL, reason: 'late', seen: null } as const
    await expect(box.sb.runs.decide(decide)).rejects.toMatchObject({ code: 'APPROVAL_DECIDED' })
    for (const id of [done, waiting]) {
      expect(await box.sb.runs.restorePoints('acme', id)).toEqual([])
      const restore = box.sb.runs.restore({ runId: id, seq: 1, by: PAUL, reason: 'again' })
      await expect(restore).rejects.toMatchObject({ code: 'RUN_MOVED' })
      expect(auditRun(await box.store.records('acme', id), await box.row(id))).toMatchObject({ verified: true })
    }
    expect(explain(await box.records(waiting), { now: 0 }).status).toContain('was moved to another store')
    expect(outside.booked).toHaveLength(1)
    rmSync(file)
    // What was moved is not moved again.
    expect(await exportRuns({ ...all, move: PAUL })).toMatchObject({ runs: 0 })
  })

  it('UPK-034: without `move` the source is as it was; a run that somebody works on is not moved, and leaves no file', async () => {
    const { box, waiting, all } = await source('memory')
    const before = await box.store.export(0, 1_000)
    const named = await exportRuns({ ...all, runs: [waiting] })
    expect(named.runs).toBe(1)
    expect(await box.store.export(0, 1_000)).toEqual(before)
    await expect(exportRuns(all)).rejects.toMatchObject({ code: 'CONFLICT' })
    rmSync(file)
    await expect(exportRuns({ ...all, runs: ['run_none'] })).rejects.toMatchObject({ code: 'RUN_NOT_FOUND' })
    const only = { tenant: 'acme', runId: waiting }
    const now = box.host.now()
    await box.store.claim({ worker: 'w', now, leaseUntil: now + 60_000, limit: 1, signatures: null, only })
    await expect(exportRuns({ ...all, move: PAUL })).rejects.toMatchObject({ code: 'RUN_STATE' })
    expect(readdirSync(folder)).toEqual([])
  })

  it('UPK-035: with a key contents are opened into the file, beside their sealed bytes', async () => {
    const { box, all } = await source('memory')
    const vault = keyVault({ store: box.store, host: box.host, masterKey: new Uint8Array(32) })
    await exportRuns({ ...all, open: vault })
    expect(lines()[0]).toContain('"contents":"opened"')
    expect(readFileSync(file, 'utf8')).toContain('\\"eve\\"')
    expect(await importRuns({ store: memoryStore(), path: file })).toMatchObject({ runs: 2, moved: false })
  })

  it('NAR-046: what is readable in it passed the redaction; what that does not finish is left out, and it is imported all the same', async () => {
    const { box, all } = await source('memory')
    const open = keyVault({ store: box.store, host: box.host, masterKey: new Uint8Array(32) })
    const hook = (_kind: string, value: JsonValue): JsonValue => {
      if (JSON.stringify(value).includes('eve')) throw new Error('not this one')
      return 'withheld by the rule'
    }
    await exportRuns({ ...all, open, redactor: createRedactor({ host: systemHost, hook }) })
    const text = readFileSync(file, 'utf8')
    expect(text).toContain('withheld by the rule')
    expect(text).not.toContain('\\"eve\\"')
    expect(await importRuns({ store: memoryStore(), path: file })).toMatchObject({ runs: 2 })
  })

  it('UPK-036: a tampered, cut, doubled or foreign file is refused with the line, and nothing is imported', async () => {
    const { all, done } = await source('memory')
    await exportRuns(all)
    const good = lines()
    const at = (kind: string, n = 0): number =>
      good.flatMap((line, i) => (line.includes(`"kind":"${kind}"`) ? [i] : []))[n] ?? -1
    const change = (i: number, from: string | RegExp, to: string): string[] =>
      good.map((line, j) => (i === j ? line.replace(from, to) : line))
    const record = at('record', 3)
    const cases: readonly [string, readonly string[], number][] = [
      ['a changed body', change(record, 'active_ms', 'active_mx'), record + 1],
      ['a changed ciphertext', change(at('record'), /"sealed":"..../, '"sealed":"AAAA'), good.length],
      ['a dropped record', good.filter((_, i) => i !== record), 0],
      ['a cut end', good.slice(0, -1), good.length],
      ['a cut line', [...good.slice(0, 4), good[4]?.slice(0, 30) ?? ''], 5],
      ['a changed status', change(at('run'), /"status":"[a-z]+"/, '"status":"parked"'), at('run') + 1],
      ['a changed tenant', change(at('run'), '"tenant":"acme"', '"tenant":"else"'), at('run') + 1],
      ['a run twice', [...good.slice(0, at('end')), ...good.slice(at('run')), ''], 0],
      ['an unknown field', change(at('run'), '{"kind"', '{"spare":1,"kind"'), at('run') + 1],
      ['another file', ['{"hello":1}'], 1],
      ['no file', [], 1],
      ['lines after its end', [...good, good[1] ?? ''], good.length + 1],
      ['a record first', [good[0] ?? '', good[record] ?? ''], 2],
      ['a changed ledger', change(at('run', 1), /"identity":"[^"]+"/, '"identity":"other"'), good.length],
    ]
    for (const [what, changed, line] of cases) {
      write(changed)
      const target = memoryStore()
      const thrown: unknown = await importRuns({ store: target, path: file }).catch((error: unknown) => error)
      expect([what, thrown]).toEqual([what, expect.objectContaining({ code: 'INPUT_INVALID' })])
      if (line > 0) expect([what, thrown]).toEqual([what, expect.objectContaining({ details: { line } })])
      expect([what, (await target.stats()).runs]).toEqual([what, 0])
    }
    write(change(0, '"version":1', '"version":2'))
    await expect(importRuns({ store: memoryStore(), path: file })).rejects.toMatchObject({ code: 'STORE_NEWER' })
    await expect(importRuns({ store: memoryStore(), path: `${file}.none` })).rejects.toMatchObject({
      code: 'NOT_FOUND',
    })
    write(good)
    expect((await importRuns({ store: memoryStore(), path: file })).runs).toBe(2)
    expect(good.some((line) => line.includes(done))).toBe(true)
  })

  it('UPK-037: what the target has already is refused before anything is written: a run, a request id, an effect, another key', async () => {
    const { box, outside, done, waiting, all } = await source('memory')
    await exportRuns(all)
    await expect(importRuns({ store: box.store, path: file })).rejects.toMatchObject({ code: 'CONFLICT' })
    // The same tenant, made anew with another key.
    const other = desk(memoryStore(), outside)
    await other.start('desk', 'zoe')
    await expect(importRuns({ store: other.store, path: file })).rejects.toThrow(/another key/)
    expect(await other.store.run('acme', done)).toBeNull()
    // A copy of the same tenant where somebody asked for the same request, and did the same.
    for (const [what, run] of [
      ['answers request', waiting],
      ['has done the same', done],
    ] as const) {
      const target = memoryStore()
      const row = await box.row(run)
      const effects = (await box.store.runEffects('acme', run)).map((each) => ({ ...each, runId: 'run_x' }))
      const records = await box.store.records('acme', run)
      const requestId = run === waiting ? row.requestId : 'another'
      const mine = { row: { ...row, runId: 'run_x', requestId }, records, requests: [], inbox: [] }
      await target.adopt({ ...mine, effects })
      await expect(importRuns({ store: target, path: file })).rejects.toThrow(what)
      expect((await target.stats()).runs).toBe(1)
    }
  })

  it('UPK-038: an import that stops in the middle is taken up again, and leaves whole runs only', async () => {
    const { all, done, waiting } = await source('memory')
    await exportRuns(all)
    const target = memoryStore()
    const failing = faultStore(target, ({ op, n }) => (op === 'adopt' && n === 2 ? { point: 'disk_full' } : null))
    await expect(importRuns({ store: failing, path: file })).rejects.toMatchObject({ code: 'STORE_FULL' })
    expect((await target.stats()).runs).toBe(1)
    await expect(importRuns({ store: target, path: file })).rejects.toMatchObject({ code: 'CONFLICT' })
    expect(await importRuns({ store: target, path: file, resume: true })).toMatchObject({ runs: 1, already: 1 })
    for (const id of [done, waiting]) {
      const row = await target.run('acme', id)
      expect(auditRun(await target.records('acme', id), row ?? undefined)).toMatchObject({ verified: true })
    }
  })

  it('UPK-039: when marking as moved fails, the whole file is kept under its other name', async () => {
    const { all } = await source('memory')
    const store = faultStore(all.store, ({ op }) => (op === 'commit' ? { point: 'after_commit_lost_ack' } : null))
    await expect(exportRuns({ ...all, store, move: ANA })).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
    const [partial = ''] = readdirSync(folder)
    expect(partial).toMatch(/^export\.ndjson\.partial-/)
    const report = await importRuns({ store: memoryStore(), path: join(folder, partial) })
    expect(report).toMatchObject({ runs: 2, moved: true })
  })
})

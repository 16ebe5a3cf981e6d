import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { signingKey } from '../base/ed25519.ts'
import { systemHost } from '../base/host.ts'
import { auditRun, explain } from '../observability/index.ts'
import { type Erasure, erasureLine, readErasures } from '../reliability/erasure-log.ts'
import { keyVault, openSqliteStore } from '../stores/index.ts'
import { ANA, type BenchBox, benchSet, PAUL } from '../testing/bench-box.ts'
import { approvalPolicy, oneNode, payTool } from '../testing/engine-kit.ts'
import { faultStore } from '../testing/fault-store.ts'
import { backupSqlite } from '../upkeep.ts'
import {
  type ErasureOrder,
  type ErasureParts,
  eraseSubject,
  planErasure,
  reapplyErasures,
  returnedKeys,
} from './erasure.ts'

const set = benchSet()
let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'signalbox-erasure-'))
})
afterEach(async () => {
  await set.close()
  rmSync(folder, { recursive: true, force: true })
})

/** What only the sealed contents of runs about the person hold. */
const SECRET = 'Zoe-Quillfeather-owes-nothing'
const PERSON = 'customer-4711'

interface Desk {
  readonly box: BenchBox
  readonly parts: ErasureParts
  readonly outside: Awaited<ReturnType<typeof set.bank>>
}

/** A box on a SQLite file whose workflow answers with its input, after a payment under a business identity of the tenant. */
async function desk(name = 'signalbox.db', approval = false, bank = set.bank()): Promise<Desk> {
  const outside = await bank
  const pay = payTool(outside, { effectKey: ({ to }) => ({ scope: 'tenant', key: to }) })
  const flow = oneNode(
    async (input, ctx) => ({ input, paid: (await ctx.call(pay, { to: 'bob', amount: 5 })).status }),
    {
      tools: [pay],
      name: 'desk',
    },
  )
  const store = await openSqliteStore({ path: join(folder, name), host: systemHost })
  const box = set.box({ workflows: [flow], store, ...(approval ? { policy: approvalPolicy() } : {}) })
  box.work()
  const vault = keyVault({ store, host: box.host, masterKey: new Uint8Array(32) })
  return { box, parts: { store, vault, host: box.host }, outside }
}

async function runAbout(box: BenchBox, subject: string): Promise<string> {
  const { runId } = await box.sb.runs.start({ workflow: 'desk', input: SECRET, principal: ANA, subject })
  return runId
}

function order(announced: unknown[] = [], over: Partial<ErasureOrder> = {}): ErasureOrder {
  return {
    tenant: 'acme',
    subject: PERSON,
    by: PAUL,
    reason: 'asked for it in writing',
    announce: async (erasure) => void announced.push(erasure),
    ...over,
  }
}

const files = (): string =>
  readdirSync(folder)
    .map((name) => readFileSync(join(folder, name), 'latin1'))
    .join('\n')

describe('erasing a person', () => {
  it('ERA-001, ERA-002: contents are gone from file, log and later backups; histories verify; another person keeps theirs', async () => {
    const { box, parts, outside } = await desk()
    const mine = await runAbout(box, PERSON)
    const other = await runAbout(box, 'customer-1')
    expect((await box.ended(mine)).output).toMatchObject({ input: SECRET })
    await box.ended(other)
    const sealed = (await box.store.records('acme', mine)).flatMap((each) => (each.sealed ? [each.sealed] : []))
    const wrapped = (await box.store.key('acme', PERSON))?.wrapped ?? new Uint8Array()
    const holds = (text: string, bytes: Uint8Array) => text.includes(Buffer.from(bytes).toString('latin1'))
    expect(sealed.length).toBeGreaterThan(3)
    expect(sealed.filter((each) => holds(files(), each.slice(20, 60))).length).toBeGreaterThan(0)
    const announced: Partial<Erasure>[] = []
    const report = await eraseSubject(parts, order(announced))
    expect(report).toMatchObject({ runs: 1, contents: sealed.length, already: 0 })
    expect(announced).toMatchObject([{ tenant: 'acme', by: PAUL.id, subject_digest: report.subjectDigest }])
    expect(JSON.stringify(announced)).not.toContain(PERSON)
    const copy = await backupSqlite(join(folder, 'signalbox.db'), join(folder, 'copy.db'))
    expect(copy.failedRuns).toEqual([])
    const text = files()
    for (const each of [...sealed, wrapped]) {
      expect(holds(text, each)).toBe(false)
      // Nor any part of it, such as what an overflow page would keep.
      for (let at = 0; at + 32 <= each.length; at += 16) expect(holds(text, each.slice(at, at + 32))).toBe(false)
    }
    const records = await box.sb.runs.records('acme', mine)
    expect(records.at(-1)).toMatchObject({
      type: 'subject.erased',
      keep: 'metadata',
      by: PAUL,
      reason: 'asked for it in writing',
      subject_digest: report.subjectDigest,
    })
    expect(JSON.stringify(records.at(-1))).not.toContain(PERSON)
    expect(auditRun(await box.store.records('acme', mine), await box.row(mine))).toMatchObject({ verified: true })
    const told = explain(records, { now: box.host.now(), contents: () => null })
    expect(told.story.at(-1)?.text).toContain('were erased by `user:paul`')
    expect(told.story[0]?.text).toContain('content erased')
    expect((await box.ended(other)).output).toMatchObject({ input: SECRET })
    expect(outside.booked).toHaveLength(1)
  })

  it('ERA-003: afterwards nothing is read, restored, judged or sealed again, and no effect is repeated', async () => {
    const { box, parts, outside } = await desk()
    const mine = await runAbout(box, PERSON)
    await box.ended(mine)
    await eraseSubject(parts, order())
    const refused = { code: 'CONTENT_ERASED' }
    await expect(box.ended(mine)).rejects.toMatchObject(refused)
    await expect(box.sb.runs.restore({ runId: mine, seq: 1, by: PAUL, reason: 'again' })).rejects.toMatchObject(refused)
    const feedback = { runId: mine, verdict: 'accepted', by: PAUL, reason: 'well done' } as const
    await expect(box.sb.runs.feedback(feedback)).rejects.toMatchObject(refused)
    // A process that never had the key in memory cannot begin a run about the person either.
    await expect(
      box.another().sb.runs.start({ workflow: 'desk', input: 1, principal: ANA, subject: PERSON }),
    ).rejects.toMatchObject(refused)
    const again = await runAbout(box, 'customer-2')
    await box.until(async () => ((await box.row(again)).status === 'parked' ? true : null), 'a parked run')
    expect(await box.row(again)).toMatchObject({ code: 'CONTENT_ERASED' })
    expect(outside.booked).toHaveLength(1)
  })

  it('ERA-004: a plan tells what it would reach; open runs, an empty reason and one that names the person are refused, and nothing is destroyed', async () => {
    const { box, parts } = await desk('signalbox.db', true)
    const mine = await runAbout(box, PERSON)
    await box.asked()
    const plan = await planErasure(parts, { tenant: 'acme', subject: PERSON })
    expect(plan).toMatchObject({ erasedAt: null, open: [{ runId: mine }], runs: [{ runId: mine }] })
    expect(plan.contents).toBeGreaterThan(0)
    const announced: unknown[] = []
    const refusals: readonly [Partial<ErasureOrder>, string][] = [
      [{}, 'RUN_STATE'],
      [{ reason: '  ' }, 'INPUT_INVALID'],
      [{ reason: `${PERSON.toUpperCase()} wrote to us` }, 'INPUT_INVALID'],
      [{ subject: 'nobody' }, 'NOT_FOUND'],
      [{ subject: '$tenant' }, 'INPUT_INVALID'],
      [{ tenant: 'other' }, 'NOT_FOUND'],
    ]
    for (const [over, code] of refusals)
      await expect(eraseSubject(parts, order(announced, over))).rejects.toMatchObject({ code })
    expect(announced).toEqual([])
    expect((await box.store.key('acme', PERSON))?.wrapped).not.toBeNull()
    await box.decide('approved')
    expect((await box.ended(mine)).output).toMatchObject({ input: SECRET, paid: 'succeeded' })
  })

  it('ERA-005: what stops in the middle is done by the next order, and ordering it again changes nothing', async () => {
    const { box, parts } = await desk()
    const ids = [await runAbout(box, PERSON), await runAbout(box, PERSON)]
    for (const id of ids) await box.until(async () => ((await box.row(id)).leaseOwner === null ? true : null), 'rest')
    let commits = 0
    const store = faultStore(parts.store, ({ op }) =>
      op === 'commit' && ++commits === 2 ? { point: 'before_commit' } : null,
    )
    await expect(eraseSubject({ ...parts, store }, order())).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
    const kept = async () => await Promise.all(ids.map(async (id) => (await box.row(id)).kept ?? 'all'))
    expect((await kept()).sort()).toEqual(['all', 'metadata'])
    await box.host.advance(60_000)
    const announced: unknown[] = []
    expect(await eraseSubject(parts, order(announced))).toMatchObject({ runs: 1, already: 1 })
    expect(await kept()).toEqual(['metadata', 'metadata'])
    expect(await eraseSubject(parts, order(announced))).toMatchObject({ runs: 0, already: 2 })
    // The key was destroyed by the first order, which announced it.
    expect(announced).toEqual([])
    for (const id of ids)
      expect(auditRun(await box.store.records('acme', id), await box.row(id))).toMatchObject({ verified: true })
  })
})

describe('the log outside the database', () => {
  const key = signingKey(new Uint8Array(32).fill(7))
  const entry = { tenant: 'acme', subject_digest: 'd', key_id: 'k', by: PAUL.id, reason: 'asked' }

  it('ERA-006: an older copy that brings a person back is found without a key, and erased again', async () => {
    const { box, parts, outside } = await desk()
    const mine = await runAbout(box, PERSON)
    await box.ended(mine)
    await backupSqlite(join(folder, 'signalbox.db'), join(folder, 'older.db'))
    let text = ''
    const announce: ErasureOrder['announce'] = async (erasure) => {
      text += erasureLine(readErasures(text), { ...erasure, atMs: box.host.now() }, key)
    }
    await eraseSubject(parts, order([], { announce }))
    expect(text).not.toContain(PERSON)
    const { erasures, faults } = readErasures(text)
    expect([erasures.length, faults]).toEqual([1, []])
    expect(await returnedKeys(parts.store, erasures)).toEqual([])
    const older = await desk('older.db', false, Promise.resolve(outside))
    expect((await older.box.ended(mine)).output).toMatchObject({ input: SECRET })
    expect(await returnedKeys(older.parts.store, erasures)).toMatchObject([{ subject: PERSON }])
    expect(await reapplyErasures(older.parts, erasures)).toBe(1)
    expect(await returnedKeys(older.parts.store, erasures)).toEqual([])
    const fresh = older.box.another()
    await expect(fresh.ended(mine)).rejects.toMatchObject({ code: 'CONTENT_ERASED' })
    expect((await older.box.records(mine)).at(-1)).toMatchObject({ type: 'subject.erased', by: { id: PAUL.id } })
    expect(await reapplyErasures(older.parts, erasures)).toBe(0)
  })

  it('ERA-007: a changed, dropped or added line is found; half a last line is left out', () => {
    let text = ''
    for (const atMs of [1, 2, 3]) text += erasureLine(readErasures(text), { ...entry, atMs }, key)
    expect(readErasures(text)).toMatchObject({ faults: [], erasures: [{ number: 1 }, { number: 2 }, { number: 3 }] })
    const lines = text.split('\n').slice(0, -1)
    const of = (changed: readonly (string | undefined)[]) =>
      readErasures(changed.map((each) => `${each}\n`).join('')).faults
    const [one = '', two = '', three = ''] = lines
    expect(of([one, two.replace('asked', 'aksed'), three])).toEqual([2, 3])
    expect(of([one, three])).toEqual([2])
    expect(of([one, '{}', two, three])).toEqual([2, 3, 4])
    expect(readErasures(text.slice(0, -5))).toMatchObject({ faults: [], erasures: [{ number: 1 }, { number: 2 }] })
  })
})

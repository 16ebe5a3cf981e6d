import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import type { HistoryPruned } from '../contracts/pruning.ts'
import type { Store, StoredRecord } from '../contracts/store.ts'
import { auditRun, explain } from '../observability/index.ts'
import { readRetention, retentionDefinition, unexplainedPruning } from '../reliability/retention.ts'
import { memoryStore, openSqliteStore } from '../stores/index.ts'
import { type BenchBox, benchSet, PAUL } from '../testing/bench-box.ts'
import { oneNode, payTool } from '../testing/engine-kit.ts'
import { faultStore } from '../testing/fault-store.ts'
import { skewedHost } from '../testing/skewed-host.ts'
import { applyRetention } from './retention.ts'

const DAY = 86_400_000
const set = benchSet()
const folder = mkdtempSync(join(tmpdir(), 'signalbox-retention-'))
afterEach(async () => {
  await set.close()
  rmSync(folder, { recursive: true, force: true })
})

const METADATA = readRetention([{ olderThanDays: 30, keep: 'metadata' }])
const NOTHING = readRetention([{ olderThanDays: 30, keep: 'nothing' }])

/** A box whose only workflow pays once for each word, by a business identity of the tenant. */
async function desk(store?: Store) {
  const outside = await set.bank()
  const host = skewedHost()
  const pay = payTool(outside, { effectKey: ({ to }) => ({ scope: 'tenant', key: to }) })
  const flow = oneNode(async (to, ctx) => (await ctx.call(pay, { to: String(to), amount: 5 })).status, {
    tools: [pay],
    name: 'desk',
  })
  const box = set.box({ workflows: [flow], host, ...(store ? { store } : {}) })
  box.work()
  return { box, outside, host }
}

/** Everything that the files of the folder hold. */
function bytes(): string {
  return readdirSync(folder)
    .map((name) => readFileSync(join(folder, name), 'latin1'))
    .join('\n')
}

async function audited(box: BenchBox, runId: string) {
  return auditRun(await box.store.records('acme', runId), await box.row(runId))
}

describe('rules of retention', () => {
  it('UPK-020: every fault of every rule is told at once, with its place', () => {
    const wrong = [
      { olderThanDays: 0, keep: 'metadata' },
      { olderThanDays: 1, keep: 'all' },
      { olderThanDays: 1, keep: 'nothing', status: ['running'], spare: 1 },
      { legalHold: true, keep: 'nothing' },
    ]
    let message = ''
    try {
      readRetention(wrong)
    } catch (thrown) {
      message = thrown instanceof Error ? thrown.message : ''
    }
    for (const place of ['0.olderThanDays', '1.keep', '2.status.0', '`retention.2`', '`retention.3`'])
      expect(message).toContain(place)
    expect(() => readRetention({})).toThrow(/must be a list/)
    expect(readRetention([{ legalHold: true }]).digest).toHaveLength(64)
  })
})

describe('pruning by policy', () => {
  it('UPK-021, STO-100: a run that ended long enough ago keeps its records without contents, verifies, and cannot go on', async () => {
    const { box, host } = await desk()
    const { runId } = await box.run('desk', 'ana')
    expect(await applyRetention(box.store, METADATA, host)).toMatchObject({ scanned: 1, pruned: { metadata: 0 } })
    await host.advance(31 * DAY)
    const report = await applyRetention(box.store, METADATA, host)
    expect(report).toMatchObject({ pruned: { metadata: 1, nothing: 0 }, kept: {}, more: false })
    const stored = await box.store.records('acme', runId)
    expect(stored.every((each) => each.sealed === null && each.body !== '')).toBe(true)
    expect(await audited(box, runId)).toMatchObject({ verified: true })
    const records = await box.records(runId)
    expect(records.at(-1)).toMatchObject({
      type: 'history.pruned',
      first_seq: 1,
      last_seq: stored.length - 1,
      keep: 'metadata',
      by: { id: 'service:retention', tenant: 'acme' },
      rule: { policy: METADATA.digest, index: 0 },
    })
    expect(await box.store.definition(retentionDefinition(METADATA.digest))).toBe(METADATA.text)
    const told = explain(records, { now: host.now() })
    expect(told.story.at(-1)?.text).toContain('under rule 0 of retention policy')
    expect(told.resume).toHaveLength(1)
    const [first] = records
    expect(await box.sb.runs.restorePoints('acme', runId)).toEqual([])
    const restore = box.sb.runs.restore({ runId, seq: first?.seq ?? 1, by: PAUL, reason: 'try again' })
    await expect(restore).rejects.toMatchObject({ code: 'CONTENT_ERASED' })
    const feedback = box.sb.runs.feedback({ runId, verdict: 'accepted', by: PAUL, reason: 'fine' })
    await expect(feedback).rejects.toMatchObject({ code: 'CONTENT_ERASED' })
    // What is done stays done: nothing more is due.
    expect(await applyRetention(box.store, METADATA, host)).toMatchObject({ pruned: { metadata: 0, nothing: 0 } })
  })

  it('UPK-022: `nothing` leaves hashes and markers, the history verifies, and the same effect is not done again', async () => {
    const path = join(folder, 'signalbox.db')
    const { box, outside, host } = await desk(await openSqliteStore({ path, host: skewedHost() }))
    const { runId } = await box.run('desk', 'secret-payee')
    expect(outside.booked).toHaveLength(1)
    const before = await box.store.records('acme', runId)
    await host.advance(31 * DAY)
    await applyRetention(box.store, METADATA, host)
    expect(bytes()).toContain('activity.intent')
    await applyRetention(box.store, NOTHING, host)
    const after = await box.store.records('acme', runId)
    expect(after.map(({ seq, hash }) => [seq, hash]).slice(0, before.length)).toEqual(
      before.map(({ seq, hash }) => [seq, hash]),
    )
    expect(after.filter((each) => each.body !== '').map((each) => each.type)).toEqual([
      'history.pruned',
      'history.pruned',
    ])
    expect(await audited(box, runId)).toMatchObject({ verified: true })
    const text = bytes()
    expect(text).not.toContain(JSON.stringify({ type: 'activity.intent' }).slice(1, -1))
    expect(text).not.toContain('"argsDigest"')
    expect(before.every((each) => !text.includes(each.body))).toBe(true)
    expect(explain(await box.sb.runs.records('acme', runId), { now: host.now() })).toMatchObject({
      status: expect.stringContaining('was completed and then pruned'),
      state: 'completed',
    })
    await expect(box.ended(runId)).rejects.toMatchObject({ code: 'CONTENT_ERASED' })
    // The ledger is left: another run that asks for the same effect does not send it.
    const again = await box.start('desk', 'secret-payee')
    await box.until(async () => ((await box.row(again)).status === 'parked' ? true : null), 'a parked run')
    expect(await box.row(again)).toMatchObject({ code: 'CONTENT_ERASED' })
    expect(outside.booked).toHaveLength(1)
  })

  it('UPK-023: a run under legal hold, with an open effect, an open question, an unread row, or a live fork keeps all', async () => {
    const { box, host } = await desk()
    const ids: string[] = []
    for (const name of ['held', 'effect', 'question', 'unread', 'parent']) ids.push((await box.run('desk', name)).runId)
    const [held = '', effect = '', question = '', unread = '', parent = ''] = ids
    await host.advance(31 * DAY)
    const inner = box.store
    const open = { state: 'open' as const }
    // What the engine would need a crash for is put into the answers of the store.
    const store: Store = Object.create(inner, {
      runEffects: {
        value: async (tenant: string, id: string) =>
          (await inner.runEffects(tenant, id)).map((row) => (id === effect ? { ...row, state: 'unknown' } : row)),
      },
      requests: { value: async (filter: { runId?: string }) => (filter.runId === question ? [open] : []) },
      inbox: { value: async (_tenant: string, id: string) => (id === unread ? [open] : []) },
      forks: { value: async (_tenant: string, id: string) => (id === parent ? ['run_fork'] : []) },
      run: {
        value: async (tenant: string, id: string) =>
          id === 'run_fork' ? { ...(await inner.run(tenant, parent)), runId: id } : inner.run(tenant, id),
      },
    })
    for (const name of ['tenants', 'runs', 'records', 'claim', 'commit', 'putDefinition'] as const)
      Object.defineProperty(store, name, { value: inner[name].bind(inner) })
    const policy = readRetention([
      { olderThanDays: 30, keep: 'nothing' },
      { runs: [held], legalHold: true },
    ])
    const report = await applyRetention(store, policy, host)
    expect(report.pruned).toEqual({ metadata: 0, nothing: 0 })
    expect(Object.fromEntries(report.keptRuns.map((each) => [each.runId, each.reason]))).toEqual({
      [held]: 'legal_hold',
      [effect]: 'open_effect',
      [question]: 'open_question',
      [unread]: 'unread',
      [parent]: 'fork_needs_it',
    })
    for (const id of ids) expect((await box.row(id)).kept).toBeUndefined()
  })

  it('UPK-024: a dry run tells the same and changes nothing; limits and batches hold', async () => {
    const { box, host } = await desk()
    for (const name of ['a', 'b', 'c', 'd', 'e']) await box.run('desk', name)
    await host.advance(31 * DAY)
    const before = await box.store.export(0, 1_000)
    const dry = await applyRetention(box.store, METADATA, host, { dryRun: true })
    expect(dry).toMatchObject({ dryRun: true, pruned: { metadata: 5 } })
    expect(await box.store.export(0, 1_000)).toEqual(before)
    expect(await box.store.definition(retentionDefinition(METADATA.digest))).toBeNull()
    const first = await applyRetention(box.store, METADATA, host, { maxRuns: 3, batch: 2 })
    expect([first.pruned.metadata, first.more]).toEqual([3, true])
    const rest = await applyRetention(box.store, METADATA, host, { maxRuns: 3, batch: 2 })
    expect([rest.pruned.metadata, rest.more]).toEqual([2, false])
  })

  it('UPK-025: a commit that fails or whose answer is lost prunes whole runs or none, and the next call goes on', async () => {
    for (const point of ['before_commit', 'disk_full', 'after_commit_lost_ack'] as const) {
      const { box, host } = await desk(memoryStore())
      const ids = [(await box.run('desk', 'a')).runId, (await box.run('desk', 'b')).runId]
      await host.advance(31 * DAY)
      const faulty = faultStore(box.store, ({ op }) => (op === 'commit' ? { point } : null))
      await expect(applyRetention(faulty, NOTHING, host, { batch: 1 })).rejects.toMatchObject({
        code: point === 'disk_full' ? 'STORE_FULL' : 'STORE_UNAVAILABLE',
      })
      for (const id of ids) expect(await audited(box, id)).toMatchObject({ verified: true })
      // The lease of the call that failed runs out by itself.
      await host.advance(60_000)
      await applyRetention(box.store, NOTHING, host)
      for (const id of ids) {
        expect((await box.row(id)).kept).toBe('nothing')
        expect(await audited(box, id)).toMatchObject({ verified: true })
      }
    }
  })
})

describe('planted faults', () => {
  async function pruned() {
    const { box, host } = await desk()
    const { runId } = await box.run('desk', 'ana')
    await host.advance(31 * DAY)
    await applyRetention(box.store, NOTHING, host)
    return { box, runId, records: await box.store.records('acme', runId), row: await box.row(runId) }
  }

  it('AUD-020: what is left of a pruned history is vouched for: a changed hash, a dropped row, a cut tail, a changed marker', async () => {
    const { records, row } = await pruned()
    expect(auditRun(records, row)).toMatchObject({ verified: true })
    const at3 = (over: Partial<StoredRecord>) => records.map((each) => (each.seq === 3 ? { ...each, ...over } : each))
    const faults = [
      [at3({ hash: 'f'.repeat(64) }), 'marker'],
      [at3({ type: 'run.waiting' }), 'marker'],
      [records.filter((each) => each.seq !== 3), 'sequence'],
      [records.slice(0, -1), 'removed_body'],
      [records.slice(0, -1), 'tail'],
      [records.map((each) => ({ ...each, body: each.body.replace('"nothing"', '"metadata"') })), 'removed_body'],
      [records.map((each) => ({ ...each, body: '' })), 'removed_body'],
    ] as const
    for (const [tampered, kind] of faults)
      expect(auditRun(tampered, row).findings.map((each) => each.kind)).toContain(kind)
  })

  it('AUD-021: bodies that are removed without a marker are found', async () => {
    const { box } = await desk()
    const { runId } = await box.run('desk', 'ana')
    const records = (await box.store.records('acme', runId)).map((each) => ({ ...each, body: '' }))
    const report = auditRun(records, await box.row(runId))
    expect(report.findings.map((each) => each.kind)).toContain('removed_body')
  })

  it('AUD-022: a marker that no policy on record asks for is found', async () => {
    const { box, runId, row } = await pruned()
    const marker = await lastMarker(box, runId)
    const other = readRetention([{ olderThanDays: 30, keep: 'nothing', workflow: 'other' }])
    expect(unexplainedPruning(marker, row, NOTHING.text)).toBeNull()
    expect(unexplainedPruning(marker, row, null)).toContain('not on record')
    expect(unexplainedPruning(marker, row, METADATA.text)).toContain('not the one that it names')
    const naming = (digest: string, over: Partial<HistoryPruned> = {}): HistoryPruned => ({
      ...marker,
      ...over,
      rule: { policy: digest, index: 0 },
    })
    expect(unexplainedPruning(naming(other.digest), row, other.text)).toContain('not about this run')
    expect(unexplainedPruning(naming(METADATA.digest), row, METADATA.text)).toContain('keeps something else')
    expect(unexplainedPruning(naming(NOTHING.digest, { ended_at: marker.at }), row, NOTHING.text)).toContain('not due')
    const hold = readRetention([{ legalHold: true }])
    expect(unexplainedPruning(naming(hold.digest), row, hold.text)).toContain('prunes nothing')
  })
})

async function lastMarker(box: BenchBox, runId: string): Promise<HistoryPruned> {
  const records = await box.sb.runs.records('acme', runId)
  const marker = records.at(-1)
  if (marker?.type !== 'history.pruned') throw new Error('there is no marker')
  return marker
}

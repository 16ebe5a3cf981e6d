/** The database of version 0.2.0, opened by today's code. Each test works on a copy of its own. */
import { createHash } from 'node:crypto'
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { auditRun, createReplayer, explain, loadBundle, renderExplanation } from '../../src/index.ts'
import { hostAt } from './desk.ts'
import { type GoldenBox, goldenOrders, openOrders, ordersPolicy, PAUL, TENANT } from './orders.ts'
import { OrdersManifest } from './orders-manifest.ts'

const FOLDER = join(import.meta.dirname, 'v0.2.0')
const manifest = OrdersManifest.parse(JSON.parse(readFileSync(join(FOLDER, 'manifest.json'), 'utf8')))
const RUNS = Object.entries(manifest.runs)

const closing: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

async function open(options: { work: boolean }): Promise<GoldenBox> {
  const folder = mkdtempSync(join(tmpdir(), 'golden-orders-'))
  const file = join(folder, 'signalbox.db')
  copyFileSync(join(FOLDER, 'signalbox.db'), file)
  const key = Buffer.from(manifest.master_key_for_tests_only, 'base64')
  const made = await openOrders(file, hostAt(manifest.closed_at + 1_000), key)
  const worker = options.work ? made.box.work({ pollMs: 5, worker: 'today' }) : null
  closing.push(async () => {
    await worker?.stop()
    await made.box.close()
    rmSync(folder, { recursive: true, force: true })
  })
  return made
}

describe('the golden database v0.2.0', () => {
  it('UPG-012: is the file of its manifest, and its workflow has the definition of its runs', async () => {
    const bytes = readFileSync(join(FOLDER, 'signalbox.db'))
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(manifest.file_sha256)
    const { box, definition } = await open({ work: false })
    expect(definition).toBe(manifest.definition)
    expect((await box.runs.get(TENANT, manifest.runs.waiting)).signature).toBe(definition)
  })

  it('UPG-013: each history verifies and is told; the pruned and the erased run say so', async () => {
    const { box, store } = await open({ work: false })
    const states: Record<string, string> = {}
    for (const [name, runId] of RUNS) {
      const row = await box.runs.get(TENANT, runId)
      const { findings } = auditRun(await store.records(TENANT, runId), { seq: row.seq, head: row.head })
      expect({ name, findings }).toEqual({ name, findings: [] })
      const told = explain(await box.runs.records(TENANT, runId), { now: manifest.closed_at })
      expect(renderExplanation(told)).toContain('## What happened')
      states[name] = row.kept === undefined ? row.status : `${row.status}, ${row.kept}`
    }
    expect(states).toMatchObject({ pruned: 'completed, metadata', waiting: 'waiting', inside: 'waiting' })
    expect(Object.values(states).filter((state) => state.startsWith('completed'))).toHaveLength(8)
    const types = async (runId: string) => (await box.runs.records(TENANT, runId)).map((record) => record.type)
    expect(await types(manifest.runs.pruned)).toContain('history.pruned')
    expect(await types(manifest.runs.restored)).toContain('branch.started')
    expect(await types(manifest.runs.completed)).toContain('budget.slice')
    const [forked] = await box.runs.records(TENANT, manifest.runs.forked)
    expect(forked).toMatchObject({ type: 'run.started', parent: { run: manifest.runs.completed }, build: {} })
    expect((await store.schedules(TENANT)).map((row) => row.name)).toEqual(['nightly'])
    expect((await box.runs.outerBudgets(TENANT)).length).toBeGreaterThan(0)
  })

  it('UPG-014: each run that has its contents is replayed without a difference, and can go on', async () => {
    const { store, vault } = await open({ work: false })
    const policy = loadBundle(ordersPolicy())
    const replayer = createReplayer({ store, vault, policy, workflows: [goldenOrders([])], mode: 'production' })
    for (const [name, runId] of RUNS) {
      const { end, difference, why, cannotGoOn, flipped } = await replayer.run(TENANT, runId)
      const gone = name === 'pruned' || name === 'erased'
      expect({ name, end, difference, cannotGoOn, flipped }).toEqual({
        ...{ name, difference: null, cannotGoOn: null, flipped: 0 },
        end: gone ? 'skipped' : 'same',
      })
      expect(why?.code ?? null).toBe(gone ? 'CONTENT_ERASED' : null)
    }
  })

  it('UPG-015: the port and the approval inside the nested scope are answered, and both runs end', async () => {
    const { box, booked } = await open({ work: true })
    const { waiting, inside } = manifest.runs
    const [asked] = await box.runs.requests({ tenant: TENANT, runId: waiting, state: 'open', limit: 5 })
    const order = { id: 'later', amount_minor: 100, ask: true }
    await box.runs.respond({ requestId: asked?.id ?? '', value: order, by: PAUL })
    const [row] = await box.runs.requests({ tenant: TENANT, runId: inside, state: 'open', limit: 5 })
    const { packet, packetHash } = await box.runs.request(TENANT, row?.id ?? '')
    expect(packet).toMatchObject({ summary: 'Pay large' })
    const approval = { approvalId: row?.id ?? '', answer: 'approved' as const, by: PAUL, seen: packetHash }
    await box.runs.decide({ ...approval, reason: 'seen and judged' })
    expect(await box.runs.wait(TENANT, waiting)).toMatchObject({ output: 'checked later, receipt of later' })
    expect(await box.runs.wait(TENANT, inside)).toMatchObject({ output: 'checked large, receipt of large' })
    expect([...booked].sort()).toEqual(['pay large', 'pay later'])
  })

  it('UPG-016: a run is restored, and another forked; what was paid is not paid again', async () => {
    const { box, booked } = await open({ work: true })
    const { completed, asked } = manifest.runs
    const seqOf = async (runId: string) =>
      (await box.runs.restorePoints(TENANT, runId)).find((point) => point.superstep === 1)?.seq ?? 0
    await box.runs.restore({ runId: completed, seq: await seqOf(completed), by: PAUL, reason: 'upgrade test' })
    const fork = { runId: asked, seq: await seqOf(asked), by: PAUL, reason: 'upgrade test' }
    const { runId: forked } = await box.runs.fork(fork)
    expect(await box.runs.wait(TENANT, completed)).toMatchObject({ status: 'completed' })
    expect(['waiting', 'completed']).toContain((await box.runs.wait(TENANT, forked, { untilWaiting: true })).status)
    expect(booked).toEqual([])
  })
})

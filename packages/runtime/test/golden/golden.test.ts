/** Databases of earlier versions, opened by today's code. Each test works on a copy of its own. */
import { createHash } from 'node:crypto'
import { copyFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, describe, expect, it } from 'vitest'
import {
  type AuditReport,
  auditRun,
  explain,
  type RestorePoint,
  type RunResult,
  renderExplanation,
} from '../../src/index.ts'
import { type GoldenDesk, hostAt, openDesk, PAUL, TENANT } from './desk.ts'
import { type GoldenRuns, Manifest } from './manifest.ts'

/** Those of the first frozen workflow. */
const VERSIONS = readdirSync(import.meta.dirname).filter((name) => /^v0\.1\./.test(name))

const closing: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

interface Opened extends GoldenDesk {
  readonly runs: GoldenRuns
  readonly file: string
}

function manifestOf(version: string) {
  return Manifest.parse(JSON.parse(readFileSync(join(import.meta.dirname, version, 'manifest.json'), 'utf8')))
}

/** A copy of the database in a folder of its own. */
function copyOf(version: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'golden-'))
  closing.push(async () => rmSync(folder, { recursive: true, force: true }))
  const file = join(folder, 'signalbox.db')
  copyFileSync(join(import.meta.dirname, version, 'signalbox.db'), file)
  return file
}

/** Opens a copy an instant after the original was closed, so that no deadline in it has passed. */
async function open(version: string, options: { work: boolean; file?: string }): Promise<Opened> {
  const manifest = manifestOf(version)
  const file = options.file ?? copyOf(version)
  const key = Buffer.from(manifest.master_key_for_tests_only, 'base64')
  const desk = await openDesk(file, hostAt(manifest.closed_at + 1_000), key)
  const worker = options.work ? desk.box.work({ pollMs: 5, worker: 'today' }) : null
  closing.push(async () => {
    await worker?.stop()
    await desk.box.close()
  })
  return { ...desk, runs: manifest.runs, file }
}

async function audit({ box }: Opened, runId: string): Promise<AuditReport> {
  const row = await box.runs.get(TENANT, runId)
  return auditRun(await box.store.records(TENANT, runId), { seq: row.seq, head: row.head })
}

async function findingsOfAll(desk: Opened): Promise<Record<string, AuditReport['findings']>> {
  const reports = Object.entries(desk.runs).map(
    async ([name, runId]) => [name, (await audit(desk, runId)).findings] as const,
  )
  return Object.fromEntries(await Promise.all(reports))
}

async function pointsOf({ box }: Opened, runId: string): Promise<readonly RestorePoint[]> {
  return box.runs.restorePoints(TENANT, runId)
}

async function restore(desk: Opened, runId: string, point: RestorePoint | undefined): Promise<RunResult> {
  if (!point) throw new Error('the run has no such restore point')
  await desk.box.runs.restore({ runId, seq: point.seq, by: PAUL, reason: 'upgrade test' })
  return desk.box.runs.wait(TENANT, runId)
}

const clean = (runs: GoldenRuns) => Object.fromEntries(Object.keys(runs).map((name) => [name, []]))

describe('golden databases', () => {
  it('UPG-001: there is one of version 0.1.0', () => {
    expect(VERSIONS).toContain('v0.1.0')
  })
})

describe.each(VERSIONS)('the golden database %s', (version) => {
  it('UPG-002: its workflow still has the signature that the runs were started with', async () => {
    const desk = await open(version, { work: false })
    expect(desk.signature).toBe(manifestOf(version).signature)
    const row = await desk.box.runs.get(TENANT, desk.runs.waiting)
    expect(row.signature).toBe(desk.signature)
  })

  it('UPG-003: the history of each run verifies, and opening it changes nothing', async () => {
    const desk = await open(version, { work: false })
    expect(await findingsOfAll(desk)).toEqual(clean(desk.runs))
    const counts = await Promise.all(Object.values(desk.runs).map(async (id) => (await audit(desk, id)).records))
    expect(Math.min(...counts)).toBeGreaterThan(5)
  })

  it('UPG-003: a changed byte in it is found', async () => {
    const file = copyOf(version)
    const db = new DatabaseSync(file)
    const changed = db
      .prepare(`UPDATE records SET body = replace(body, 'user:paul', 'user:eve') WHERE type = 'approval.decided'`)
      .run()
    db.close()
    expect(Number(changed.changes)).toBeGreaterThan(0)
    const desk = await open(version, { work: false, file })
    const { restored, ...others } = await findingsOfAll(desk)
    expect(restored?.map((finding) => finding.kind)).toContain('hash')
    expect(Object.values(others).flat()).toEqual([])
  })

  it('UPG-004: each run is told with its state, and its contents open', async () => {
    const desk = await open(version, { work: false })
    const states: Record<string, string> = {}
    for (const [name, runId] of Object.entries(desk.runs)) {
      const records = await desk.box.runs.records(TENANT, runId)
      const told = explain(records, { now: manifestOf(version).closed_at })
      expect(renderExplanation(told)).toContain('## What happened')
      states[name] = told.state
      expect(told.state).toBe((await desk.box.runs.get(TENANT, runId)).status)
    }
    expect(states).toEqual({
      completed: 'completed',
      waiting: 'waiting',
      out_of_budget: 'stopped',
      restored: 'completed',
      in_doubt: 'waiting',
      erased: 'completed',
    })
    const result = await desk.box.runs.wait(TENANT, desk.runs.completed)
    expect(result.output).toEqual({ id: 'small', end: 'paid' })
  })

  it('UPG-005: the waiting approval shows what it showed, is given, and the payment happens once', async () => {
    const desk = await open(version, { work: true })
    const { runs } = desk.box
    const runId = desk.runs.waiting
    const [row] = await runs.requests({ tenant: TENANT, runId, state: 'open', limit: 5 })
    if (!row) throw new Error('the waiting run has no open approval')
    const shown = await runs.request(TENANT, row.id)
    expect(shown.packet).toMatchObject({ summary: 'Pay request large', requested_by: 'user:ana' })
    await runs.decide({
      approvalId: row.id,
      answer: 'approved',
      by: PAUL,
      reason: 'fine by me',
      seen: shown.packetHash,
    })
    const result = await runs.wait(TENANT, runId)
    expect(result).toMatchObject({ status: 'completed', output: { id: 'large', end: 'paid' } })
    expect(desk.booked).toEqual(['pay large'])
    expect((await audit(desk, runId)).findings).toEqual([])
  })

  it('UPG-006: the completed run is restored to a barrier; its payment is not made again', async () => {
    const desk = await open(version, { work: true })
    const runId = desk.runs.completed
    const barrier = (await pointsOf(desk, runId)).find((point) => point.kind === 'superstep' && point.superstep === 1)
    expect(barrier?.laterEffects.map((effect) => effect.tool)).toEqual(['payments.pay'])
    const result = await restore(desk, runId, barrier)
    expect(result).toMatchObject({ status: 'completed', output: { id: 'small', end: 'paid' } })
    expect(desk.booked).toEqual([])
    expect((await audit(desk, runId)).findings).toEqual([])
  })

  it('UPG-006: and to a save point inside the agent', async () => {
    const desk = await open(version, { work: true })
    const runId = desk.runs.completed
    const savePoint = (await pointsOf(desk, runId)).find((point) => point.kind === 'save_point')
    const result = await restore(desk, runId, savePoint)
    expect(result).toMatchObject({ status: 'completed', output: { id: 'small', end: 'paid' } })
    expect(desk.booked).toEqual([])
    const later = await desk.box.runs.records(TENANT, runId, { after: (savePoint?.seq ?? 0) + 1 })
    const branch = later.findIndex((record) => record.type === 'branch.started')
    const asked = later
      .slice(branch)
      .filter((record) => record.type === 'activity.intent' && record.proposal.kind === 'model')
    // Two turns were left after the first save point; the first turn is not asked again.
    expect(asked).toHaveLength(2)
  })

  it('UPG-007: the effect in doubt is settled by a person, and the run goes on', async () => {
    const desk = await open(version, { work: true })
    const { runs } = desk.box
    const runId = desk.runs.in_doubt
    const [row] = await runs.requests({ tenant: TENANT, runId, state: 'open', limit: 5 })
    expect(row).toMatchObject({ kind: 'question', tool: 'mail.send' })
    await runs.answer({ questionId: row?.id ?? '', answer: 'happened', by: PAUL, reason: 'it is in the outbox' })
    const result = await runs.wait(TENANT, runId)
    expect(result).toMatchObject({ status: 'completed', output: { id: 'lost', end: 'paid' } })
    expect(desk.booked).toEqual(['pay lost'])
    expect((await audit(desk, runId)).findings).toEqual([])
  })

  it('UPG-008: the run without budget stays stopped; a restore gives none back', async () => {
    const desk = await open(version, { work: true })
    const runId = desk.runs.out_of_budget
    const before = await desk.box.runs.wait(TENANT, runId)
    expect(before.reason).toMatchObject({ kind: 'budget', code: 'BUDGET_EXHAUSTED' })
    const cost = (await desk.box.runs.get(TENANT, runId)).costNanoUsd
    const result = await restore(desk, runId, (await pointsOf(desk, runId)).at(-1))
    expect(result).toMatchObject({ status: 'stopped', reason: { kind: 'budget' } })
    expect((await desk.box.runs.get(TENANT, runId)).costNanoUsd).toBe(cost)
  })

  it('UPG-009: what was erased stays erased, and its history verifies', async () => {
    const desk = await open(version, { work: false })
    const [started] = await desk.box.runs.records(TENANT, desk.runs.erased, { types: ['run.started'] })
    const contents = desk.box.runs.contents(TENANT, desk.runs.erased)
    const input = started?.type === 'run.started' ? started.input : { s: 1, i: 0, h: '' }
    await expect(contents.then((reader) => reader.read(input))).rejects.toMatchObject({ code: 'CONTENT_ERASED' })
    expect((await audit(desk, desk.runs.erased)).findings).toEqual([])
  })

  it('UPG-010: another master key opens nothing', async () => {
    const manifest = manifestOf(version)
    const desk = await openDesk(copyOf(version), hostAt(manifest.closed_at), new Uint8Array(32))
    closing.push(() => desk.box.close())
    await expect(desk.box.runs.contents(TENANT, manifest.runs.completed)).rejects.toMatchObject({ code: 'KEY_MISSING' })
  })

  it('UPG-011: no content stands in it in clear; names, ids and amounts of cost do', () => {
    const bytes = readFileSync(join(import.meta.dirname, version, 'signalbox.db'), 'latin1')
    for (const content of [
      'receipt of',
      'Pay request',
      'rejected by mistake',
      'seen and judged',
      'Look the request up',
    ])
      expect(bytes.includes(content), content).toBe(false)
    for (const name of ['payments.pay', 'user:paul', 'cost_nano_usd']) expect(bytes.includes(name), name).toBe(true)
  })

  it('UPG-001: the committed file is the one that was made, and whole', () => {
    const file = join(import.meta.dirname, version, 'signalbox.db')
    expect(existsSync(`${file}-wal`)).toBe(false)
    expect(createHash('sha256').update(readFileSync(file)).digest('hex')).toBe(manifestOf(version).file_sha256)
    const db = new DatabaseSync(copyOf(version))
    expect(db.prepare('PRAGMA integrity_check').get()).toEqual({ integrity_check: 'ok' })
    db.close()
  })
})

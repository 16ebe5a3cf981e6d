/**
 * Makes the golden database of version 0.2.0:
 * `node --conditions=signalbox-source packages/runtime/test/golden/make-orders.ts`. Made once; one that is there is not
 * replaced.
 */
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { applyRetention, eraseSubject, keepAlive, readRetention, sleep, systemHost } from '../../src/index.ts'
import { hostAt } from './desk.ts'
import { ANA, type GoldenBox, type GoldenOrder, OLGA, openOrders, PAUL, TENANT } from './orders.ts'
import type { OrdersManifest } from './orders-manifest.ts'

const DAY_MS = 86_400_000
const START = Date.parse('2026-02-02T09:00:00Z')
const FOLDER = join(import.meta.dirname, 'v0.2.0')
const FILE = join(FOLDER, 'signalbox.db')

if (existsSync(FILE)) throw new Error(`${FILE} is there already; a golden database is never made again`)
const release = keepAlive()
mkdirSync(FOLDER, { recursive: true })
try {
  await make()
} catch (thrown) {
  rmSync(FOLDER, { recursive: true })
  throw thrown
} finally {
  release()
}

async function make(): Promise<void> {
  const masterKey = systemHost.randomBytes(32)
  const pruned = await withBox(START, masterKey, (at) => run(at, order('old'), 'completed'))
  const host = hostAt(START + 3 * DAY_MS)
  const box = await openOrders(FILE, host, masterKey)
  const rules = readRetention([{ workflow: 'golden-orders', olderThanDays: 1, keep: 'metadata' }])
  const { pruned: counts } = await applyRetention(box.store, rules, host)
  if (counts.metadata !== 1) throw new Error('the old run was not pruned')
  await schedule(box, host.now())
  const worker = box.box.work({ pollMs: 5, worker: 'golden' })
  const runs = { pruned, ...(await play(box, host)) }
  await worker.stop()
  await box.box.close()
  pack()
  const manifest: OrdersManifest = {
    format: '0.2.0',
    file_sha256: createHash('sha256').update(readFileSync(FILE)).digest('hex'),
    master_key_for_tests_only: Buffer.from(masterKey).toString('base64'),
    closed_at: host.now(),
    definition: box.definition,
    runs,
  }
  writeFileSync(join(FOLDER, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`)
}

async function withBox<T>(start: number, key: Uint8Array, use: (box: GoldenBox) => Promise<T>): Promise<T> {
  const box = await openOrders(FILE, hostAt(start), key)
  const worker = box.box.work({ pollMs: 5, worker: 'golden' })
  try {
    return await use(box)
  } finally {
    await worker.stop()
    await box.box.close()
  }
}

function order(id: string, more: Partial<GoldenOrder> = {}): GoldenOrder {
  return { id, amount_minor: 4_200, ask: false, ...more }
}

async function play(at: GoldenBox, host: ReturnType<typeof hostAt>): Promise<Omit<OrdersManifest['runs'], 'pruned'>> {
  const completed = await run(at, order('small'), 'completed')
  const asked = await askedRun(at)
  const waiting = await run(at, order('later', { ask: true }), 'waiting')
  const inside = await run(at, order('large', { amount_minor: 420_000 }), 'waiting')
  const forked = await forkOf(at, completed)
  const restored = await restoredRun(at)
  const undone = await run(at, order('wrong'), 'completed')
  const compensation = await compensationOf(at, undone)
  const erased = await run(at, order('gone'), 'completed', 'person:eva')
  const by = { ...OLGA }
  const announce = (): Promise<void> => Promise.resolve()
  await eraseSubject(
    { store: at.store, vault: at.vault, host },
    { tenant: TENANT, subject: 'person:eva', by, reason: 'she asked for it', announce },
  )
  return { completed, asked, waiting, inside, forked, restored, undone, compensation, erased }
}

async function run({ box }: GoldenBox, input: GoldenOrder, end: string, subject?: string): Promise<string> {
  const request = { workflow: 'golden-orders', input, principal: ANA, ...(subject === undefined ? {} : { subject }) }
  const { runId } = await box.runs.start(request)
  await until(async () => (await box.runs.get(TENANT, runId)).status === end, `${input.id} to be ${end}`)
  if (end === 'waiting')
    await until(async () => (await openRequests(box, runId)).length > 0, `${input.id} to ask somebody`)
  return runId
}

async function until(look: () => Promise<boolean>, what: string): Promise<void> {
  for (let n = 0; n < 2_000; n++) {
    if (await look()) return
    await sleep(systemHost, 10)
  }
  throw new Error(`waited in vain for ${what}`)
}

function openRequests(box: GoldenBox['box'], runId: string) {
  return box.runs.requests({ tenant: TENANT, runId, state: 'open', limit: 5 })
}

/** A port was answered, and a payment above the limit approved inside the nested scope. */
async function askedRun(at: GoldenBox): Promise<string> {
  const runId = await run(at, order('asked', { ask: true }), 'waiting')
  await respond(at, runId, order('asked', { amount_minor: 50_000 }))
  await until(async () => (await openRequests(at.box, runId)).some((row) => row.kind === 'approval'), 'an approval')
  const [row] = await openRequests(at.box, runId)
  const { packetHash } = await at.box.runs.request(TENANT, row?.id ?? '')
  await at.box.runs.decide({
    approvalId: row?.id ?? '',
    answer: 'approved',
    by: PAUL,
    reason: 'seen and judged',
    seen: packetHash,
  })
  await ended(at, runId)
  return runId
}

async function respond({ box }: GoldenBox, runId: string, value: GoldenOrder): Promise<void> {
  const [row] = await openRequests(box, runId)
  await box.runs.respond({ requestId: row?.id ?? '', value, by: PAUL })
}

async function ended({ box }: GoldenBox, runId: string): Promise<void> {
  const { status } = await box.runs.wait(TENANT, runId)
  if (status !== 'completed') throw new Error(`run ${runId} is ${status}`)
}

async function barrierOf({ box }: GoldenBox, runId: string, superstep: number): Promise<number> {
  const points = await box.runs.restorePoints(TENANT, runId)
  const found = points.find((point) => point.kind !== 'save_point' && point.superstep === superstep)
  if (!found) throw new Error(`run ${runId} has no barrier ${superstep}`)
  return found.seq
}

/** A fork from before the payment, which is answered from the ledger. */
async function forkOf(at: GoldenBox, parent: string): Promise<string> {
  const seq = await barrierOf(at, parent, 1)
  const { runId } = await at.box.runs.fork({ runId: parent, seq, by: PAUL, reason: 'looked at again' })
  await ended(at, runId)
  return runId
}

async function restoredRun(at: GoldenBox): Promise<string> {
  const runId = await run(at, order('again'), 'completed')
  await at.box.runs.restore({ runId, seq: await barrierOf(at, runId, 1), by: PAUL, reason: 'done again' })
  await ended(at, runId)
  return runId
}

async function compensationOf(at: GoldenBox, undone: string): Promise<string> {
  const { runId } = await at.box.runs.compensate({ runId: undone, by: OLGA, reason: 'it was the wrong order' })
  await ended(at, runId)
  return runId
}

/** A schedule as a server leaves it: decided up to a time, with one firing. */
async function schedule({ store }: GoldenBox, now: number): Promise<void> {
  const row = {
    ...{ tenant: TENANT, name: 'nightly', revision: 1, paused: true, decidedThrough: now, updatedAt: now },
    definition: '{"do":{"job":"report"},"name":"nightly"}',
    updatedBy: OLGA.id,
  }
  const firing = {
    ...{ tenant: TENANT, schedule: 'nightly', id: `slot-${now}`, dueAt: now, attempt: 1, epoch: 0, runId: null },
    ...{ code: null, detail: 'done', by: 'schedule', startedAt: now, endedAt: now },
    kind: 'slot' as const,
    state: 'succeeded' as const,
  }
  const result = await store.commitSchedule({ lease: null, expectRevision: 0, row, firings: [firing], keep: null })
  if (result !== 'committed') throw new Error(`the schedule was not stored: ${result}`)
}

/** One small file: nothing is left in the write-ahead log, and no free pages. */
function pack(): void {
  const db = new DatabaseSync(FILE)
  db.exec('VACUUM')
  db.exec('PRAGMA wal_checkpoint(TRUNCATE)')
  db.close()
  for (const suffix of ['-wal', '-shm']) rmSync(FILE + suffix, { force: true })
}

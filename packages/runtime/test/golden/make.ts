/**
 * Makes the golden database of this version: `node --conditions=signalbox-source packages/runtime/test/golden/make.ts`.
 * Run once for each release whose stored format differs from the one before; a database that is there is not replaced.
 */
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { keepAlive, RUNTIME_VERSION, sleep, systemHost } from '../../src/index.ts'
import { ANA, type GoldenDesk, type GoldenRequest, hostAt, openDesk, PAUL, TENANT } from './desk.ts'
import type { GoldenRuns } from './manifest.ts'

/** When the history in the file begins. */
const START = Date.parse('2026-01-05T09:00:00Z')
const FOLDER = join(import.meta.dirname, `v${RUNTIME_VERSION}`)
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
  const host = hostAt(START)
  const masterKey = systemHost.randomBytes(32)
  const desk = await openDesk(FILE, host, masterKey)
  const worker = desk.box.work({ pollMs: 5, worker: 'golden' })
  const runs = await play(desk)
  await worker.stop()
  await desk.box.close()
  pack()
  const manifest = {
    runtime_version: RUNTIME_VERSION,
    file_sha256: createHash('sha256').update(readFileSync(FILE)).digest('hex'),
    master_key_for_tests_only: Buffer.from(masterKey).toString('base64'),
    closed_at: host.now(),
    signature: desk.signature,
    runs,
  }
  writeFileSync(join(FOLDER, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`)
}

async function play(desk: GoldenDesk): Promise<GoldenRuns> {
  const completed = await run(desk, { id: 'small', amount_minor: 4_200, task: 'pay' }, 'completed')
  const waiting = await run(desk, { id: 'large', amount_minor: 420_000, task: 'pay' }, 'waiting')
  const outOfBudget = await run(desk, { id: 'endless', amount_minor: 1, task: 'loop' }, 'stopped')
  const restored = await restoredRun(desk)
  const inDoubt = await runInDoubt(desk)
  const erased = await run(desk, { id: 'gone', amount_minor: 100, task: 'pay' }, 'completed', 'person:eva')
  await desk.vault.destroySubject(TENANT, 'person:eva')
  return { completed, waiting, out_of_budget: outOfBudget, restored, in_doubt: inDoubt, erased }
}

async function run({ box }: GoldenDesk, input: GoldenRequest, end: string, subject?: string): Promise<string> {
  const request = { workflow: 'golden-desk', input, principal: ANA, ...(subject === undefined ? {} : { subject }) }
  const result = await box.run(request)
  if (result.status !== end) throw new Error(`${input.id} is \`${result.status}\` and should be \`${end}\``)
  return result.runId
}

/** Rejected at first, then taken back to the first barrier, where the same approval is asked anew and given. */
async function restoredRun(desk: GoldenDesk): Promise<string> {
  const { runs } = desk.box
  const runId = await run(desk, { id: 'again', amount_minor: 50_000, task: 'pay' }, 'waiting')
  await answer(desk, runId, 'rejected')
  await runs.wait(TENANT, runId)
  const barrier = (await runs.restorePoints(TENANT, runId)).find((point) => point.superstep === 1)
  if (!barrier) throw new Error('the run has no first barrier')
  await runs.restore({ runId, seq: barrier.seq, by: PAUL, reason: 'rejected by mistake' })
  await runs.wait(TENANT, runId, { untilWaiting: true })
  await answer(desk, runId, 'approved')
  const result = await runs.wait(TENANT, runId)
  if (result.status !== 'completed') throw new Error(`the restored run is \`${result.status}\``)
  return runId
}

async function answer({ box }: GoldenDesk, runId: string, what: 'approved' | 'rejected'): Promise<void> {
  const [row] = await box.runs.requests({ tenant: TENANT, runId, state: 'open', limit: 1 })
  if (!row) throw new Error(`run ${runId} has no open approval`)
  const { packetHash } = await box.runs.request(TENANT, row.id)
  await box.runs.decide({ approvalId: row.id, answer: what, by: PAUL, reason: 'seen and judged', seen: packetHash })
}

async function runInDoubt(desk: GoldenDesk): Promise<string> {
  const { runs } = desk.box
  const runId = await run(desk, { id: 'lost', amount_minor: 100, task: 'mail' }, 'waiting')
  while ((await runs.requests({ tenant: TENANT, runId, state: 'open', limit: 1 })).length === 0)
    await sleep(systemHost, 50)
  return runId
}

/** One small file: nothing is left in the write-ahead log, and no free pages. */
function pack(): void {
  const db = new DatabaseSync(FILE)
  db.exec('VACUUM')
  db.exec('PRAGMA wal_checkpoint(TRUNCATE)')
  db.close()
  for (const suffix of ['-wal', '-shm']) rmSync(FILE + suffix, { force: true })
}

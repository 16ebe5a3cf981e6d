/** A desk over a real bank process, with a person who answers, for tests. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  auditRun,
  type ContentRef,
  type EffectLineage,
  type JsonValue,
  lineageOf,
  memoryStore,
  openSqliteStore,
  type PersonRequestRow,
  type Principal,
  type RunRecord,
  type RunResult,
  type Signalbox,
  sleep,
  systemHost,
} from 'signalbox'
import { Resolution } from '../src/case.ts'
import { type DeskOptions, intake, openDesk } from '../src/desk.ts'
import { ENVIRONMENT_ACCESS } from '../src/tools/index.ts'
import { makeWorldClient, makeWorldTestClient } from '../src/world/client.ts'
import { type SpawnedWorld, spawnWorld } from '../src/world/spawn.ts'

export const TENANT = 'acme'
const person = (name: string, ...roles: string[]): Principal => ({
  id: `user:${name}`,
  kind: 'user',
  tenant: TENANT,
  roles,
})
export const RITA = person('rita', 'requester', 'payables-clerk')
export const PAUL = person('paul', 'approver')

/** What Paul answers. By default he lets payments happen, which policy holds to the match, and nothing else. */
export type Answer = (row: PersonRequestRow) => 'approved' | 'rejected' | 'happened' | 'did_not' | 'stop'
export const onlyPayments: Answer = (row) => (row.class === 'payments.write' ? 'approved' : 'rejected')

/** A running desk with its world. */
export interface TestDesk {
  readonly signalbox: Signalbox
  readonly folder: string
  readonly world: SpawnedWorld
  readonly client: ReturnType<typeof makeWorldClient>
  readonly faults: ReturnType<typeof makeWorldTestClient>
  /** Takes the files in, and answers what is asked until every run has ended. Gives the runs in order. */
  process(files: readonly string[], answer?: Answer): Promise<CaseEnd[]>
  /** Answers what the runs ask until every one has ended. */
  settle(runIds: readonly string[], answer?: Answer): Promise<CaseEnd[]>
  stop(): Promise<void>
}

/** How one run ended, and what it asked people on the way. */
export interface CaseEnd {
  readonly runId: string
  readonly result: RunResult
  readonly records: readonly RunRecord[]
  readonly effects: readonly EffectLineage[]
  readonly asked: readonly PersonRequestRow[]
  readonly resolution: Resolution | null
  /** Findings of the audit of the stored bytes; empty when the history verifies. */
  readonly findings: readonly string[]
}

export interface TestDeskOptions extends Pick<DeskOptions, 'model' | 'models'> {
  readonly store?: 'memory' | 'sqlite'
  readonly inboxFolder?: string
  readonly timeoutSeconds?: number
}

export async function startDesk(options: TestDeskOptions = {}): Promise<TestDesk> {
  const { model, models, inboxFolder, timeoutSeconds = 5 } = options
  const folder = mkdtempSync(join(tmpdir(), 'desk-'))
  const world = await spawnWorld({ dataFolder: folder, testFaults: true, ...(inboxFolder ? { inboxFolder } : {}) })
  const host = systemHost
  const store =
    options.store === 'sqlite' ? await openSqliteStore({ path: join(folder, 'signalbox.db'), host }) : memoryStore(host)
  const signalbox = openDesk({
    store,
    masterKey: new Uint8Array(32).fill(7),
    access: { ...ENVIRONMENT_ACCESS, url: () => world.baseUrl, timeoutSeconds },
    ...(model ? { model } : {}),
    ...(models ? { models } : {}),
  })
  const worker = signalbox.work({ pollMs: 20, concurrency: 16 })
  const settle = (runIds: readonly string[], answer: Answer = onlyPayments) => settleAll(signalbox, runIds, answer)
  return {
    signalbox,
    folder,
    world,
    client: makeWorldClient(fetch, world.baseUrl),
    faults: makeWorldTestClient(fetch, world.baseUrl),
    process: async (files, answer) => settle(await intake(signalbox, files, RITA), answer),
    settle,
    stop: async () => {
      await worker.stop()
      await signalbox.close()
      await world.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Longer than this means that a run waits for what will not come. */
const LIMIT_MS = 90_000
const ENDED: ReadonlySet<string> = new Set(['completed', 'stopped', 'cancelled', 'terminated', 'parked'])

async function settleAll({ runs, store, host }: Signalbox, runIds: readonly string[], answer: Answer) {
  const answered = new Map<string, PersonRequestRow>()
  const open = new Set(runIds)
  const until = host.now() + LIMIT_MS
  while (open.size > 0) {
    if (host.now() > until) throw new Error(`still open: ${await statuses(runs, open)}`)
    for (const row of await runs.requests({ tenant: TENANT, state: 'open', limit: 500 })) {
      if (answered.has(row.id) || !open.has(row.runId)) continue
      answered.set(row.id, row)
      await answerOne(runs, row, answer(row))
    }
    for (const runId of open) if (ENDED.has((await runs.get(TENANT, runId)).status)) open.delete(runId)
    if (open.size > 0) await sleep(host, 20)
  }
  return Promise.all(
    runIds.map(async (runId): Promise<CaseEnd> => {
      const row = await runs.get(TENANT, runId)
      const result: RunResult =
        row.status === 'parked'
          ? { runId, status: 'parked', output: null, reason: null, undone: [], waitingOn: [], ending: null }
          : await runs.wait(TENANT, runId)
      const records = await runs.records(TENANT, runId)
      const { findings } = auditRun(await store.records(TENANT, runId, {}), { seq: row.seq, head: row.head })
      return {
        runId,
        result,
        records,
        effects: lineageOf(records),
        asked: [...answered.values()].filter((each) => each.runId === runId),
        resolution: Resolution.safeParse(result.output).data ?? null,
        findings: findings.map((each) => `${each.seq} ${each.kind}: ${each.detail}`),
      }
    }),
  )
}

async function statuses(runs: Signalbox['runs'], open: ReadonlySet<string>): Promise<string> {
  const rows = await Promise.all([...open].map((runId) => runs.get(TENANT, runId)))
  return rows.map((row) => `${row.requestId} ${row.status} ${row.code ?? ''}`).join(', ')
}

async function answerOne(runs: Signalbox['runs'], row: PersonRequestRow, answer: ReturnType<Answer>): Promise<void> {
  const { packetHash } = await runs.request(TENANT, row.id)
  const reason = 'answered by the test'
  if (answer === 'approved' || answer === 'rejected')
    await runs.decide({ approvalId: row.id, answer, by: PAUL, reason, seen: packetHash })
  else await runs.answer({ questionId: row.id, answer, by: PAUL, reason })
}

/** The values of the state fields at the last barrier, lists left out. */
export async function lastState({ runs }: Signalbox, end: CaseEnd): Promise<Record<string, JsonValue>> {
  const barrier = end.records.findLast((record) => record.type === 'superstep.completed')
  if (barrier?.type !== 'superstep.completed') throw new Error('the run has no barrier')
  const reader = await runs.contents(TENANT, end.runId)
  const state: Record<string, JsonValue> = {}
  for (const [name, ref] of Object.entries(barrier.checkpoint.state)) {
    if (ref !== null && !('list' in ref)) state[name] = await reader.read(ref satisfies ContentRef)
  }
  return state
}

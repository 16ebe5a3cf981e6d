import { existsSync } from 'node:fs'
import { join } from 'node:path'
import {
  auditHeads,
  auditSignedRun,
  type HeadFinding,
  type JudgedLeaf,
  judgeLeaf,
  olderDatabase,
  openSqliteStore,
  PRUNING_TYPES,
  prunedThrough,
  returnedKeys,
  type SignedLeaf,
  type Store,
  type StoredRun,
  systemHost,
  type VerifierKey,
} from 'signalbox'
import { DATABASE } from '../dev/compose.ts'
import type { EnvValues } from '../project.ts'
import { erasureLogPath, readErasureLog, unloggedErasures, unloggedText } from '../erasure/log.ts'
import { disclosureLogPath, readDisclosures } from '../evidence/disclosures.ts'
import { headsDirOf, publicKeyPath, readHeads, readPublicKey } from './files.ts'

/** What a check of a store against its tree heads found. Field names are those of the terminal's JSON. */
export interface TreeHeadsCheck {
  readonly ok: boolean
  /** Name of the key that the heads were checked with. */
  readonly key: string
  readonly heads: number
  /** Number and time (ISO 8601) of the last valid head, or null. */
  readonly last: {
    readonly number: number
    readonly time: string
    readonly runs: number
    readonly records: number
  } | null
  /** Records of the store that no head covers yet. */
  readonly uncovered_records: number
  readonly findings: readonly {
    readonly kind:
      | HeadFinding['kind']
      | 'forged_erasure'
      | 'forged_disclosure'
      | 'erasure_undone'
      | 'erasure_log_missing'
    readonly head: number | null
    readonly run_id: string | null
    readonly seq: number | null
    readonly detail: string
  }[]
}

/** Where the heads, their public key and the data are. */
export interface TreeHeadsPlace {
  readonly dataDir: string
  readonly headsDir?: string
  readonly publicKeyPath?: string
  readonly env: EnvValues
}

/**
 * Checks the database of a data folder against its tree heads, reading files and stored bytes itself: no server, no project.
 * With `runId`, findings of other runs are left out. Null when the folder has no database, or never had tree heads and none
 * were named. Throws CONFIG_INVALID without a public key, and the store's codes.
 */
export async function checkTreeHeads(place: TreeHeadsPlace, runId?: string): Promise<TreeHeadsCheck | null> {
  const { dataDir, env } = place
  const dir = place.headsDir ?? headsDirOf(dataDir, env)
  const keyPath = place.publicKeyPath ?? publicKeyPath(dataDir)
  const database = join(dataDir, DATABASE)
  const named = place.headsDir !== undefined || place.publicKeyPath !== undefined
  if (!existsSync(database) || !(named || existsSync(dir) || existsSync(keyPath))) return null
  const key = readPublicKey(keyPath)
  const store = await openSqliteStore({ path: database, host: systemHost })
  try {
    const check = await verifyTreeHeads({ store, dir, key }, runId)
    const findings = [
      ...check.findings,
      ...(await erasureFindings(store, erasureLogPath(dataDir, env))),
      ...disclosureFindings(disclosureLogPath(dataDir, env)),
    ]
    return { ...check, ok: findings.length === 0, findings }
  } finally {
    await store.close()
  }
}

/** What is wrong between the log of erased persons and the store. */
function disclosureFindings(path: string): TreeHeadsCheck['findings'] {
  const place = { head: null, run_id: null, seq: null, kind: 'forged_disclosure' as const }
  return readDisclosures(path).faults.map((line) => ({
    ...place,
    detail: `line ${line} of \`${path}\` is not as it was signed, or does not continue the one before`,
  }))
}

async function erasureFindings(
  store: Pick<Store, 'keys' | 'tenants'>,
  path: string,
): Promise<TreeHeadsCheck['findings']> {
  const { erasures, faults } = readErasureLog(path)
  const place = { head: null, run_id: null, seq: null }
  const returned = await returnedKeys(store, erasures)
  const unlogged = await unloggedErasures(store, { erasures })
  return [
    ...(unlogged === 0
      ? []
      : [{ ...place, kind: 'erasure_log_missing' as const, detail: unloggedText(unlogged, path) }]),
    ...faults.map((line) => ({
      ...place,
      kind: 'forged_erasure' as const,
      detail: `line ${line} of the log of erased persons is not as it was signed, or does not continue the one before`,
    })),
    ...returned.map(({ erasure }) => ({
      ...place,
      kind: 'erasure_undone' as const,
      detail: `the person ${erasure.subject_digest} was erased at ${erasure.at}, and their key is in the store again`,
    })),
  ]
}

/** Checks any store against the heads of a folder. The heads are read first: what is stored meanwhile is not missed. */
export async function verifyTreeHeads(
  { store, dir, key }: { store: Pick<Store, 'run' | 'records' | 'stats'>; dir: string; key: VerifierKey },
  runId?: string,
): Promise<TreeHeadsCheck> {
  const files = readHeads(dir)
  const { findings: inFiles, last, signed } = auditHeads(files, key)
  const inStore: HeadFinding[] = []
  const judged: JudgedLeaf[] = []
  for (const leaves of byRun(signed)) {
    const stored = await storedRun(store, leaves)
    inStore.push(...auditSignedRun(leaves, stored))
    for (const leaf of leaves) judged.push(judgeLeaf(leaf, stored))
  }
  const older = olderDatabase(judged)
  const findings = [...inFiles, ...(older ? [older] : []), ...inStore]
    .filter((each) => runId === undefined || each.runId === null || each.runId === runId)
    .map(({ kind, head, runId: run, seq, detail }) => ({ kind, head, run_id: run, seq, detail }))
  const { records } = await store.stats()
  const head = last?.head
  return {
    ok: findings.length === 0,
    key: key.name,
    heads: files.filter((each) => each.note !== null).length,
    last: head ? { number: head.number, time: head.time, runs: head.size, records: head.records } : null,
    uncovered_records: Math.max(0, records - (head?.records ?? 0)),
    findings,
  }
}

async function storedRun(store: Pick<Store, 'run' | 'records'>, leaves: readonly SignedLeaf[]): Promise<StoredRun> {
  const newest = leaves.at(-1)
  const row = newest ? await store.run(newest.tenant, newest.runId) : null
  if (!newest || !row) return { rowSeq: null, records: [], prunedThrough: 0 }
  const { tenant, runId } = newest
  const [records, markers] = await Promise.all([
    store.records(tenant, runId, { through: newest.seq }),
    store.records(tenant, runId, { types: PRUNING_TYPES }),
  ])
  return { rowSeq: row.seq, records, prunedThrough: prunedThrough(markers, newest) }
}

function idOf({ tenant, runId }: SignedLeaf): string {
  return JSON.stringify([tenant, runId])
}

/** The signed leaves of each run, in order of their sequences. */
function byRun(signed: readonly SignedLeaf[]): Iterable<SignedLeaf[]> {
  const runs = new Map<string, SignedLeaf[]>()
  for (const leaf of signed) {
    const leaves = runs.get(idOf(leaf)) ?? []
    const before = leaves.at(-1)
    if (before?.seq !== leaf.seq || before.head !== leaf.head) leaves.push(leaf)
    runs.set(idOf(leaf), leaves)
  }
  return runs.values()
}

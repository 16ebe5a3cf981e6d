/** Erasing one person (ENGINE R16): the key of their contents is destroyed, and what was sealed under it with it. */
import { SignalboxError } from '../base/errors.ts'
import type { Host } from '../base/host.ts'
import type { Principal } from '../contracts/common.ts'
import type { RunRow, Store } from '../contracts/store.ts'
import type { Vault } from '../contracts/vault.ts'
import { type Erasure, keyIdOf } from '../reliability/erasure-log.ts'
import { isEnded } from '../reliability/run-machine.ts'
import { claimRun, pruningCommit } from './marker.ts'

/** What an erasure works with. */
export interface ErasureParts {
  readonly store: Store
  readonly vault: Vault
  readonly host: Host
}

/** Who is to be erased. */
export interface ErasureSubject {
  readonly tenant: string
  readonly subject: string
}

/** What an erasure would reach. */
export interface ErasurePlan {
  /** Keyed digest of the person's id: how records name them. */
  readonly subjectDigest: string
  /** The hash by which the log outside names the person's key; null when there is none, or none any more. */
  readonly keyId: string | null
  /** Milliseconds since 1970 when the key was destroyed, or null. */
  readonly erasedAt: number | null
  /** Runs about the person, newest first. */
  readonly runs: readonly RunRow[]
  /** Of them those that have not ended: they stand against it. */
  readonly open: readonly RunRow[]
  /** Records that hold sealed contents. */
  readonly contents: number
}

/** An order to erase a person. */
export interface ErasureOrder extends ErasureSubject {
  readonly by: Principal
  /** Why; must not name the person. */
  readonly reason: string
  /** Puts the erasure on record outside the database; called before anything is destroyed. */
  readonly announce: (erasure: Pick<Erasure, 'tenant' | 'subject_digest' | 'key_id' | 'by' | 'reason'>) => Promise<void>
}

/** What an erasure did. */
export interface ErasureReport {
  readonly subjectDigest: string
  /** Runs whose contents were destroyed, with a marker in each. */
  readonly runs: number
  readonly contents: number
  /** Runs that were erased or pruned to their hashes before. */
  readonly already: number
}

const PAGE = 200
const LEAST_REASON = 3

/** What erasing a person would reach. Changes nothing. Throws INPUT_INVALID for a subject that is none. */
export async function planErasure(parts: ErasureParts, { tenant, subject }: ErasureSubject): Promise<ErasurePlan> {
  const { store } = parts
  const runs = await runsOf(store, tenant, subject)
  const key = await store.key(tenant, subject)
  if (!key && runs.length === 0)
    throw new SignalboxError(
      'NOT_FOUND',
      `nothing is on record about \`${subject}\`: give the id that runs were started with`,
    )
  let contents = 0
  for (const row of runs)
    for (const record of await store.records(tenant, row.runId)) if (record.sealed !== null) contents++
  const sealer = await parts.vault.sealer(tenant, subject)
  return {
    subjectDigest: sealer.digest(subject),
    keyId: key?.wrapped ? keyIdOf(key.wrapped) : null,
    erasedAt: key?.destroyedAt ?? null,
    runs,
    open: runs.filter((row) => !isEnded(row.status)),
    contents,
  }
}

/**
 * Erases a person: announces it outside the database, destroys the key, and destroys what was sealed under it run by run,
 * with a marker `subject.erased` in each history, which stays verifiable (Invariants 9, 14). Refused with RUN_STATE while
 * a run about them is open. A crash leaves some of it done; ordering it again does the rest. Digests and the ledger of
 * effects stay, so that nothing is done twice. Throws INPUT_INVALID for a reason that says nothing or names the person.
 */
export async function eraseSubject(parts: ErasureParts, order: ErasureOrder): Promise<ErasureReport> {
  const { tenant, subject, by } = order
  const reason = checkReason(order)
  const plan = await planErasure(parts, order)
  if (plan.open.length > 0)
    throw new SignalboxError(
      'RUN_STATE',
      `${plan.open.length} runs about this person have not ended: let them end, or cancel them, and order it again`,
      { details: { open_runs: plan.open.slice(0, 100).map((row) => row.runId) } },
    )
  if (plan.keyId !== null)
    await order.announce({ tenant, subject_digest: plan.subjectDigest, key_id: plan.keyId, by: by.id, reason })
  await parts.vault.destroySubject(tenant, subject)
  let runs = 0
  for (const row of plan.runs)
    if (await eraseRun(parts, row, { by, reason, subject_digest: plan.subjectDigest })) runs++
  return { subjectDigest: plan.subjectDigest, runs, contents: plan.contents, already: plan.runs.length - runs }
}

function checkReason({ reason, subject }: ErasureOrder): string {
  const text = reason.trim()
  if (text.length < LEAST_REASON)
    throw new SignalboxError('INPUT_INVALID', `\`reason\` must say why, in at least ${LEAST_REASON} characters`)
  if (text.toLowerCase().includes(subject.toLowerCase()))
    throw new SignalboxError('INPUT_INVALID', '`reason` must not name the person: it stays on record for good')
  return text
}

interface ErasureWords {
  readonly by: Principal
  readonly reason: string
  readonly subject_digest: string
}

/** False when nothing was left to destroy in it. Throws RUN_STATE when somebody works on it. */
async function eraseRun(
  { store, host }: Pick<ErasureParts, 'store' | 'host'>,
  row: RunRow,
  words: ErasureWords,
): Promise<boolean> {
  const { tenant, runId } = row
  if (row.kept === 'nothing') return false
  const [before] = await store.records(tenant, runId, { types: ['subject.erased'], limit: 1 })
  if (before) return false
  const claimed = await claimRun(store, host, row, 'erasure')
  const commit =
    claimed && (await pruningCommit(store, host, claimed, 'metadata', { type: 'subject.erased', ...words }))
  const [result] = commit ? await store.commit([commit]) : []
  if (result?.status === 'committed') return true
  throw new SignalboxError(
    'RUN_STATE',
    `run \`${runId}\` is being worked on; the rest is erased when you order it again`,
  )
}

/** Runs about a person, newest first. */
async function runsOf(store: Pick<Store, 'runs'>, tenant: string, subject: string): Promise<readonly RunRow[]> {
  const all: RunRow[] = []
  for (;;) {
    const last = all.at(-1)
    const page = await store.runs({ tenant, subject, limit: PAGE, ...(last ? { before: last } : {}) })
    all.push(...page)
    if (page.length < PAGE) return all
  }
}

/** A key that should be gone and is in the store: an older copy of it was brought back. */
export interface ReturnedKey {
  readonly erasure: Erasure
  readonly subject: string
}

/** Keys of erased persons that are in the store again, by the log outside. Needs no master key. */
export async function returnedKeys(
  store: Pick<Store, 'keys'>,
  erasures: readonly Erasure[],
): Promise<readonly ReturnedKey[]> {
  const found: ReturnedKey[] = []
  for (const [tenant, own] of Map.groupBy(erasures, (each) => each.tenant)) {
    const byKey = new Map(own.map((erasure) => [erasure.key_id, erasure]))
    for (const { subject, wrapped } of await store.keys(tenant)) {
      const erasure = wrapped ? byKey.get(keyIdOf(wrapped)) : undefined
      if (erasure) found.push({ erasure, subject })
    }
  }
  return found
}

/**
 * Erases again who was erased after a store's copy was made. The markers name who ordered it then. Open runs about such a
 * person keep their records and can no longer be read: they park. Returns how many persons there were.
 */
export async function reapplyErasures(
  parts: Pick<ErasureParts, 'store' | 'host'> & { readonly vault: Pick<Vault, 'destroySubject'> },
  erasures: readonly Erasure[],
): Promise<number> {
  const returned = await returnedKeys(parts.store, erasures)
  for (const { erasure, subject } of returned) {
    const { tenant, subject_digest, reason } = erasure
    await parts.vault.destroySubject(tenant, subject)
    const by: Principal = { id: erasure.by, kind: 'user', tenant, roles: [] }
    for (const row of await runsOf(parts.store, tenant, subject))
      if (isEnded(row.status)) await eraseRun(parts, row, { by, reason, subject_digest })
  }
  return returned.length
}

/** A recorded run with its forks and compensations, taken apart so that many like it can be made. */
import { canonicalJson, parseJson } from '../../base/json.ts'
import type { AdoptedRun, RunRow, Store, StoredRecord } from '../../contracts/store.ts'
import type { Sealer, Vault } from '../../contracts/vault.ts'
import { rollHead } from '../../engine/contents.ts'
import { decodeRecord } from '../../reliability/chain.ts'
import { traceIdOf } from '../../base/trace-id.ts'
import { idempotencyKey } from '../../reliability/keys.ts'
import { type Cut, Tokens } from './tokens.ts'

/** Sealed texts of a record or inbox row: how they read, and the tokens that are their hashes. */
export interface SealedTexts {
  readonly texts: readonly Cut[]
  readonly hashes: readonly number[]
}

/** A stored record taken apart. */
export interface RecordTemplate {
  readonly type: StoredRecord['type']
  readonly body: Cut
  /** The token that is its hash. */
  readonly hash: number
  readonly sealed: SealedTexts | null
  /** Lists that it appends to: the head before, the hashes that are added, the head after. */
  readonly rolls: readonly {
    readonly before: number | null
    readonly items: readonly number[]
    readonly head: number
  }[]
}

/** A run of the family taken apart. Row, ledger, requests and inbox are one text of JSON. */
export interface RunTemplate {
  readonly row: RunRow
  readonly records: readonly RecordTemplate[]
  readonly beside: Cut
  readonly inbox: readonly (SealedTexts | null)[]
  readonly trace: number
  readonly id: number
  /** Whom it is about: often the family's first run itself. */
  readonly subject: Cut
}

/** Digests that are computed again: of a canonical text, under the tenant's key. */
export interface DerivedDigest {
  readonly slot: number
  readonly of: Cut
}

/** A family taken apart. */
export interface Family {
  readonly tenant: string
  readonly tokens: Tokens
  readonly runs: readonly RunTemplate[]
  readonly digests: readonly DerivedDigest[]
  readonly keys: readonly { readonly slot: number; readonly root: number; readonly ask: string }[]
  /** When its first run was started, in milliseconds since 1970, and how long it took. */
  readonly startedAt: number
  readonly tookMs: number
}

/** What of a run is stored beside its records. */
export type Beside = Pick<AdoptedRun, 'row' | 'effects' | 'requests' | 'inbox'>

type Members = readonly { readonly run: AdoptedRun; readonly sealer: Sealer }[]

/** Takes a family apart. The contents of its runs must be there. */
export async function takeApart(store: Store, vault: Vault, rows: readonly RunRow[], words: RegExp): Promise<Family> {
  const members = await Promise.all(rows.map((row) => memberOf(store, vault, row)))
  const tokens = new Tokens(words)
  for (const { run } of members) for (const { hash } of run.records) tokens.named(hash)
  const openings = members.map(({ run, sealer }) => run.records.map((one) => opened(tokens, sealer, one.sealed)))
  const runs = members.map((member, i) => runTemplate(tokens, member, openings[i] ?? []))
  const startedAt = Math.min(...rows.map((row) => row.createdAt))
  return {
    tenant: rows[0]?.tenant ?? '',
    tokens,
    runs,
    digests: derived(tokens, members),
    keys: keysOf(tokens, members),
    startedAt,
    tookMs: Math.max(...rows.map((row) => row.updatedAt)) - startedAt,
  }
}

async function memberOf(store: Store, vault: Vault, row: RunRow): Promise<Members[number]> {
  const { tenant, runId } = row
  const [records, effects, requests, inbox, sealer] = await Promise.all([
    store.records(tenant, runId),
    store.runEffects(tenant, runId),
    store.requests({ tenant, runId, limit: 1_000 }),
    store.inboxKept(tenant, runId),
    vault.sealer(tenant, row.subject),
  ])
  return { run: { row, records, effects, requests, inbox }, sealer }
}

interface Opened extends SealedTexts {
  readonly plain: readonly string[]
}

function opened(tokens: Tokens, sealer: Sealer, bytes: Uint8Array | null): Opened | null {
  if (bytes === null) return null
  const { texts, hashes } = sealer.openHashed(bytes)
  return { plain: texts, texts: texts.map((text) => tokens.cut(text)), hashes: hashes.map((one) => tokens.named(one)) }
}

function runTemplate(
  tokens: Tokens,
  { run, sealer }: Members[number],
  contents: readonly (Opened | null)[],
): RunTemplate {
  const { row, effects, requests, inbox } = run
  const trace = tokens.named(traceIdOf(row.runId))
  const records = run.records.map((one, i) => {
    const rolls = rollsIn(tokens, decodeRecord(one))
    const { type, body, hash } = one
    return { type, body: tokens.cut(body), hash: tokens.named(hash), sealed: contents[i] ?? null, rolls }
  })
  const inside = inbox.map((item) => opened(tokens, sealer, item.sealed))
  const plainInbox = inbox.map((item) => ({ ...item, sealed: null }))
  const beside: Beside = { row, effects, requests, inbox: plainInbox }
  const id = tokens.named(row.runId)
  const subject = tokens.cut(row.subject)
  return { row, records, beside: tokens.cut(JSON.stringify(beside)), inbox: inside, trace, id, subject }
}

interface AppendLike {
  readonly before: { readonly head: string }
  readonly items: readonly { readonly h: string }[]
}

function isAppend(value: object): value is AppendLike {
  return 'before' in value && 'items' in value && Array.isArray(value.items)
}

/** The appends of a record, wherever they stand in it. */
function rollsIn(tokens: Tokens, value: unknown): RecordTemplate['rolls'] {
  if (typeof value !== 'object' || value === null) return []
  if (!isAppend(value)) return Object.values(value).flatMap((each) => rollsIn(tokens, each))
  const head = rollHead(
    value.before.head,
    value.items.map((one) => one.h),
  )
  if (value.items.length === 0) return []
  const before = value.before.head === '' ? null : tokens.named(value.before.head)
  return [{ before, items: value.items.map((one) => tokens.named(one.h)), head: tokens.named(head) }]
}

/** Digests of arguments and of identities in the ledger, found by computing them. */
function derived(tokens: Tokens, members: Members): readonly DerivedDigest[] {
  const found: DerivedDigest[] = []
  const seen = new Set<number>()
  const offer = (text: string, sealer: Sealer): void => {
    const slot = tokens.slotOf(sealer.digest(text))
    if (slot === null || seen.has(slot)) return
    seen.add(slot)
    tokens.named(tokens.all[slot]?.text ?? '')
    found.push({ slot, of: tokens.cut(text) })
  }
  for (const { run, sealer } of members) {
    for (const { sealed } of run.records) {
      if (sealed === null) continue
      for (const text of sealer.openHashed(sealed).texts)
        if (text.startsWith('{')) offer(canonicalJson(parseJson(text, 'a content')), sealer)
    }
    for (const word of tokens.all.filter((one) => one.kind === 'word').map((one) => one.text)) offer(word, sealer)
    for (const { tenant, tool, scope, identity } of run.effects)
      offer(canonicalJson([tenant, tool, scope, identity]), sealer)
  }
  return found
}

/** Idempotency keys that follow from the family's first run and the place of the call. */
function keysOf(tokens: Tokens, members: Members): Family['keys'] {
  return members.flatMap(({ run }) =>
    run.effects.flatMap(({ rootRunId, askKey, idempotencyKey: key }) => {
      if (idempotencyKey(rootRunId, askKey, null) !== key) return []
      return [{ slot: tokens.named(key), root: tokens.named(rootRunId), ask: askKey }]
    }),
  )
}

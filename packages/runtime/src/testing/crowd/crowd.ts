/** Fills a store with many runs that are made of a few recorded ones. */
import { parseJson } from '../../base/json.ts'
import { isoTime } from '../../base/time.ts'
import { sha256Hex } from '../../base/hash.ts'
import type { AdoptedRun, RunRow, Store, StoredRecord } from '../../contracts/store.ts'
import type { Sealer, Vault } from '../../contracts/vault.ts'
import { rollHead } from '../../engine/contents.ts'
import { decodeRecord } from '../../reliability/chain.ts'
import { traceIdOf } from '../../base/trace-id.ts'
import { idempotencyKey } from '../../reliability/keys.ts'
import { SimRandom } from '../sim/random.ts'
import { type Beside, type Family, type RunTemplate, type SealedTexts, takeApart } from './family.ts'
import { filled, type Token } from './tokens.ts'

/** What is made, of what, and where. */
export interface CrowdOptions {
  /** Holds the recorded runs. Opened without flushes where that is possible: nothing here needs them. */
  readonly store: Store
  /** The keys of the recorded runs. The same bytes come out when its host gives the same random bytes. */
  readonly vault: Vault
  readonly tenant: string
  /** How many runs are made; some more when the last family is larger than what is left. */
  readonly runs: number
  readonly seed: number
  /** Words that must differ from run to run, such as `INV-\d+`: the digits at its end become another number. */
  readonly words: RegExp
  /** Starts are spread over the time before this moment, in milliseconds since 1970. */
  readonly until: number
  /** How far back the first start lies. Default 30 days. */
  readonly spreadMs?: number
  /** Told after every 1,000 runs. */
  readonly onProgress?: (made: number) => void
}

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz'
const MONTH_MS = 30 * 86_400_000
const TEN_YEARS_MS = 315_360_000_000
/** Numbers of new words begin here: recorded ones are lower. */
const FIRST_NUMBER = 1_000_000
const WORDS_OF_A_FAMILY = 100
/** Records and inbox of a run that was pruned or erased cannot be made again. */
const WHOLE = (row: RunRow): boolean => row.kept === undefined

/**
 * Makes runs like the ones that the store holds, through the `Store` port: other ids, times, words, keys and contents, with
 * hashes and chains computed anew. Histories verify and fold, lineage is complete, contents open. Argument digests, ledger
 * identities and idempotency keys are computed as the engine does; other keyed digests are made up, so that an open run of
 * the crowd can be looked at but not gone on with. Open ones sleep for ten years. Gives how many runs it made.
 */
export async function makeCrowd(options: CrowdOptions): Promise<number> {
  const { store, vault, tenant, runs, seed, words, onProgress } = options
  const families = await familiesOf(store, tenant)
  const templates: Family[] = []
  for (const rows of families) templates.push(await takeApart(store, vault, rows, words))
  if (templates.length === 0) throw new Error(`tenant ${tenant} has no whole run to make others of`)
  const random = new SimRandom(`crowd ${seed}`)
  let made = 0
  for (let i = 0; made < runs; i++) {
    const family = templates[i < templates.length ? i : random.between(0, templates.length - 1)]
    if (!family) break
    for (const run of await another(options, family, random, i)) {
      const { status } = await store.adopt(run)
      if (status !== 'adopted') throw new Error(`run ${run.row.runId} was not taken: ${status}`)
      made += 1
      if (made % 1_000 === 0) onProgress?.(made)
    }
  }
  return made
}

/** The runs of a tenant in families: a run with what was forked from it and what undid it, first ones first. */
async function familiesOf(store: Store, tenant: string): Promise<readonly (readonly RunRow[])[]> {
  const rows = [...(await store.runs({ tenant, limit: 10_000 }))].reverse()
  const families = new Map<string, RunRow[]>()
  const rootOf = new Map<string, string>()
  for (const row of rows) {
    const [first] = await store.records(tenant, row.runId, { limit: 1 })
    const started = first && WHOLE(row) ? decodeRecord(first) : null
    if (started?.type !== 'run.started') continue
    const from = started.parent?.run ?? started.compensates?.run
    const root = from === undefined ? row.runId : rootOf.get(from)
    if (root === undefined) continue
    rootOf.set(row.runId, root)
    families.set(root, [...(families.get(root) ?? []), row])
  }
  return [...families.values()]
}

/** One more family like this. */
async function another(
  { vault, tenant, until, spreadMs = MONTH_MS }: CrowdOptions,
  family: Family,
  random: SimRandom,
  number: number,
): Promise<readonly AdoptedRun[]> {
  const started = Math.trunc(until - family.tookMs - random.next() * spreadMs)
  const shift = started - family.startedAt
  let words = 0
  const values = family.tokens.all.map((token) => {
    if (token.kind === 'word') words += 1
    return newValue(token, { shift, random, word: FIRST_NUMBER + number * WORDS_OF_A_FAMILY + words })
  })
  for (const { id, trace, row } of family.runs) {
    values[id] = `${row.runId.slice(0, 4)}${idFrom(random, started)}`
    values[trace] = traceIdOf(values[id] ?? '')
  }
  for (const { slot, root, ask } of family.keys) values[slot] = idempotencyKey(values[root] ?? '', ask, null)
  const made: AdoptedRun[] = []
  for (const run of family.runs) {
    const sealer = await vault.sealer(tenant, filled(run.subject, values))
    // Digests are made with the tenant's key, whoever the run is about.
    if (made.length === 0) for (const { slot, of } of family.digests) values[slot] = sealer.digest(filled(of, values))
    made.push(runFrom(run, values, sealer, shift, number))
  }
  return made
}

function newValue(
  { text, kind }: Token,
  { shift, random, word }: { readonly shift: number; readonly random: SimRandom; readonly word: number },
): string {
  switch (kind) {
    case 'time':
      return isoTime(Date.parse(text) + shift)
    case 'word':
      return `${text.replace(/\d+$/, '')}${word}`
    case 'id':
      return `${text.slice(0, text.indexOf('_') + 1)}${idFrom(random, Date.parse('2026-01-01') + shift)}`
    case 'opaque':
      return randomText(random, 43)
    default:
      return text
  }
}

/** The form of ids: 10 characters of time, 13 by chance. */
function idFrom(random: SimRandom, time: number): string {
  let head = ''
  let rest = Math.max(0, time)
  for (let i = 0; i < 10; i++) {
    head = ALPHABET.charAt(rest % 32) + head
    rest = Math.floor(rest / 32)
  }
  return head + randomText(random, 13)
}

function randomText(random: SimRandom, length: number): string {
  let text = ''
  while (text.length < length) {
    let bits = random.bits()
    for (let i = 0; i < 6 && text.length < length; i++) {
      text += ALPHABET.charAt(bits & 31)
      bits >>>= 5
    }
  }
  return text
}

function runFrom(run: RunTemplate, values: string[], sealer: Sealer, shift: number, number: number): AdoptedRun {
  const contents = run.records.map(({ sealed }) => sealedFrom(sealed, values, sealer))
  const inside = run.inbox.map((each) => sealedFrom(each, values, sealer))
  const records = run.records.map((template, i): StoredRecord => {
    for (const { before, items, head } of template.rolls)
      values[head] = rollHead(
        before === null ? '' : (values[before] ?? ''),
        items.map((item) => values[item] ?? ''),
      )
    const body = filled(template.body, values)
    const hash = sha256Hex(body)
    values[template.hash] = hash
    return { seq: i + 1, type: template.type, body, hash, sealed: contents[i] ?? null }
  })
  // The text was made of exactly this shape.
  const beside = parseJson(filled(run.beside, values), 'a generated run') as unknown as Beside
  return besideFrom(beside, records, inside, shift, number)
}

function sealedFrom(sealed: SealedTexts | null, values: string[], sealer: Sealer): Uint8Array | null {
  if (sealed === null) return null
  const { bytes, hashes } = sealer.seal(sealed.texts.map((text) => filled(text, values)))
  sealed.hashes.forEach((slot, i) => {
    values[slot] = hashes[i] ?? ''
  })
  return bytes
}

function besideFrom(
  { row, effects, requests, inbox }: Beside,
  records: readonly StoredRecord[],
  inside: readonly (Uint8Array | null)[],
  shift: number,
  number: number,
): AdoptedRun {
  const moved = (at: number | null): number | null => (at === null ? null : at + shift)
  const createdAt = row.createdAt + shift
  return {
    row: {
      ...row,
      createdAt,
      updatedAt: row.updatedAt + shift,
      wakeAt: row.wakeAt === null ? null : createdAt + TEN_YEARS_MS,
      head: records.at(-1)?.hash ?? '',
      leaseOwner: null,
      leaseUntil: null,
    },
    records,
    effects,
    requests: requests.map((one) => ({
      ...one,
      requestedAt: one.requestedAt + shift,
      deadline: one.deadline + shift,
      decidedAt: moved(one.decidedAt),
    })),
    inbox: inbox.map((item, i) => ({
      ...item,
      id: `${item.id}-${number}`,
      sealed: inside[i] ?? null,
      createdAt: item.createdAt + shift,
    })),
  }
}

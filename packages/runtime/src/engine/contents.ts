import { SignalboxError } from '../base/errors.ts'
import { sha256Hex } from '../base/hash.ts'
import { type JsonValue, parseJson } from '../base/json.ts'
import type { ContentRef, Labels, ListAppend, ListRef } from '../contracts/common.ts'
import type { PositionSaved, RunUpgraded, SuperstepCompleted } from '../contracts/records.ts'
import type { ContentReader } from '../contracts/runtime.ts'
import type { Store, StoredRecord } from '../contracts/store.ts'
import type { Sealer, Vault } from '../contracts/vault.ts'
import { decodeRecord } from '../reliability/chain.ts'

/** An empty list. */
export function emptyList(labels: Labels): ListRef {
  return { list: true, at: null, length: 0, head: '', l: labels }
}

/** Rolling digest of a list after more items, each given by its own digest (ENGINE R8). */
export function rollHead(head: string, digests: readonly string[]): string {
  return digests.reduce((before, digest) => sha256Hex(`${before}${digest}`), head)
}

/** What a record appended to the list that is read, or null. */
type AppendOf = (record: PositionSaved | SuperstepCompleted | RunUpgraded) => ListAppend | null

type Opened = ReturnType<Sealer['openHashed']>

/**
 * Opens the sealed contents of one run, and remembers values for as long as somebody holds their reference. Contents of
 * a fork may lie with its ancestors: `r` in the reference says where.
 */
export class Contents implements ContentReader {
  private readonly values = new WeakMap<object, JsonValue>()
  private readonly opened = new Map<string, Opened>()
  private readonly store: Store
  private readonly vault: Vault
  private readonly tenant: string
  private readonly runId: string
  private readonly sealer: Sealer
  private held: StoredRecord | null = null

  constructor(parts: { store: Store; vault: Vault; tenant: string; runId: string; sealer: Sealer }) {
    this.store = parts.store
    this.vault = parts.vault
    this.tenant = parts.tenant
    this.runId = parts.runId
    this.sealer = parts.sealer
  }

  remember(ref: ContentRef, value: JsonValue): void {
    this.values.set(ref, value)
  }

  /** A record of the run that was read already: it is not read again for its contents. */
  hold(stored: StoredRecord): void {
    this.held = stored
  }

  /** The value behind a reference. Throws CONTENT_ERASED, and STORE_CORRUPT when it is not what the record's hash says. */
  async read(ref: {
    readonly s: number
    readonly i: number
    readonly h: string
    readonly r?: string
  }): Promise<JsonValue> {
    const known = this.values.get(ref)
    if (known !== undefined) return known
    const { texts, hashes } = await this.open(ref.r ?? this.runId, ref.s)
    const text = texts[ref.i]
    if (text === undefined || hashes[ref.i] !== ref.h)
      throw new SignalboxError(
        'STORE_CORRUPT',
        `content ${ref.i} of record ${ref.s} is not what the record says; run \`signalbox audit verify\``,
      )
    const value = parseJson(text, `content ${ref.i} of record ${ref.s}`)
    this.values.set(ref, value)
    return value
  }

  /** All items of a list, oldest first. */
  async readList(list: ListRef, appendOf: AppendOf): Promise<JsonValue[]> {
    return (await this.readItems(list, appendOf)).map((item) => item.value)
  }

  /**
   * The same with their references, found by walking back over its appends (ENGINE R8). Throws CONTENT_ERASED, and
   * STORE_CORRUPT when the records do not hold the whole list.
   */
  async readItems(
    list: ListRef,
    appendOf: AppendOf,
  ): Promise<{ readonly ref: ContentRef; readonly value: JsonValue }[]> {
    const parts: (readonly ContentRef[])[] = []
    let at = list.at
    // A record's references name another run only where that run is not its own.
    let run = list.r ?? this.runId
    while (at !== null) {
      const [stored] = await this.store.recordsAt(this.tenant, run, [at])
      const record = stored ? decodeRecord(stored) : null
      if (
        record?.type !== 'position.saved' &&
        record?.type !== 'superstep.completed' &&
        record?.type !== 'run.upgraded'
      )
        throw new SignalboxError('STORE_CORRUPT', `a list names record ${at}, which appends nothing`)
      const append = appendOf(record)
      if (!append) throw new SignalboxError('STORE_CORRUPT', `a list names record ${at}, which appends to another list`)
      const holder = run
      parts.push(holder === this.runId ? append.items : append.items.map((item) => ({ r: holder, ...item })))
      at = append.before.at
      run = append.before.r ?? run
    }
    const refs = parts.reverse().flat()
    if (refs.length !== list.length)
      throw new SignalboxError('STORE_CORRUPT', `a list of ${list.length} items has ${refs.length} on record`)
    const items: { readonly ref: ContentRef; readonly value: JsonValue }[] = []
    for (const ref of refs) items.push({ ref, value: await this.read(ref) })
    return items
  }

  private async open(runId: string, seq: number): Promise<Opened> {
    const key = `${runId}/${seq}`
    const known = this.opened.get(key)
    if (known) return known
    const held = runId === this.runId && this.held?.seq === seq ? this.held : null
    const stored = held ?? (await this.store.recordsAt(this.tenant, runId, [seq]))[0]
    if (!stored) throw new SignalboxError('STORE_CORRUPT', `record ${seq} is missing; run \`signalbox audit verify\``)
    const opened = (await this.sealerOf(runId)).openHashed(stored.sealed)
    // Only what was opened last is kept: values are remembered by their references.
    if (this.opened.size > 64) this.opened.clear()
    this.opened.set(key, opened)
    return opened
  }

  private async sealerOf(runId: string): Promise<Sealer> {
    if (runId === this.runId) return this.sealer
    const row = await this.store.run(this.tenant, runId)
    if (!row) throw new SignalboxError('CONTENT_ERASED', `run \`${runId}\` is gone, and its contents with it`)
    return this.vault.sealer(this.tenant, row.subject)
  }
}

import {
  auditHeads,
  type ExportedRecord,
  type HeadsReport,
  type Host,
  isoTime,
  type LeafSet,
  leavesText,
  noteHash,
  type RunLeaf,
  SignalboxError,
  type SigningKey,
  type Store,
  signHead,
  sleep,
  verifierKeyOf,
} from 'signalbox'
import { keepPublicKey, readHeads, writeHead } from './files.ts'

/** What a writer of tree heads works with. */
export interface TreeHeadOptions {
  readonly store: Pick<Store, 'export'>
  readonly host: Host
  readonly key: SigningKey
  /** Folder of the heads. */
  readonly dir: string
  /** Where the public key is written. */
  readonly publicKeyPath: string
  /** Seconds between two looks at the store. Default 30. */
  readonly everySeconds?: number
  readonly log: (line: string) => void
}

/** A writer at work. */
export interface TreeHeadWriter {
  /** Signs what was stored since the last head, and ends. */
  stop(): Promise<void>
}

const EVERY_SECONDS = 30
const PAGE = 500

/**
 * Signs where every run of the store stands, now, every so often when something was added, and at the end. What was added
 * is read by the export cursor, so a look without news costs one empty page. A head that cannot be written is tried
 * again; when the store no longer continues what was signed, the writer says so and signs nothing more.
 * Throws CONFIG_INVALID when the public key there is of another key, and the store's codes when it cannot be written.
 */
export function startTreeHeads(options: TreeHeadOptions): TreeHeadWriter {
  keepPublicKey(options.publicKeyPath, verifierKeyOf(options.key.publicKey))
  const stopping = new AbortController()
  const ended = writeUntil(options, stopping.signal)
  return {
    stop: async () => {
      stopping.abort()
      await ended
    },
  }
}

async function writeUntil(options: TreeHeadOptions, signal: AbortSignal): Promise<void> {
  const { host, log } = options
  const everyMs = (options.everySeconds ?? EVERY_SECONDS) * 1000
  let writer: Heads | null = null
  let told = ''
  for (let last = false; !last; ) {
    last = signal.aborted
    try {
      writer ??= await openHeads(options)
      await writer.write()
      told = ''
    } catch (cause) {
      const message = cause instanceof Error ? cause.message : String(cause)
      if (message !== told) log(`tree head not written: ${message}`)
      told = message
      if (cause instanceof SignalboxError && cause.code === 'AUDIT_FAILED') return
    }
    if (!last) await sleep(host, everyMs, signal)
  }
}

/** Heads that continue those of the folder. Throws AUDIT_FAILED when these, or the store, are not as they were signed. */
async function openHeads(options: TreeHeadOptions): Promise<Heads> {
  const files = readHeads(options.dir).filter((each) => each.note !== null)
  if (files.length === 0) return new Heads(options, null)
  const report = auditHeads(files, verifierKeyOf(options.key.publicKey))
  const [finding] = report.findings
  if (finding) throw discontinued(`head ${finding.head}: ${finding.kind}: ${finding.detail}`)
  const position = report.last?.head.position ?? 0
  const [record] = position === 0 ? [] : await options.store.export(position - 1, 1)
  const leaf = record && report.leaves.get(record)
  if (position > 0 && !(record?.position === position && leaf?.seq === record.seq && leaf.head === record.hash))
    throw discontinued('the store does not hold what the last head signed')
  return new Heads(options, report)
}

function discontinued(what: string): SignalboxError {
  return new SignalboxError(
    'AUDIT_FAILED',
    `${what}; nothing more is signed: run \`signalbox audit verify\`, and after a restore that was meant, give a new folder`,
  )
}

/** The state between two heads: all leaves, and which of them no head has signed yet. */
class Heads {
  readonly #options: TreeHeadOptions
  readonly #leaves: LeafSet
  readonly #unsigned = new Map<string, RunLeaf>()
  #last: HeadsReport['last']
  #position: number

  constructor(options: TreeHeadOptions, report: HeadsReport | null) {
    this.#options = options
    this.#leaves = (report ?? auditHeads([], verifierKeyOf(options.key.publicKey))).leaves
    this.#last = report?.last ?? null
    this.#position = report?.last?.head.position ?? 0
  }

  /** Signs a head when there is none yet, or records came since the last one. */
  async write(): Promise<void> {
    await this.#read()
    if (this.#last && this.#unsigned.size === 0) return
    for (const leaf of this.#unsigned.values()) this.#leaves.set(leaf)
    const { key, dir, host } = this.#options
    const head = {
      size: this.#leaves.size,
      root: this.#leaves.root(),
      number: (this.#last?.head.number ?? 0) + 1,
      records: this.#leaves.records,
      position: this.#position,
      previous: this.#last ? noteHash(this.#last.note) : '-',
    }
    const atMs = host.now()
    const note = signHead({ ...head, atMs }, key)
    writeHead(dir, { number: head.number, note, leaves: leavesText([...this.#unsigned.values()]) })
    const { name: origin } = verifierKeyOf(key.publicKey)
    this.#last = { head: { ...head, origin, time: isoTime(atMs) }, note }
    this.#unsigned.clear()
  }

  async #read(): Promise<void> {
    for (;;) {
      const page = await this.#options.store.export(this.#position, PAGE)
      for (const record of page) this.#take(record)
      if (page.length < PAGE) return
      // Requests are answered between two pages of a long history.
      await this.#options.host.macrotask()
    }
  }

  #take(record: ExportedRecord): void {
    const { tenant, runId, seq, hash: head, position } = record
    const key = JSON.stringify([tenant, runId])
    const before = (this.#unsigned.get(key) ?? this.#leaves.get(record))?.seq ?? 0
    if (seq !== before + 1) throw discontinued(`run \`${runId}\` goes on with record ${seq} after record ${before}`)
    this.#unsigned.set(key, { tenant, runId, seq, head })
    this.#position = position
  }
}

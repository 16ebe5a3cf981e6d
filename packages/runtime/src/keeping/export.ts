import { resolve } from 'node:path'
import { SignalboxError } from '../base/errors.ts'
import type { Host } from '../base/host.ts'
import { parseJson } from '../base/json.ts'
import { isoTime } from '../base/time.ts'
import type { Principal } from '../contracts/common.ts'
import type { Redactor } from '../contracts/redaction.ts'
import { bundleDefinition, bundleHash, bundlesIn } from '../contracts/policy-history.ts'
import type { AdoptedRun, RunRow, Store } from '../contracts/store.ts'
import type { Vault } from '../contracts/vault.ts'
import { isEnded } from '../reliability/run-machine.ts'
import { TENANT_SUBJECT } from '../stores/vault.ts'
import { publish, refuseTarget, removeParts } from '../stores/sqlite/backup.ts'
import { EXPORT_FORMAT, EXPORT_VERSION, toBase64 } from './export-format.ts'
import { LineWriter } from './lines.ts'
import { claimRun, movingCommit } from './marker.ts'

/** What to export. */
export interface ExportOptions {
  readonly store: Store
  readonly host: Host
  /** A file that does not exist yet, in a folder that does. */
  readonly target: string
  readonly tenant: string
  /** Only these runs. Default: all of the tenant. */
  readonly runs?: readonly string[]
  /** Opens contents beside their sealed bytes, so that the file can be read without a key. */
  readonly open?: Pick<Vault, 'sealer'>
  /** Looks at each content that is written readable; one that it does not finish is left out, as an empty text. */
  readonly redactor?: Pick<Redactor, 'clean'>
  /** Marks each run as moved, once the file is whole: it goes on nowhere here. Names who ordered it. */
  readonly move?: Pick<Principal, 'id' | 'kind'>
}

/** An export as it lies at its target. */
export interface ExportReport {
  /** Absolute path. */
  readonly target: string
  readonly runs: number
  readonly records: number
  /** SHA-256 (hex) over all lines but the last, which names it. */
  readonly digest: string
}

const PAGE = 50

interface Writing {
  readonly options: ExportOptions
  readonly writer: LineWriter
  readonly told: Set<string>
  readonly moving: RunRow[]
  runs: number
  records: number
}

/**
 * Writes runs with everything that belongs to them to a file that another store can import: records with their stored
 * bytes, sealed contents, wrapped keys, effects, requests and inbox rows. Memory does not grow with the number of runs.
 * With `move` every run is claimed first (RUN_STATE while a worker has one, or an effect of it is open), and marked after
 * the file is durable and before it gets its name: if this stops in between, the file is whole under its `.partial-` name.
 * Throws CONFLICT, NOT_FOUND, RUN_NOT_FOUND, and the store's codes.
 */
export async function exportRuns(options: ExportOptions): Promise<ExportReport> {
  const { store, host } = options
  const target = resolve(options.target)
  refuseTarget(target)
  const partial = `${target}.partial-${Buffer.from(host.randomBytes(4)).toString('hex')}`
  const writer = new LineWriter(partial)
  let marked = false
  try {
    const writing: Writing = { options, writer, told: new Set(), moving: [], runs: 0, records: 0 }
    writer.add({
      ...{ kind: 'header', format: EXPORT_FORMAT, version: EXPORT_VERSION, at: isoTime(host.now()) },
      ...{ moved: options.move !== undefined, contents: options.open ? 'opened' : 'sealed' },
    })
    for await (const row of rowsOf(options)) await writeRun(writing, row)
    const digest = writer.digest()
    writer.add({ kind: 'end', runs: writing.runs, records: writing.records, digest })
    writer.flush()
    marked = writing.moving.length > 0
    if (options.move) await markMoved(store, host, writing.moving, { digest, by: options.move })
    publish(partial, target)
    marked = false
    return { target, runs: writing.runs, records: writing.records, digest }
  } finally {
    writer.close()
    // Runs that are marked as moved have no other file than this.
    if (!marked) removeParts(partial)
  }
}

async function* rowsOf({ store, tenant, runs }: ExportOptions): AsyncGenerator<RunRow> {
  for (const runId of runs ?? []) {
    const row = await store.run(tenant, runId)
    if (!row) throw new SignalboxError('RUN_NOT_FOUND', `there is no run \`${runId}\` of tenant \`${tenant}\``)
    yield row
  }
  let before: RunRow | undefined
  while (!runs) {
    const page = await store.runs({ tenant, limit: PAGE, ...(before ? { before } : {}) })
    yield* page
    before = page.at(-1)
    if (page.length < PAGE) return
  }
}

async function writeRun(writing: Writing, found: RunRow): Promise<void> {
  const { options, writer } = writing
  const { store } = options
  const row = options.move ? await takeAlong(writing, found) : found
  if (!row) return
  const { tenant, runId } = row
  await writeKeys(writing, row)
  await writeDefinition(writing, row)
  const records = await store.records(tenant, runId, { through: row.seq })
  for (const bundle of bundlesIn(records))
    await writeDefinition(writing, { signature: bundleDefinition(bundleHash(bundle)) })
  const run: Omit<AdoptedRun, 'records'> = {
    row: { ...row, leaseOwner: null, leaseUntil: null },
    effects: await store.runEffects(tenant, runId),
    requests: await requestsOf(store, row),
    inbox: await store.inboxKept(tenant, runId),
  }
  const inbox = run.inbox.map((item) => ({ ...item, sealed: toBase64(item.sealed) }))
  writer.add({ kind: 'run', ...run, inbox })
  const sealer = options.open ? await options.open.sealer(tenant, row.subject) : null
  for (const { seq, type, body, hash, sealed } of records) {
    const contents = sealer && sealed ? { contents: await cleanTexts(sealer.open(sealed), options.redactor) } : {}
    writer.add({ kind: 'record', seq, type, body, hash, sealed: toBase64(sealed), ...contents })
  }
  writing.runs++
  writing.records += records.length
}

/** Readable contents as they may leave: what is left of each, and an empty text for one that was not finished. */
async function cleanTexts(texts: readonly string[], redactor: ExportOptions['redactor']): Promise<readonly string[]> {
  if (!redactor) return texts
  return await Promise.all(
    texts.map(async (text) => {
      const cleaned = await redactor.clean('export', parseJson(text, 'a content'))
      return cleaned.status === 'clean' ? JSON.stringify(cleaned.value) : ''
    }),
  )
}

/** The run under a lease of this export; null for one that was moved before. */
async function takeAlong({ options, moving }: Writing, row: RunRow): Promise<RunRow | null> {
  const { store, host } = options
  const { tenant, runId } = row
  if (row.code === 'RUN_MOVED') return null
  const effects = await store.runEffects(tenant, runId)
  if (effects.some((effect) => effect.state === 'open' || effect.state === 'unknown'))
    throw new SignalboxError(
      'RUN_STATE',
      `what became of an effect of run \`${runId}\` is not known: settle it, then move the run`,
    )
  const claimed = await claimRun(store, host, row, 'export')
  if (!claimed)
    throw new SignalboxError('RUN_STATE', `run \`${runId}\` is being worked on: stop the server, then move it`)
  moving.push(claimed)
  return claimed
}

async function writeKeys({ options: { store }, told, writer }: Writing, { tenant, subject }: RunRow): Promise<void> {
  for (const name of [TENANT_SUBJECT, subject]) {
    const place = JSON.stringify([tenant, name])
    if (told.has(place)) continue
    // Keys of single runs come once each anyway.
    if (!name.startsWith('run:')) told.add(place)
    const key = await store.key(tenant, name)
    if (key)
      writer.add({ kind: 'key', tenant, subject: name, wrapped: toBase64(key.wrapped), destroyed_at: key.destroyedAt })
  }
}

async function writeDefinition(
  { options: { store }, told, writer }: Writing,
  { signature }: Pick<RunRow, 'signature'>,
): Promise<void> {
  if (told.has(signature)) return
  told.add(signature)
  const description = await store.definition(signature)
  if (description !== null) writer.add({ kind: 'definition', signature, description })
}

async function requestsOf(store: Store, { tenant, runId }: RunRow) {
  return await store.requests({ tenant, runId, limit: 1_000_000 })
}

/** Marks runs as moved, in one transaction each group: those that waited end here, those that had ended stay so. */
async function markMoved(
  store: Store,
  host: Host,
  rows: readonly RunRow[],
  words: { readonly digest: string; readonly by: Pick<Principal, 'id' | 'kind'> },
): Promise<void> {
  for (let at = 0; at < rows.length; at += PAGE) {
    const group = rows.slice(at, at + PAGE)
    const commits = await Promise.all(
      group.map(async (row) => movingCommit(store, host, row, words, isEnded(row.status) ? row.status : 'stopped')),
    )
    const results = await store.commit(commits)
    const lost = results.findIndex((result) => result.status !== 'committed')
    if (lost >= 0)
      throw new SignalboxError(
        'RUN_STATE',
        `run \`${group[lost]?.runId}\` changed meanwhile: the export is not whole; some of its runs are marked as moved, and the file is kept`,
      )
  }
}

/**
 * The format of an export: lines of JSON. A header; then for each run its keys and its workflow's description where they
 * were not given before, the run with what belongs to it, and its records with their stored bytes; at the end the counts
 * and the SHA-256 over all lines before. Binary values are base64.
 */
import { z } from 'zod'
import type {
  AdoptedRun,
  EffectRow,
  KeptInboxItem,
  PersonRequestRow,
  RunRow,
  StoredRecord,
} from '../contracts/store.ts'

/** Version of the format. A file of a later one is refused (STORE_NEWER). */
export const EXPORT_VERSION = 1
/** The first field of the first line. */
export const EXPORT_FORMAT = 'signalbox export'

const base64 = z.base64().nullable()
const int = z.int().min(0)

/** The first line. */
export const HEADER = z.strictObject({
  kind: z.literal('header'),
  format: z.literal(EXPORT_FORMAT),
  version: int,
  at: z.string(),
  /** True when the runs were marked as moved in the store that they come from. */
  moved: z.boolean(),
  /** `opened` adds readable texts to records; the sealed bytes are there in both cases. */
  contents: z.enum(['sealed', 'opened']),
})

const KEY = z.strictObject({
  kind: z.literal('key'),
  tenant: z.string(),
  subject: z.string(),
  wrapped: base64,
  destroyed_at: int.nullable(),
})

const DEFINITION = z.strictObject({ kind: z.literal('definition'), signature: z.string(), description: z.string() })

const status = z.enum([
  'queued',
  'running',
  'waiting',
  'parked',
  'stopping',
  'completed',
  'stopped',
  'cancelled',
  'terminated',
])

const ROW = z.strictObject({
  tenant: z.string(),
  runId: z.string(),
  workflow: z.string(),
  version: z.string(),
  signature: z.string(),
  requestId: z.string(),
  principal: z.string(),
  subject: z.string(),
  status,
  code: z.string().nullable(),
  seq: int,
  head: z.string().length(64),
  epoch: int,
  branch: int,
  checkpointSeq: int,
  superstep: int,
  wakeAt: z.number().nullable(),
  leaseOwner: z.string().nullable(),
  leaseUntil: z.number().nullable(),
  createdAt: z.number(),
  updatedAt: z.number(),
  costNanoUsd: z.string(),
  attempts: int,
  kept: z.enum(['metadata', 'nothing']).optional(),
})

const own = { tenant: z.string(), runId: z.string() }
const EFFECT = z.looseObject({ ...own, effectId: z.string(), intentSeq: int, state: z.string(), identity: z.string() })
const REQUEST = z.looseObject({ ...own, id: z.string(), state: z.string() })
const ITEM = z.looseObject({ ...own, id: z.string(), kind: z.string(), consumed: z.boolean(), sealed: base64 })

const RUN = z.strictObject({
  kind: z.literal('run'),
  row: ROW,
  effects: z.array(EFFECT),
  requests: z.array(REQUEST),
  inbox: z.array(ITEM),
})

const RECORD = z.strictObject({
  kind: z.literal('record'),
  seq: int,
  type: z.string(),
  body: z.string(),
  hash: z.string(),
  sealed: base64,
  contents: z.array(z.string()).optional(),
})

const END = z.strictObject({ kind: z.literal('end'), runs: int, records: int, digest: z.string() })

/** Any line after the first. */
export const LINE = z.discriminatedUnion('kind', [KEY, DEFINITION, RUN, RECORD, END])
/** A line after the first, as it was read. */
export type ExportLine = z.output<typeof LINE>

/** Bytes as text, null for none. */
export function toBase64(bytes: Uint8Array | null): string | null {
  return bytes === null ? null : Buffer.from(bytes).toString('base64')
}

/** Bytes of a text that `toBase64` made. */
export function fromBase64(text: string | null): Uint8Array | null {
  return text === null ? null : new Uint8Array(Buffer.from(text, 'base64'))
}

/** A run of its line, without its records. */
export function runOf(line: Extract<ExportLine, { kind: 'run' }>): Omit<AdoptedRun, 'records'> {
  // Every line is covered by the digest at the end; the rows are compared with the records beside that.
  const { row, effects, requests, inbox } = line as unknown as {
    row: RunRow
    effects: EffectRow[]
    requests: PersonRequestRow[]
    inbox: (Omit<KeptInboxItem, 'sealed'> & { sealed: string | null })[]
  }
  return { row, effects, requests, inbox: inbox.map((item) => ({ ...item, sealed: fromBase64(item.sealed) })) }
}

/** A stored record of its line. */
export function recordOf({ seq, type, body, hash, sealed }: Extract<ExportLine, { kind: 'record' }>): StoredRecord {
  // The type is compared with the body by the audit.
  return { seq, type: type as StoredRecord['type'], body, hash, sealed: fromBase64(sealed) }
}

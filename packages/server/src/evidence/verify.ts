/** Checks a bundle of evidence by itself: no server, no store. */
import {
  auditRun,
  BROKEN_HISTORY,
  checkRunProof,
  readVerifierKey,
  type StoredRecord,
  type VerifierKey,
  verifierKeyText,
} from 'signalbox'
import { z } from 'zod'
import { openReport } from '../drill/report.ts'
import { type ArchiveFiles, readArchive } from './archive.ts'
import { digestOf, MANIFEST, type Manifest, readManifest } from './manifest.ts'

/** What can be wrong with a bundle. */
export type EvidenceFault =
  /** The file is no bundle, or a byte beside its files was changed. */
  | 'archive'
  /** The manifest is missing, unreadable, or not as it was signed. */
  | 'manifest'
  /** The signature is not one of the key that is trusted. */
  | 'signature'
  | 'missing_file'
  | 'added_file'
  | 'changed_file'
  /** The chain of the records is broken, cut or of another run. */
  | 'records'
  /** The proof does not show that a signed tree head covers this very history. */
  | 'proof'
  /** The narrative names a record that is not there, or is of another run. */
  | 'narrative'

/** What a check found. */
export interface EvidenceCheck {
  readonly ok: boolean
  readonly findings: readonly { readonly code: EvidenceFault; readonly text: string }[]
  /** What is no fault and worth knowing. */
  readonly remarks: readonly string[]
  /** Null when it could not be trusted as far as that. */
  readonly manifest: Manifest | null
  /** The key that signed it, as signed notes write it; null when there is none to be read. */
  readonly signer: string | null
  /** Whether that is the key that the caller trusts; false when none was named. */
  readonly trusted: boolean
}

/**
 * Computes everything anew: the archive byte by byte, the manifest's signature, every file's hash, the chain of the records,
 * and the proof under the same key. Without `trusted` the key that the manifest names is taken, and `trusted` is false: then
 * it shows only that nothing was changed since that key signed. Never throws.
 */
export function verifyEvidence(bytes: Uint8Array, trusted: VerifierKey | null): EvidenceCheck {
  const found: { code: EvidenceFault; text: string }[] = []
  const remarks: string[] = []
  const add = (code: EvidenceFault, text: string): void => void found.push({ code, text })
  const end = (manifest: Manifest | null, signer: string | null): EvidenceCheck => {
    const told = { findings: found, remarks, manifest, signer, trusted: trusted !== null && found.length === 0 }
    return { ok: found.length === 0, ...told }
  }
  const files = readArchive(bytes)
  if (!files) {
    add('archive', 'it is no bundle of evidence, or a byte beside its files was changed')
    return end(null, null)
  }
  const text = textOf(files, MANIFEST)
  const signer = signerOf(text)
  const key = trusted ?? keyOf(signer)
  const opened = openReport(text, key)
  const manifest = opened.status === 'signed' ? readManifest(opened.report) : null
  if (opened.status === 'forged')
    add('signature', trusted ? 'the trusted key did not sign it' : 'the key that it names did not sign it')
  else if (!manifest || !key || !isExact(text)) add('manifest', 'its manifest is missing, changed or unreadable')
  else if (trusted && signer !== verifierKeyText(trusted)) add('signature', 'it names another key than the trusted one')
  if (!manifest || !key || found.length > 0) return end(null, signer)
  checkFiles(files, manifest, add)
  const stored = checkRecords(files, manifest, add, remarks)
  checkProof(files, { manifest, key, stored }, add, remarks)
  checkNarrative(files, manifest, add)
  if (trusted === null) remarks.push('nobody said that the key is to be trusted: compare it with the one that was kept')
  return end(manifest, signer)
}

type Add = (code: EvidenceFault, text: string) => void

const signatureSchema = z.looseObject({ signature: z.looseObject({ key: z.string(), ed25519: z.string() }) })

/** True when the text is written as it is when it is signed: other spaces or digits of base64 say the same. */
function isExact(text: string): boolean {
  const value = jsonOf(text)
  const parsed = signatureSchema.safeParse(value)
  if (!parsed.success || `${JSON.stringify(value, null, 2)}\n` !== text) return false
  const { ed25519 } = parsed.data.signature
  return Buffer.from(ed25519, 'base64').toString('base64') === ed25519
}

function signerOf(manifest: string): string | null {
  const parsed = signatureSchema.safeParse(jsonOf(manifest))
  return parsed.success ? parsed.data.signature.key : null
}

function keyOf(signer: string | null): VerifierKey | null {
  try {
    return signer === null ? null : readVerifierKey(signer)
  } catch {
    return null
  }
}

function checkFiles(files: ArchiveFiles, manifest: Manifest, add: Add): void {
  const listed = new Map(manifest.files.map((file) => [file.name, file]))
  for (const [name, file] of listed) {
    const bytes = files.get(name)
    if (!bytes) add('missing_file', `\`${name}\` is missing`)
    else if (digestOf(bytes) !== file.sha256) add('changed_file', `\`${name}\` was changed`)
  }
  for (const name of files.keys())
    if (name !== MANIFEST && !listed.has(name)) add('added_file', `\`${name}\` was added`)
}

const recordSchema = z.looseObject({ seq: z.int(), type: z.string(), body: z.string(), hash: z.string() })

/** The records as they lie in the bundle, their chain computed anew. */
function checkRecords(
  files: ArchiveFiles,
  manifest: Manifest,
  add: Add,
  remarks: string[],
): readonly Pick<StoredRecord, 'seq' | 'hash'>[] {
  const lines = textOf(files, 'records.ndjson').split('\n').slice(0, -1)
  const stored = lines.flatMap((line) => {
    const parsed = recordSchema.safeParse(jsonOf(line))
    // The type is compared with the body by the audit.
    return parsed.success ? [parsed.data as Pick<StoredRecord, 'seq' | 'type' | 'body' | 'hash'>] : []
  })
  if (stored.length !== lines.length) add('records', 'a line of `records.ndjson` is no record')
  const audit = auditRun(stored, { seq: manifest.records, head: manifest.head })
  const broken = audit.findings.filter((finding) => BROKEN_HISTORY.has(finding.kind))
  for (const { kind, seq, detail } of broken) add('records', `record ${seq}: ${kind}: ${detail}`)
  const rest = audit.findings.length - broken.length
  if (rest > 0) remarks.push(`the audit of the history has ${rest} findings: see audit.json`)
  const foreign = stored.find(({ body }) => body !== '' && runOf(body) !== manifest.run_id)
  if (foreign) add('records', `record ${foreign.seq} is not of run \`${manifest.run_id}\``)
  return stored
}

const bodySchema = z.looseObject({ run: z.string() })

function runOf(body: string): string | null {
  const parsed = bodySchema.safeParse(jsonOf(body))
  return parsed.success ? parsed.data.run : null
}

interface ToProve {
  readonly manifest: Manifest
  readonly key: VerifierKey
  readonly stored: readonly Pick<StoredRecord, 'seq' | 'hash'>[]
}

function checkProof(files: ArchiveFiles, { manifest, key, stored }: ToProve, add: Add, remarks: string[]): void {
  if (manifest.proof === null) {
    remarks.push(`no tree head vouches for it: ${manifest.no_proof ?? 'none was there'}`)
    return
  }
  try {
    const shown = checkRunProof(textOf(files, 'proof.json'), key)
    if ('fault' in shown) add('proof', shown.fault)
    else if (shown.runId !== manifest.run_id || shown.tenant !== manifest.tenant)
      add('proof', 'it is about another run')
    else if (stored.find((record) => record.seq === shown.seq)?.hash !== shown.head)
      add('proof', `record ${shown.seq} is not the one that the tree head covers`)
  } catch {
    add('proof', '`proof.json` is no proof')
  }
}

const narrativeSchema = z.looseObject({
  run_id: z.string(),
  story: z.array(z.looseObject({ seq: z.int().nullable() })),
})

function checkNarrative(files: ArchiveFiles, manifest: Manifest, add: Add): void {
  const parsed = narrativeSchema.safeParse(jsonOf(textOf(files, 'narrative.json')))
  if (!parsed.success) add('narrative', '`narrative.json` cannot be read')
  else if (parsed.data.run_id !== manifest.run_id) add('narrative', 'it tells of another run')
  else if (parsed.data.story.some(({ seq }) => seq !== null && seq > manifest.records))
    add('narrative', 'it names a record that is not there')
}

function textOf(files: ArchiveFiles, name: string): string {
  return Buffer.from(files.get(name) ?? []).toString('utf8')
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

/** The log of what was handed out: who took which run along, when, and whether with content. A file outside the database. */
import { join } from 'node:path'
import { readSignedLog, type SignedEntry, type SignedLog, signedLine, type SigningKey } from 'signalbox'
import type { EnvValues } from '../project.ts'
import { addSigned, logText } from '../signed-log.ts'

/** One thing that was handed out. */
export interface DisclosureNote {
  readonly tenant: string
  /** Null where all runs of the tenant were. */
  readonly run_id: string | null
  /** `evidence`: a signed bundle of a run; `store_export`: a file for another store; `content`: one content was read. */
  readonly what: 'evidence' | 'store_export' | 'content'
  /** Whether contents can be read in it. */
  readonly content: boolean
  /** Record and place of the content that was read, else null. */
  readonly ref: { readonly seq: number; readonly index: number } | null
  /** Id of the principal; of who runs a command on the data file itself, that of the system's user. */
  readonly by: string
  readonly reason: string
  /** SHA-256 (hex) of what was handed out; null where it was noted before it was made. */
  readonly sha256: string | null
}

/** An entry of the log. */
export type Disclosure = DisclosureNote & SignedEntry

/** The log's file: `SIGNALBOX_DISCLOSURE_LOG`, else `disclosures.ndjson` in the data folder. */
export function disclosureLogPath(dataDir: string, env: EnvValues): string {
  const given = env.SIGNALBOX_DISCLOSURE_LOG
  return given === undefined || given === '' ? join(dataDir, 'disclosures.ndjson') : given
}

/** Reads the log; empty when there is none. */
export function readDisclosures(path: string): SignedLog<DisclosureNote> {
  return readSignedLog<DisclosureNote>(logText(path))
}

/** Puts one on record, durable when it returns. Throws AUDIT_FAILED over a log that is not sound, and the codes of `ioError`. */
export function addDisclosure(path: string, note: DisclosureNote & { readonly atMs: number }, key: SigningKey): void {
  addSigned(path, readSignedLog<DisclosureNote>, 'nothing is handed out', (log) => signedLine(log, note, key))
}

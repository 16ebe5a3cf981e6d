/**
 * The log of erased persons, kept outside the database. A backup that is brought back knows nothing of an erasure that came
 * after it; the log does, and names the destroyed key by its hash, not the person.
 */
import type { SigningKey } from '../base/ed25519.ts'
import { sha256Hex } from '../base/hash.ts'
import { readSignedLog, type SignedEntry, signedLine } from './signed-log.ts'

/** One erasure as its line tells it: who was erased, by a digest, and on whose word. */
export interface Erasure extends SignedEntry {
  readonly tenant: string
  /** Keyed digest of the person's id under the tenant's digest key. */
  readonly subject_digest: string
  /** SHA-256 (hex) over the wrapped key that was destroyed, as the store held it; null when there was none. */
  readonly key_id: string | null
  /** Id of the principal who ordered it. */
  readonly by: string
  readonly reason: string
}

/** What is read from a log. */
export interface ErasureLog {
  readonly erasures: readonly Erasure[]
  /** Hash of the last line, which the next one names. */
  readonly head: string
  /** Numbers of lines that are not as they were signed, or do not continue the one before. */
  readonly faults: readonly number[]
}

/** Id of a key by what the store held of it: the wrapped bytes are random, so it tells nothing of the person. */
export function keyIdOf(wrapped: Uint8Array): string {
  return sha256Hex(Buffer.from(wrapped).toString('base64'))
}

/** The line for a new erasure, ending in a newline. */
export function erasureLine(
  log: ErasureLog,
  erasure: Omit<Erasure, keyof SignedEntry> & { readonly atMs: number },
  key: SigningKey,
): string {
  return signedLine({ entries: log.erasures, head: log.head }, erasure, key)
}

/** Reads a log. A last line without its newline is what a stopped process left: it was not acknowledged and is left out. */
export function readErasures(text: string): ErasureLog {
  const { entries, head, faults } = readSignedLog<Omit<Erasure, keyof SignedEntry>>(text)
  return { erasures: entries, head, faults }
}

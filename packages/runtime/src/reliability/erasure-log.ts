/**
 * The log of erased persons, kept outside the database: chained, signed lines of JSON. A backup that is brought back knows
 * nothing of an erasure that came after it; the log does, and names the destroyed key by its hash, not the person.
 */
import { type SigningKey, verifySignature } from '../base/ed25519.ts'
import { sha256Hex } from '../base/hash.ts'
import { canonicalJson } from '../base/json.ts'
import { isoTime } from '../base/time.ts'
import { readVerifierKey, verifierKeyOf, verifierKeyText } from './tree-head.ts'

/** One erasure as its line tells it: who was erased, by a digest, and on whose word. */
export interface Erasure {
  /** 1 for the first line; each has the number after the one before. */
  readonly number: number
  /** ISO 8601. */
  readonly at: string
  readonly tenant: string
  /** Keyed digest of the person's id under the tenant's digest key. */
  readonly subject_digest: string
  /** SHA-256 (hex) over the wrapped key that was destroyed, as the store held it; null when there was none. */
  readonly key_id: string | null
  /** Id of the principal who ordered it. */
  readonly by: string
  readonly reason: string
  /** SHA-256 (hex) over the line before, 64 zeros for the first. */
  readonly prev: string
  /** The public key that signed the line, as signed notes write it: a log outlives the key of one data folder. */
  readonly signer: string
}

/** What is read from a log. */
export interface ErasureLog {
  readonly erasures: readonly Erasure[]
  /** Hash of the last line, which the next one names. */
  readonly head: string
  /** Numbers of lines that are not as they were signed, or do not continue the one before. */
  readonly faults: readonly number[]
}

const START = '0'.repeat(64)

/** Id of a key by what the store held of it: the wrapped bytes are random, so it tells nothing of the person. */
export function keyIdOf(wrapped: Uint8Array): string {
  return sha256Hex(Buffer.from(wrapped).toString('base64'))
}

/** The line for a new erasure, ending in a newline. */
export function erasureLine(
  log: ErasureLog,
  erasure: Omit<Erasure, 'number' | 'prev' | 'at' | 'signer'> & { readonly atMs: number },
  key: SigningKey,
): string {
  const { atMs, ...rest } = erasure
  const signer = verifierKeyText(verifierKeyOf(key.publicKey))
  const signed: Erasure = { ...rest, at: isoTime(atMs), number: log.erasures.length + 1, prev: log.head, signer }
  const signature = Buffer.from(key.sign(Buffer.from(canonicalJson(signed)))).toString('base64')
  return `${JSON.stringify({ ...signed, signature })}\n`
}

/** Reads a log. A last line without its newline is what a stopped process left: it was not acknowledged and is left out. */
export function readErasures(text: string): ErasureLog {
  const lines = text.split('\n').slice(0, -1)
  const faults: number[] = []
  let head = START
  const erasures = lines.flatMap((line, i): Erasure[] => {
    const erasure = readLine(line)
    if (!erasure || erasure.number !== i + 1 || erasure.prev !== head) faults.push(i + 1)
    head = sha256Hex(line)
    return erasure ? [erasure] : []
  })
  return { erasures, head, faults }
}

function readLine(line: string): Erasure | null {
  try {
    // Every field was signed; a line with other fields has no valid signature.
    const { signature, ...erasure } = JSON.parse(line) as Erasure & { signature: string }
    const signed = Buffer.from(canonicalJson(erasure))
    const { publicKey } = readVerifierKey(erasure.signer)
    return verifySignature(publicKey, signed, Buffer.from(signature, 'base64')) ? erasure : null
  } catch {
    return null
  }
}

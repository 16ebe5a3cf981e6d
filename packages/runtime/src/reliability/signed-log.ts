/** A log kept outside the database: chained, signed lines of JSON. Lines are added and never changed. */
import { type SigningKey, verifySignature } from '../base/ed25519.ts'
import { sha256Hex } from '../base/hash.ts'
import { canonicalJson } from '../base/json.ts'
import { isoTime } from '../base/time.ts'
import { readVerifierKey, verifierKeyOf, verifierKeyText } from './tree-head.ts'

/** What every line of such a log has. */
export interface SignedEntry {
  /** 1 for the first line; each has the number after the one before. */
  readonly number: number
  /** ISO 8601. */
  readonly at: string
  /** SHA-256 (hex) over the line before, 64 zeros for the first. */
  readonly prev: string
  /** The public key that signed the line, as signed notes write it: a log outlives the key of one data folder. */
  readonly signer: string
}

/** What is read from a log. */
export interface SignedLog<T> {
  readonly entries: readonly (T & SignedEntry)[]
  /** Hash of the last line, which the next one names. */
  readonly head: string
  /** Numbers of lines that are not as they were signed, or do not continue the one before. */
  readonly faults: readonly number[]
}

const START = '0'.repeat(64)

/** The line for a new entry, ending in a newline. */
export function signedLine<T extends object>(
  log: Pick<SignedLog<T>, 'entries' | 'head'>,
  entry: T & { readonly atMs: number },
  key: SigningKey,
): string {
  const { atMs, ...rest } = entry
  const signer = verifierKeyText(verifierKeyOf(key.publicKey))
  const signed = { ...rest, at: isoTime(atMs), number: log.entries.length + 1, prev: log.head, signer }
  const signature = Buffer.from(key.sign(Buffer.from(canonicalJson(signed)))).toString('base64')
  return `${JSON.stringify({ ...signed, signature })}\n`
}

/** Reads a log. A last line without its newline is what a stopped process left: it was not acknowledged and is left out. */
export function readSignedLog<T extends object>(text: string): SignedLog<T> {
  const lines = text.split('\n').slice(0, -1)
  const faults: number[] = []
  let head = START
  const entries = lines.flatMap((line, i): (T & SignedEntry)[] => {
    const entry = readLine<T>(line)
    if (!entry || entry.number !== i + 1 || entry.prev !== head) faults.push(i + 1)
    head = sha256Hex(line)
    return entry ? [entry] : []
  })
  return { entries, head, faults }
}

function readLine<T extends object>(line: string): (T & SignedEntry) | null {
  try {
    // Every field was signed; a line with other fields has no valid signature.
    const { signature, ...entry } = JSON.parse(line) as T & SignedEntry & { signature: string }
    const signed = Buffer.from(canonicalJson(entry))
    const { publicKey } = readVerifierKey(entry.signer)
    // What is left when the signature is taken off is the entry.
    return verifySignature(publicKey, signed, Buffer.from(signature, 'base64')) ? (entry as T & SignedEntry) : null
  } catch {
    return null
  }
}

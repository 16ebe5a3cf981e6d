/**
 * Signed tree heads in the checkpoint format of C2SP (https://c2sp.org/tlog-checkpoint), which is a signed note
 * (https://c2sp.org/signed-note) with an Ed25519 signature.
 */
import { type SigningKey, verifySignature } from '../base/ed25519.ts'
import { SignalboxError } from '../base/errors.ts'
import { sha256Bytes } from '../base/hash.ts'
import { isoTime } from '../base/time.ts'

/** What one tree head says. The first three fields are the checkpoint's own, the others its extension lines. */
export interface TreeHead {
  /** Name of the log, and of the key that signs it. */
  readonly origin: string
  /** Number of leaves: of runs. */
  readonly size: number
  /** Root over the leaves (RFC 6962), base64. */
  readonly root: string
  /** 1 for the first head; each has the number after the one before. */
  readonly number: number
  /** ISO 8601. */
  readonly time: string
  /** Sum of the leaves' sequences. */
  readonly records: number
  /** Place in the store's global order up to which records are covered. */
  readonly position: number
  /** `noteHash` of the head before, `-` for the first. */
  readonly previous: string
}

/** A public key with the name it signs under. */
export interface VerifierKey {
  readonly name: string
  readonly publicKey: Uint8Array
}

/** The algorithm's byte in key ids and verifier keys of signed notes. */
const ED25519 = Uint8Array.of(1)
const KEY_ID_BYTES = 4
const SIGNATURE_BYTES = 64

/** The name of the log that a key signs: taken from the key, so that two logs never share one by accident. */
export function verifierKeyOf(publicKey: Uint8Array): VerifierKey {
  return { name: `signalbox/${hex(sha256Bytes(publicKey)).slice(0, 16)}`, publicKey }
}

/** A verifier key as text, `name+key id+base64`, as signed notes define it. */
export function verifierKeyText(key: VerifierKey): string {
  return `${key.name}+${hex(keyId(key))}+${base64(Buffer.concat([ED25519, key.publicKey]))}`
}

/** Reads a verifier key. Throws CONFIG_INVALID when the text is none, or its key id is of another key. */
export function readVerifierKey(text: string): VerifierKey {
  const [, name = '', id = '', encoded = ''] = /^([^\s+]+)\+([0-9a-f]{8})\+(\S+)$/.exec(text.trim()) ?? []
  const bytes = Buffer.from(encoded, 'base64')
  const key: VerifierKey = { name, publicKey: new Uint8Array(bytes.subarray(1)) }
  if (bytes.length !== 33 || bytes[0] !== ED25519[0] || hex(keyId(key)) !== id)
    throw new SignalboxError(
      'CONFIG_INVALID',
      'the public key is not an Ed25519 key of a signed note (`name+id+base64`): name the `audit.pub` that was kept',
    )
  return key
}

/** The signed note of a head. */
export function signHead(head: Omit<TreeHead, 'origin' | 'time'> & { readonly atMs: number }, key: SigningKey): string {
  const { atMs, ...rest } = head
  const verifier = verifierKeyOf(key.publicKey)
  const text = headText({ ...rest, origin: verifier.name, time: isoTime(atMs) })
  const signature = key.sign(Buffer.from(text))
  return `${text}\n— ${verifier.name} ${base64(Buffer.concat([keyId(verifier), signature]))}\n`
}

/** What a note says when every byte of it is as this key signed it, else null. Never throws. */
export function openHead(note: string, key: VerifierKey): TreeHead | null {
  const end = note.lastIndexOf('\n\n')
  const text = note.slice(0, end + 1)
  const [, name, encoded = ''] = /^— (\S+) (\S+)\n$/.exec(note.slice(end + 2)) ?? []
  const bytes = Buffer.from(encoded, 'base64')
  if (name !== key.name || bytes.length !== KEY_ID_BYTES + SIGNATURE_BYTES || base64(bytes) !== encoded) return null
  if (hex(bytes.subarray(0, KEY_ID_BYTES)) !== hex(keyId(key))) return null
  if (!verifySignature(key.publicKey, Buffer.from(text), bytes.subarray(KEY_ID_BYTES))) return null
  const head = readHead(text)
  return head && head.origin === key.name ? head : null
}

/** Hash by which the next head names this note, base64. */
export function noteHash(note: string): string {
  return base64(sha256Bytes(Buffer.from(note)))
}

function headText(head: TreeHead): string {
  const extensions = [
    `number ${head.number}`,
    `time ${head.time}`,
    `records ${head.records}`,
    `position ${head.position}`,
    `previous ${head.previous}`,
  ]
  return [head.origin, head.size, head.root, ...extensions, ''].join('\n')
}

function readHead(text: string): TreeHead | null {
  const [origin = '', size = '', root = '', ...extensions] = text.split('\n')
  const of = (name: string): string =>
    extensions.find((line) => line.startsWith(`${name} `))?.slice(name.length + 1) ?? ''
  const head: TreeHead = {
    origin,
    size: Number(size),
    root,
    number: Number(of('number')),
    time: of('time'),
    records: Number(of('records')),
    position: Number(of('position')),
    previous: of('previous'),
  }
  return headText(head) === text ? head : null
}

/** Key id of a signed note: the first four bytes of a hash over name, newline, algorithm and key. */
function keyId({ name, publicKey }: VerifierKey): Uint8Array {
  return sha256Bytes(Buffer.from(`${name}\n`), ED25519, publicKey).subarray(0, KEY_ID_BYTES)
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64')
}

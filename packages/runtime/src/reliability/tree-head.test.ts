import { describe, expect, it } from 'vitest'
import { signingKey, verifySignature } from '../base/ed25519.ts'
import { openHead, readVerifierKey, signHead, verifierKeyOf, verifierKeyText } from './tree-head.ts'

const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'))

/** Test 1 of RFC 8032, section 7.1: an empty message. */
const SEED = hex('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60')
const PUBLIC = hex('d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a')
const SIGNATURE = hex(
  'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
)

const key = signingKey(SEED)
const verifier = verifierKeyOf(PUBLIC)
const root = Buffer.alloc(32, 7).toString('base64')
const head = { size: 2, root, number: 3, records: 40, position: 44, previous: '-' }
const note = signHead({ ...head, atMs: 1_700_000_000_000 }, key)

describe('signed tree heads', () => {
  it('AUD-002: keys and signatures are those of RFC 8032', () => {
    expect(key.publicKey).toEqual(PUBLIC)
    expect(key.sign(new Uint8Array())).toEqual(SIGNATURE)
    expect(verifySignature(PUBLIC, Uint8Array.of(1), SIGNATURE)).toBe(false)
    expect(verifySignature(hex('00'), new Uint8Array(), SIGNATURE)).toBe(false)
  })

  it('AUD-002: a public key is written and read as signed notes do', () => {
    // The example key of the Go note package, which C2SP took the format from.
    const example = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW'
    const read = readVerifierKey(`${example}\n`)
    expect(read.name).toBe('PeterNeumann')
    expect(verifierKeyText(read)).toBe(example)
    expect(readVerifierKey(verifierKeyText(verifier))).toEqual(verifier)
    for (const text of ['', 'x', example.replace('c74f', 'c74e'), example.replace('Peter', 'peter')])
      expect(() => readVerifierKey(text)).toThrow(/not an Ed25519 key/)
  })

  it('AUD-002: a head is a checkpoint: origin, size, root, then its own lines, then the signature', () => {
    const lines = note.split('\n')
    expect(lines.slice(0, 3)).toEqual([verifier.name, '2', root])
    expect(lines.slice(3, 8)).toEqual([
      'number 3',
      'time 2023-11-14T22:13:20.000Z',
      'records 40',
      'position 44',
      'previous -',
    ])
    expect(lines[8]).toBe('')
    expect(lines[9]).toMatch(new RegExp(`^— ${verifier.name} [A-Za-z0-9+/]+=*$`))
    expect(openHead(note, verifier)).toEqual({ ...head, origin: verifier.name, time: '2023-11-14T22:13:20.000Z' })
  })

  it('AUD-003: a note with any character changed, added or removed does not open, nor under another key', () => {
    for (let at = 0; at < note.length; at++) {
      const other = note[at] === 'A' ? 'B' : 'A'
      expect(openHead(note.slice(0, at) + other + note.slice(at + 1), verifier)).toBeNull()
      expect(openHead(note.slice(0, at) + note.slice(at + 1), verifier)).toBeNull()
    }
    for (const text of ['', '\n', `${note}\n`, `${note}x\n`, `x\n${note}`]) expect(openHead(text, verifier)).toBeNull()
    expect(openHead(note, verifierKeyOf(signingKey(new Uint8Array(32)).publicKey))).toBeNull()
  })
})

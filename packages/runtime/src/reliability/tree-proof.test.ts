import { describe, expect, it } from 'vitest'
import { signingKey } from '../base/ed25519.ts'
import { LeafSet } from './run-leaves.ts'
import { checkRunProof, proveRun } from './run-proof.ts'
import { leafHash, MerkleTree } from './tree.ts'
import { signHead, verifierKeyOf } from './tree-head.ts'
import { consistencyProof, inclusionProof, verifyConsistency, verifyInclusion } from './tree-proof.ts'

const hex = (all: readonly Uint8Array[]): string[] => all.map((each) => Buffer.from(each).toString('hex'))
const bytes = (n: number): Uint8Array => leafHash(Uint8Array.of(n >> 8, n & 255))
const many = (n: number): Uint8Array[] => Array.from({ length: n }, (_, i) => bytes(i))
const rootOf = (leaves: readonly Uint8Array[]): Uint8Array => {
  const tree = new MerkleTree()
  leaves.forEach((leaf, i) => {
    tree.insert(i, leaf)
  })
  return tree.root()
}

/** Inputs and paths of the reference implementation of certificate transparency. */
const INPUTS = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f']
const LEAVES = INPUTS.map((input) => leafHash(Buffer.from(input, 'hex')))
const A = '96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7'
const B = '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e'
const C = '6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4'
const D = 'bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b'
const E = 'ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0'
const F = 'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7'
const G = 'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125'
const H = '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d'
const I = '0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a'

describe('proofs over Merkle trees', () => {
  it('AUD-030: paths are those of the reference implementation', () => {
    const inclusion = [
      [0, 1, []],
      [0, 8, [A, B, C]],
      [5, 8, [D, E, F]],
      [2, 3, [G]],
      [1, 5, [H, B, D]],
    ] as const
    for (const [index, size, path] of inclusion) expect(hex(inclusionProof(LEAVES.slice(0, size), index))).toEqual(path)
    const consistency = [
      [1, 1, []],
      [1, 8, [A, B, C]],
      [6, 8, [I, E, F]],
      [2, 5, [B, D]],
    ] as const
    for (const [first, second, path] of consistency)
      expect(hex(consistencyProof(LEAVES.slice(0, second), first))).toEqual(path)
    expect(() => inclusionProof(LEAVES, 8)).toThrow(RangeError)
    expect(() => consistencyProof(LEAVES, 0)).toThrow(RangeError)
  })

  it('AUD-030: every leaf of trees of up to 40 leaves is proven, and no other leaf, place, size, root or path', () => {
    for (let size = 1; size <= 40; size++) {
      const leaves = many(size)
      const root = rootOf(leaves)
      for (let index = 0; index < size; index++) {
        const path = inclusionProof(leaves, index)
        const claim = { leaf: bytes(index), index, size, root }
        expect(verifyInclusion(claim, path)).toBe(true)
        expect(verifyInclusion({ ...claim, leaf: bytes(index + 1) }, path)).toBe(false)
        expect(verifyInclusion({ ...claim, index: index + 1 }, path)).toBe(false)
        expect(verifyInclusion({ ...claim, root: bytes(999) }, path)).toBe(false)
        expect(verifyInclusion(claim, [...path, bytes(1)])).toBe(false)
        if (path.length > 0) expect(verifyInclusion(claim, path.slice(1))).toBe(false)
        if (path.length > 0) expect(verifyInclusion(claim, [bytes(998), ...path.slice(1)])).toBe(false)
      }
    }
  })

  it('AUD-031: every later tree of up to 24 leaves is proven to begin with every earlier one, and with no other', () => {
    for (let second = 1; second <= 24; second++)
      for (let first = 1; first <= second; first++) {
        const leaves = many(second)
        const path = consistencyProof(leaves, first)
        const claim = { first, second, firstRoot: rootOf(leaves.slice(0, first)), secondRoot: rootOf(leaves) }
        expect(verifyConsistency(claim, path)).toBe(true)
        expect(verifyConsistency({ ...claim, firstRoot: bytes(999) }, path)).toBe(false)
        expect(verifyConsistency({ ...claim, secondRoot: bytes(999) }, path)).toBe(false)
        expect(verifyConsistency({ ...claim, first: 0 }, path)).toBe(false)
        expect(verifyConsistency(claim, [...path, bytes(1)])).toBe(false)
        const changed = leaves.map((leaf, i) => (i === first - 1 ? bytes(777) : leaf))
        const other = { ...claim, secondRoot: rootOf(changed) }
        expect(verifyConsistency(other, consistencyProof(changed, first))).toBe(false)
      }
  })
})

describe('a proof of one run', () => {
  const key = signingKey(new Uint8Array(32).fill(3))
  const verifier = verifierKeyOf(key.publicKey)
  const leaves = new LeafSet()
  for (let i = 0; i < 11; i++) leaves.set({ tenant: 't', runId: `run_${i}`, seq: i + 1, head: 'a'.repeat(64) })
  const head = {
    size: leaves.size,
    root: leaves.root(),
    number: 4,
    records: leaves.records,
    position: 66,
    previous: 'p',
  }
  const note = signHead({ ...head, atMs: 1_000 }, key)

  it('AUD-032: is checked with the public key alone, and every change of it is found', () => {
    const proof = proveRun({ tenant: 't', runId: 'run_7' }, leaves, note)
    const check = (changed: object, by = verifier) => checkRunProof(JSON.stringify({ ...proof, ...changed }), by)
    const shown = { tenant: 't', runId: 'run_7', seq: 8, head_number: 4, time: '1970-01-01T00:00:01.000Z' }
    expect(check({})).toMatchObject(shown)
    const faults: readonly object[] = [
      { leaf: { ...proof.leaf, seq: 9 } },
      { leaf: { ...proof.leaf, head: 'b'.repeat(64) } },
      { leaf: { ...proof.leaf, tenant: 'u' } },
      { index: proof.index + 1 },
      { path: proof.path.slice(1) },
      { note: note.replace('records 66', 'records 67') },
    ]
    for (const changed of faults) expect(check(changed)).toHaveProperty('fault')
    expect(check({}, verifierKeyOf(signingKey(new Uint8Array(32)).publicKey))).toHaveProperty('fault')
    for (const text of ['', '{}', '[]', 'null', JSON.stringify({ ...proof, path: [1] })])
      expect(() => checkRunProof(text, verifier)).toThrow(/not a proof/)
    expect(() => proveRun({ tenant: 't', runId: 'none' }, leaves, note)).toThrow(/no tree head covers/)
  })
})

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { sha256Bytes } from '../base/hash.ts'
import { leafHash, MerkleTree } from './tree.ts'

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

/** Inputs and roots of the reference implementation of certificate transparency, for trees of one to eight leaves. */
const INPUTS = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f']
const ROOTS = [
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
]

/** The definition of RFC 6962, section 2.1, word for word. */
function rootOf(leaves: readonly Uint8Array[]): Uint8Array {
  const [first] = leaves
  if (!first) return sha256Bytes()
  if (leaves.length === 1) return first
  let k = 1
  while (2 * k < leaves.length) k *= 2
  return sha256Bytes(Uint8Array.of(1), rootOf(leaves.slice(0, k)), rootOf(leaves.slice(k)))
}

describe('Merkle tree', () => {
  it('AUD-001: roots are those of RFC 6962, from no leaf to eight', () => {
    const tree = new MerkleTree()
    expect(hex(tree.root())).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855')
    INPUTS.forEach((input, at) => {
      tree.insert(at, leafHash(Buffer.from(input, 'hex')))
      expect(hex(tree.root())).toBe(ROOTS[at])
    })
  })

  it('AUD-001: whatever was replaced and inserted, the root is that of the leaves as they stand', () => {
    const step = fc.record({ at: fc.nat(), value: fc.nat(255), insert: fc.boolean(), ask: fc.boolean() })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const tree = new MerkleTree()
        const leaves: Uint8Array[] = []
        for (const { at, value, insert, ask } of steps) {
          const hash = leafHash(Uint8Array.of(value))
          const place = at % (leaves.length + (insert || leaves.length === 0 ? 1 : 0))
          if (insert || leaves.length === 0) {
            leaves.splice(place, 0, hash)
            tree.insert(place, hash)
          } else {
            leaves[place] = hash
            tree.replace(place, hash)
          }
          if (ask) expect(hex(tree.root())).toBe(hex(rootOf(leaves)))
        }
        expect(hex(tree.root())).toBe(hex(rootOf(leaves)))
      }),
    )
  })
})

/**
 * Proofs about Merkle trees: made as RFC 6962, sections 2.1.1 and 2.1.2, define them, and checked by the algorithms of
 * RFC 9162, sections 2.1.3.2 and 2.1.4.2, which need no tree. Leaves are given by their hashes.
 */
import { sha256Bytes } from '../base/hash.ts'

const NODE = Uint8Array.of(1)

function node(left: Uint8Array, right: Uint8Array): Uint8Array {
  return sha256Bytes(NODE, left, right)
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0
}

/** The largest power of two below `n`, for `n` above 1. */
function split(n: number): number {
  let k = 1
  while (2 * k < n) k *= 2
  return k
}

function rootOf(leaves: readonly Uint8Array[]): Uint8Array {
  const [first] = leaves
  if (!first) return sha256Bytes()
  if (leaves.length === 1) return first
  const k = split(leaves.length)
  return node(rootOf(leaves.slice(0, k)), rootOf(leaves.slice(k)))
}

/** The path that shows that a leaf stands at a place of a tree. Throws RangeError for a place that the tree does not have. */
export function inclusionProof(leaves: readonly Uint8Array[], index: number): readonly Uint8Array[] {
  if (!Number.isInteger(index) || index < 0 || index >= leaves.length)
    throw new RangeError(`a tree of ${leaves.length} leaves has no leaf ${index}`)
  if (leaves.length === 1) return []
  const k = split(leaves.length)
  const [left, right] = [leaves.slice(0, k), leaves.slice(k)]
  return index < k
    ? [...inclusionProof(left, index), rootOf(right)]
    : [...inclusionProof(right, index - k), rootOf(left)]
}

/** A leaf of a tree, as a proof claims it. */
export interface LeafClaim {
  readonly leaf: Uint8Array
  readonly index: number
  /** Number of leaves of the tree. */
  readonly size: number
  readonly root: Uint8Array
}

/** True when the path shows that the leaf stands at this place of the tree with this root. Never throws. */
export function verifyInclusion({ leaf, index, size, root }: LeafClaim, path: readonly Uint8Array[]): boolean {
  if (!Number.isSafeInteger(index) || !Number.isSafeInteger(size) || index < 0 || index >= size) return false
  let fn = index
  let sn = size - 1
  let hash = leaf
  for (const each of path) {
    if (sn === 0) return false
    if (fn % 2 === 1 || fn === sn) {
      hash = node(each, hash)
      while (fn % 2 === 0 && fn !== 0) {
        fn = Math.floor(fn / 2)
        sn = Math.floor(sn / 2)
      }
    } else hash = node(hash, each)
    fn = Math.floor(fn / 2)
    sn = Math.floor(sn / 2)
  }
  return sn === 0 && equal(hash, root)
}

/**
 * The path that shows that the first `first` leaves of a tree are those of an earlier tree. Throws RangeError when the
 * tree has fewer, or `first` is below 1.
 */
export function consistencyProof(leaves: readonly Uint8Array[], first: number): readonly Uint8Array[] {
  if (!Number.isInteger(first) || first < 1 || first > leaves.length)
    throw new RangeError(`a tree of ${leaves.length} leaves has no earlier tree of ${first}`)
  return subproof(leaves, first, true)
}

function subproof(leaves: readonly Uint8Array[], m: number, whole: boolean): readonly Uint8Array[] {
  if (m === leaves.length) return whole ? [] : [rootOf(leaves)]
  const k = split(leaves.length)
  const [left, right] = [leaves.slice(0, k), leaves.slice(k)]
  return m <= k ? [...subproof(left, m, whole), rootOf(right)] : [...subproof(right, m - k, false), rootOf(left)]
}

/** Two trees, of which the later is said to begin with the leaves of the earlier. */
export interface TreesClaim {
  readonly first: number
  readonly second: number
  readonly firstRoot: Uint8Array
  readonly secondRoot: Uint8Array
}

/** True when the path shows that the second tree begins with the leaves of the first. Never throws. */
export function verifyConsistency(claim: TreesClaim, path: readonly Uint8Array[]): boolean {
  const { first, second, firstRoot, secondRoot } = claim
  if (!Number.isSafeInteger(first) || !Number.isSafeInteger(second) || first < 1 || first > second) return false
  if (first === second) return path.length === 0 && equal(firstRoot, secondRoot)
  const power = Number.isInteger(Math.log2(first))
  const [start, ...rest] = power ? [firstRoot, ...path] : path
  if (!start || (power && path.length === 0)) return false
  let fn = first - 1
  let sn = second - 1
  while (fn % 2 === 1) {
    fn = Math.floor(fn / 2)
    sn = Math.floor(sn / 2)
  }
  let fr = start
  let sr = start
  for (const each of rest) {
    if (sn === 0) return false
    if (fn % 2 === 1 || fn === sn) {
      fr = node(each, fr)
      sr = node(each, sr)
      while (fn % 2 === 0 && fn !== 0) {
        fn = Math.floor(fn / 2)
        sn = Math.floor(sn / 2)
      }
    } else sr = node(sr, each)
    fn = Math.floor(fn / 2)
    sn = Math.floor(sn / 2)
  }
  return sn === 0 && equal(fr, firstRoot) && equal(sr, secondRoot)
}

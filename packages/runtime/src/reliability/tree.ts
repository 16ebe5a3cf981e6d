/** Merkle trees as RFC 6962, section 2.1, defines them: https://www.rfc-editor.org/rfc/rfc6962#section-2.1 */
import { sha256Bytes } from '../base/hash.ts'

const LEAF = Uint8Array.of(0)
const NODE = Uint8Array.of(1)

/** Hash of a leaf: SHA-256 over a zero byte and the leaf's bytes. */
export function leafHash(bytes: Uint8Array): Uint8Array {
  return sha256Bytes(LEAF, bytes)
}

/**
 * A tree whose leaves can be replaced and inserted. The root is computed from what changed since it was asked for last:
 * a replaced leaf costs its path, an inserted one everything to the right of it.
 */
export class MerkleTree {
  /** The leaves' hashes, then level above level. A last node without a neighbour stands on the next level unchanged. */
  readonly #levels: Uint8Array[][] = [[]]
  readonly #replaced = new Set<number>()
  /** Everything from this leaf on has moved. */
  #movedFrom = 0

  /** Number of leaves. */
  get size(): number {
    return this.#leaves().length
  }

  /** Puts another hash in the place of a leaf. */
  replace(index: number, hash: Uint8Array): void {
    this.#leaves()[index] = hash
    this.#replaced.add(index)
  }

  /** Inserts a leaf before the one at `index`, or at the end. */
  insert(index: number, hash: Uint8Array): void {
    this.#leaves().splice(index, 0, hash)
    this.#movedFrom = Math.min(this.#movedFrom, index)
  }

  /** The root: the Merkle Tree Hash of RFC 6962, which for no leaves is the SHA-256 of nothing. */
  root(): Uint8Array {
    let level = this.#leaves()
    let replaced: ReadonlySet<number> = this.#replaced
    let movedFrom = this.#movedFrom
    for (let height = 1; level.length > 1; height++) {
      const above = this.#levels[height] ?? []
      this.#levels[height] = above
      above.length = Math.ceil(level.length / 2)
      replaced = new Set([...replaced].map((index) => index >> 1))
      movedFrom >>= 1
      for (const index of replaced) if (index < movedFrom) above[index] = parent(level, index)
      for (let index = movedFrom; index < above.length; index++) above[index] = parent(level, index)
      level = above
    }
    this.#replaced.clear()
    this.#movedFrom = this.size
    return level[0] ?? sha256Bytes()
  }

  #leaves(): Uint8Array[] {
    const [leaves = []] = this.#levels
    return leaves
  }
}

function parent(level: readonly Uint8Array[], index: number): Uint8Array {
  const left = level[2 * index]
  if (!left) throw new RangeError(`node ${index} has no children`)
  const right = level[2 * index + 1]
  return right ? sha256Bytes(NODE, left, right) : left
}

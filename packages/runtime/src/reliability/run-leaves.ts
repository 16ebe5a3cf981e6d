import { leafHash, MerkleTree } from './tree.ts'

/** One leaf of a tree head: where a run's history stood (ENGINE R20). Ids, a number and a hash; no content. */
export interface RunLeaf {
  readonly tenant: string
  readonly runId: string
  readonly seq: number
  /** SHA-256 of the record with that sequence, in hex. */
  readonly head: string
}

/** The exact text of a leaf, which is what is hashed: a JSON list of tenant, run id, sequence and hash. */
export function leafText({ tenant, runId, seq, head }: RunLeaf): string {
  return JSON.stringify([tenant, runId, seq, head])
}

/** Hash of a leaf (RFC 6962), base64: what tree heads sign of a run, as markers of pruned histories name it. */
export function leafDigest(leaf: RunLeaf): string {
  return Buffer.from(leafHash(Buffer.from(leafText(leaf)))).toString('base64')
}

/** The order of leaves: by tenant, then by run id, both by code unit. */
export function compareLeaves(a: Pick<RunLeaf, 'tenant' | 'runId'>, b: Pick<RunLeaf, 'tenant' | 'runId'>): number {
  if (a.tenant !== b.tenant) return a.tenant < b.tenant ? -1 : 1
  if (a.runId === b.runId) return 0
  return a.runId < b.runId ? -1 : 1
}

/** A list of leaves as a text of lines in their order. */
export function leavesText(leaves: readonly RunLeaf[]): string {
  return [...leaves]
    .sort(compareLeaves)
    .map((leaf) => `${leafText(leaf)}\n`)
    .join('')
}

/** Reads a list of leaves; null when a byte of it is not as `leavesText` writes it. */
export function readLeaves(text: string): readonly RunLeaf[] | null {
  const leaves = text.split('\n').slice(0, -1).map(readLeaf)
  const whole = leaves.filter((leaf) => leaf !== null)
  return whole.length === leaves.length && leavesText(whole) === text ? whole : null
}

function readLeaf(line: string): RunLeaf | null {
  try {
    const [tenant, runId, seq, head]: unknown[] = JSON.parse(line)
    const typed = typeof tenant === 'string' && typeof runId === 'string' && typeof head === 'string'
    return typed && typeof seq === 'number' && Number.isSafeInteger(seq) && seq > 0
      ? { tenant, runId, seq, head }
      : null
  } catch {
    return null
  }
}

/** All leaves of a tree head in their order, with the tree over them. */
export class LeafSet {
  readonly #leaves: RunLeaf[] = []
  readonly #tree = new MerkleTree()
  #records = 0

  /** Number of runs. */
  get size(): number {
    return this.#leaves.length
  }

  /** Sum of the sequences: how many records the leaves stand for. */
  get records(): number {
    return this.#records
  }

  /** The leaf of a run, or undefined. */
  get(run: Pick<RunLeaf, 'tenant' | 'runId'>): RunLeaf | undefined {
    const found = this.#leaves[this.#place(run)]
    return found && compareLeaves(found, run) === 0 ? found : undefined
  }

  /** Adds a run's leaf or puts it in the place of the run's former one. */
  set(leaf: RunLeaf): void {
    const place = this.#place(leaf)
    const former = this.get(leaf)
    const hash = leafHash(Buffer.from(leafText(leaf)))
    if (former) {
      this.#leaves[place] = leaf
      this.#tree.replace(place, hash)
    } else {
      this.#leaves.splice(place, 0, leaf)
      this.#tree.insert(place, hash)
    }
    this.#records += leaf.seq - (former?.seq ?? 0)
  }

  /** The root over all leaves, in base64. */
  root(): string {
    return Buffer.from(this.#tree.root()).toString('base64')
  }

  /** All leaves, in order. */
  all(): readonly RunLeaf[] {
    return this.#leaves
  }

  /** Where a run's leaf is, or belongs. */
  #place(run: Pick<RunLeaf, 'tenant' | 'runId'>): number {
    let low = 0
    let high = this.#leaves.length
    while (low < high) {
      const middle = (low + high) >> 1
      const there = this.#leaves[middle]
      if (there && compareLeaves(there, run) < 0) low = middle + 1
      else high = middle
    }
    return low
  }
}

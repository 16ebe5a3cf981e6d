/** A proof that a signed tree head covers a run, which can be checked with the public key alone: no store, no other head. */
import { SignalboxError } from '../base/errors.ts'
import { leafText, type LeafSet, type RunLeaf } from './run-leaves.ts'
import { leafHash } from './tree.ts'
import { openHead, type TreeHead, type VerifierKey } from './tree-head.ts'
import { inclusionProof, verifyInclusion } from './tree-proof.ts'

const FORMAT = 'signalbox proof'
const VERSION = 1

/** A proof as it is written down. */
export interface RunProof {
  readonly format: typeof FORMAT
  readonly version: typeof VERSION
  /** The run, and the record and hash that its history stood at. */
  readonly leaf: { readonly tenant: string; readonly run_id: string; readonly seq: number; readonly head: string }
  /** Place of the leaf in the tree of the head. */
  readonly index: number
  /** Hashes (base64) from the leaf to the root. */
  readonly path: readonly string[]
  /** The signed head, as its file has it. */
  readonly note: string
}

/** What a valid proof shows. */
export interface Proven extends RunLeaf {
  readonly head_number: number
  /** ISO 8601: when the head was signed. */
  readonly time: string
}

/** The proof for one leaf of the last head. Throws NOT_FOUND when no head covers the run. */
export function proveRun(run: Pick<RunLeaf, 'tenant' | 'runId'>, leaves: LeafSet, note: string): RunProof {
  const all = leaves.all()
  const index = all.findIndex((leaf) => leaf.tenant === run.tenant && leaf.runId === run.runId)
  const leaf = all[index]
  if (!leaf)
    throw new SignalboxError('NOT_FOUND', `no tree head covers run \`${run.runId}\` yet: wait for the next one`)
  const path = inclusionProof(
    all.map((each) => leafHash(Buffer.from(leafText(each)))),
    index,
  )
  return {
    format: FORMAT,
    version: VERSION,
    leaf: { tenant: leaf.tenant, run_id: leaf.runId, seq: leaf.seq, head: leaf.head },
    index,
    path: path.map((each) => Buffer.from(each).toString('base64')),
    note,
  }
}

/** What a proof shows under a public key, or why it shows nothing. Throws INPUT_INVALID for a text that is no proof. */
export function checkRunProof(text: string, key: VerifierKey): Proven | { readonly fault: string } {
  const proof = readProof(text)
  const head: TreeHead | null = openHead(proof.note, key)
  if (!head) return { fault: 'the note in it is not one that this key signed' }
  const { tenant, run_id: runId, seq, head: hash } = proof.leaf
  const leaf = leafHash(Buffer.from(leafText({ tenant, runId, seq, head: hash })))
  const claim = { leaf, index: proof.index, size: head.size, root: Buffer.from(head.root, 'base64') }
  const path = proof.path.map((each) => new Uint8Array(Buffer.from(each, 'base64')))
  if (!verifyInclusion(claim, path)) return { fault: 'its path does not lead from the run to the root that was signed' }
  return { tenant, runId, seq, head: hash, head_number: head.number, time: head.time }
}

function readProof(text: string): RunProof {
  try {
    const proof: unknown = JSON.parse(text)
    if (isProof(proof)) return proof
  } catch {
    // Told below.
  }
  throw new SignalboxError('INPUT_INVALID', 'the file is not a proof of `signalbox audit prove`')
}

function isProof(value: unknown): value is RunProof {
  if (typeof value !== 'object' || value === null) return false
  // Each field is looked at before it is used.
  const { format, version, leaf, index, path, note } = value as Partial<RunProof>
  const words = typeof leaf?.tenant === 'string' && typeof leaf.run_id === 'string' && typeof leaf.head === 'string'
  const numbers = typeof leaf?.seq === 'number' && typeof index === 'number'
  const strings = Array.isArray(path) && path.every((each) => typeof each === 'string')
  return format === FORMAT && version === VERSION && words && numbers && strings && typeof note === 'string'
}

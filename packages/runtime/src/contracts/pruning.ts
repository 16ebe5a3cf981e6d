import { sha256Hex } from '../base/hash.ts'
import type { Principal } from './common.ts'
import type { RecordBase } from './record-base.ts'

/** What a pruned history keeps: `metadata` is every record without its contents; `nothing` only hashes and the markers. */
export type Kept = 'metadata' | 'nothing'

/** What every marker of a pruned history says, so that what is left can be verified without what is gone. */
export interface PruningBase extends RecordBase {
  /** First and last record that it covers; the first is always 1. */
  readonly first_seq: number
  readonly last_seq: number
  readonly keep: Kept
  /** Hash of the last covered record. */
  readonly head: string
  /** Leaf hash (RFC 6962, base64) of the run as tree heads sign it, at the last covered record. */
  readonly leaf: string
  /** `skeletonDigest` of the covered records; null when their bodies are kept. */
  readonly skeleton: string | null
  /** How the run had ended. */
  readonly ended_as: 'completed' | 'stopped' | 'cancelled' | 'terminated'
  readonly by: Principal
}

/** A rule of retention as a marker keeps it, so that a reader can check that it asked for exactly this. */
export interface RetentionRuleRef {
  /** Digest of the whole policy; its text is on record as the definition `retention:<digest>`. */
  readonly policy: string
  /** Place of the rule in the policy, from 0. */
  readonly index: number
}

/** Contents, or whole records, up to here were destroyed by a rule of retention. */
export interface HistoryPruned extends PruningBase {
  readonly type: 'history.pruned'
  readonly rule: RetentionRuleRef
  /** ISO 8601: when the run ended, from which the rule counts. */
  readonly ended_at: string
}

/** The contents up to here were destroyed because the person they are about was erased (ENGINE R16). */
export interface SubjectErased extends PruningBase {
  readonly type: 'subject.erased'
  /** Keyed digest of the person's id under the tenant's digest key; the id itself is not repeated. */
  readonly subject_digest: string
  /** Why, in the words of who ordered it; must not name the person. */
  readonly reason: string
}

/** A record that vouches for what is missing before it. It is itself never pruned. */
export type PruningRecord = HistoryPruned | SubjectErased

/** The types of markers. */
export const PRUNING_TYPES = ['history.pruned', 'subject.erased'] as const

interface SkeletonRecord {
  readonly seq: number
  readonly type: string
  readonly hash: string
}

/** Digest over what is left of pruned records: SHA-256 (hex) over a line of sequence, type and hash of each. */
export function skeletonDigest(records: readonly SkeletonRecord[]): string {
  return sha256Hex(records.map(({ seq, type, hash }) => `${seq} ${type} ${hash}\n`).join(''))
}

/** True for a stored record whose body was destroyed. */
export function isEmptied(record: { readonly body: string }): boolean {
  return record.body === ''
}

/** Hash of a stored record as its bytes give it; of one whose body was destroyed, the hash that is left of it. */
export function hashLeft(record: { readonly body: string; readonly hash: string }): string {
  return isEmptied(record) ? record.hash : sha256Hex(record.body)
}

/** True for the types that vouch for what is gone; they are kept whatever is pruned. */
export function isPruningType(type: string): type is PruningRecord['type'] {
  return PRUNING_TYPES.some((each) => each === type)
}

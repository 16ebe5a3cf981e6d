import { SignalboxError } from '../base/errors.ts'
import { sha256Hex } from '../base/hash.ts'
import { parseJson } from '../base/json.ts'
import { isEmptied } from '../contracts/pruning.ts'
import { RECORD_VERSION, type RunRecord } from '../contracts/records.ts'
import type { StoredRecord } from '../contracts/store.ts'

/** `prev` of a run's first record. */
export const CHAIN_START = '0'.repeat(64)

/** The exact bytes of a record and their hash, which is the next record's `prev` (invariant 9, ENGINE R10). */
export function encodeRecord(record: RunRecord): { readonly body: string; readonly hash: string } {
  const body = JSON.stringify(record)
  return { body, hash: sha256Hex(body) }
}

/** Reads stored records; those whose bodies were pruned are left out. Throws as `decodeRecord` does. */
export function decodeRecords(stored: readonly StoredRecord[]): readonly RunRecord[] {
  return stored.filter((each) => !isEmptied(each)).map(decodeRecord)
}

/** Reads a stored record. Throws CONTENT_ERASED for a pruned one, STORE_NEWER for a later format, STORE_CORRUPT when the bytes are not a record. */
export function decodeRecord(stored: StoredRecord): RunRecord {
  if (isEmptied(stored))
    throw new SignalboxError('CONTENT_ERASED', `record ${stored.seq} was pruned; only its hash is left`)
  const value = parseJson(stored.body, `record ${stored.seq}`)
  if (typeof value !== 'object' || value === null || !('v' in value) || !('type' in value))
    throw new SignalboxError('STORE_CORRUPT', `record ${stored.seq} is not readable; run \`signalbox audit verify\``)
  if (typeof value.v === 'number' && value.v > RECORD_VERSION)
    throw new SignalboxError('STORE_NEWER', `record ${stored.seq} was written by a newer version; upgrade this worker`)
  // The chain proves that these are the bytes this program (or an earlier version of it) wrote as a RunRecord.
  return value as unknown as RunRecord
}

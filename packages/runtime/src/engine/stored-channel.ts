import { channel } from 'node:diagnostics_channel'
import type { StoredRecord } from '../contracts/store.ts'

/** Name of the diagnostics channel on which this process tells what it stored. */
export const STORED_CHANNEL = 'signalbox:stored'

/** Records of one run that have just become durable, in order. Bodies are as stored; contents are sealed. */
export interface StoredMessage {
  readonly runId: string
  readonly records: readonly StoredRecord[]
}

const stored = channel(STORED_CHANNEL)

/** Tells listeners of this process, when there are any, what became durable (Invariant 9). Costs nothing without one. */
export function tellStored(runId: string, records: readonly StoredRecord[]): void {
  if (!stored.hasSubscribers) return
  const message: StoredMessage = { runId, records }
  stored.publish(message)
}

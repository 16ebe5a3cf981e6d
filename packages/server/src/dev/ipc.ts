import type { ErrorCode, StreamItem } from 'signalbox'

/** The provisional part of a run's stream. */
export type DeltaItem = Exclude<StreamItem, { kind: 'record' }>

/** What a worker process tells the server process. Deltas are best effort; everything that counts is in the store. */
export type FromWorker =
  | { readonly type: 'ready' }
  /** The process still takes turns; told every second. */
  | { readonly type: 'alive' }
  | { readonly type: 'failed'; readonly code: ErrorCode; readonly message: string }
  | { readonly type: 'delta'; readonly item: DeltaItem }
  /** The store does not take or give something; runs wait until it does. */
  | { readonly type: 'trouble'; readonly code: string; readonly message: string }

/** What the server process tells a worker. */
export type ToWorker = { readonly type: 'stop' }

/** How often a worker gives a sign of life. */
export const ALIVE_EVERY_MS = 1_000

/** What a worker process is started with, as JSON in its first argument. */
export interface WorkerStart {
  readonly name: string
  readonly configPath: string
  readonly dataDir: string
  readonly concurrency: number
  /** How long runs may take to a place from which another worker can go on, when the process is told to stop. */
  readonly drainMs: number
}

/** True for a message of a worker; anything else on the channel is ignored. */
export function isFromWorker(message: unknown): message is FromWorker {
  const type = typeof message === 'object' && message !== null && 'type' in message ? message.type : undefined
  return type === 'ready' || type === 'alive' || type === 'failed' || type === 'delta' || type === 'trouble'
}

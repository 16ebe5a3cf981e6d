import type { ErrorCode, StreamItem } from 'signalbox'

/** The provisional part of a run's stream. */
export type DeltaItem = Exclude<StreamItem, { kind: 'record' }>

/** What a worker process tells the server process. Deltas are best effort; everything that counts is in the store. */
export type FromWorker =
  | { readonly type: 'ready' }
  | { readonly type: 'failed'; readonly code: ErrorCode; readonly message: string }
  | { readonly type: 'delta'; readonly item: DeltaItem }
  /** The store does not take or give something; runs wait until it does. */
  | { readonly type: 'trouble'; readonly code: string; readonly message: string }

/** What the server process tells a worker. */
export type ToWorker = { readonly type: 'stop' }

/** What a worker process is started with, as JSON in its first argument. */
export interface WorkerStart {
  readonly name: string
  readonly configPath: string
  readonly dataDir: string
  readonly concurrency: number
}

/** True for a message of a worker; anything else on the channel is ignored. */
export function isFromWorker(message: unknown): message is FromWorker {
  const type = typeof message === 'object' && message !== null && 'type' in message ? message.type : undefined
  return type === 'ready' || type === 'failed' || type === 'delta' || type === 'trouble'
}

/**
 * The event stream of one run. It owns the order of what one reader gets: records from the run's own stream, which reads
 * the store by cursor, and deltas beside them. It is pulled by the reader: one who is slow holds back this stream only,
 * never the run (Invariant 1), and gets the missing records from the store later. Only deltas wait in memory, a bounded
 * number; what does not fit is left out, and the gap shows in their offsets.
 */
import { ENDED, type StreamEvent } from '@signalbox/protocol'
import type { Host, RunsApi, StreamItem } from 'signalbox'
import type { DeltaHub, DeltaItem } from './deltas.ts'

/** Deltas kept for one slow reader. */
const MAX_DELTAS = 256
/** A comment is sent after this long without anything else, so that proxies keep the connection. */
const HEARTBEAT_MS = 15_000

/** What one reader asked for. */
export interface EventStreamRequest {
  readonly runs: Pick<RunsApi, 'stream' | 'get'>
  readonly deltas: DeltaHub
  readonly host: Host
  readonly tenant: string
  readonly runId: string
  /** Sequence of the last record that the reader has. */
  readonly after: number
  /** Ends the stream, when the server stops. */
  readonly signal: AbortSignal
  readonly heartbeatMs?: number
}

/** The bytes of the stream. It ends after the `end` event, when the signal aborts, or when reading the run fails. */
export function eventStream(request: EventStreamRequest): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  const frames = framesOf(request)
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const next = await frames.next()
        if (next.done) controller.close()
        else controller.enqueue(encoder.encode(next.value))
      },
      cancel: () => frames.stop(),
    },
    { highWaterMark: 0 },
  )
}

interface Frames {
  next(): Promise<{ done: true } | { done: false; value: string }>
  stop(): Promise<void>
}

function framesOf(request: EventStreamRequest): Frames {
  const stop = new AbortController()
  const signal = AbortSignal.any([stop.signal, request.signal])
  const side = sideQueue(request)
  const items = request.runs
    .stream(request.tenant, request.runId, { after: request.after, signal })
    [Symbol.asyncIterator]()
  let pending: Promise<Step> | null = null
  let finished = false
  const close = async (): Promise<void> => {
    finished = true
    side.close()
    stop.abort()
  }
  return {
    stop: close,
    next: async () => {
      if (finished) return { done: true }
      const queued = side.take()
      if (queued !== null) return { done: false, value: queued }
      pending ??= stepOf(items)
      const first = await Promise.race([pending, side.wake()])
      if (first === 'side') return { done: false, value: side.take() ?? ': \n\n' }
      pending = null
      if (first.item) return { done: false, value: frameOfItem(first.item) }
      await close()
      const end = first.complete && !request.signal.aborted ? await endFrame(request) : null
      return end === null ? { done: true } : { done: false, value: end }
    },
  }
}

interface Step {
  readonly item: StreamItem | null
  /** False when reading broke off. */
  readonly complete: boolean
}

async function stepOf(items: AsyncIterator<StreamItem>): Promise<Step> {
  try {
    const next = await items.next()
    return next.done ? { item: null, complete: true } : { item: next.value, complete: true }
  } catch {
    // The reader comes back by Last-Event-ID; an error frame would look like the run's own end.
    return { item: null, complete: false }
  }
}

function sideQueue(request: EventStreamRequest) {
  // The first frame sends the headers at once, and says how soon to come back after a lost connection (ms).
  const queue: string[] = ['retry: 1000\n\n']
  let wakeUp: () => void = () => undefined
  const every = request.heartbeatMs ?? HEARTBEAT_MS
  const put = (frame: string): void => {
    if (queue.length < MAX_DELTAS) queue.push(frame)
    wakeUp()
  }
  const leave = request.deltas.subscribe(request.runId, (item) => put(frameOfItem(item)))
  let cancelBeat: () => void = () => undefined
  const beat = (): void => {
    cancelBeat = request.host.after(every, () => {
      if (queue.length === 0) put(': still here\n\n')
      beat()
    })
  }
  beat()
  return {
    take: (): string | null => queue.shift() ?? null,
    wake: (): Promise<'side'> =>
      new Promise((resolve) => {
        wakeUp = () => resolve('side')
        if (queue.length > 0) resolve('side')
      }),
    close: (): void => {
      cancelBeat()
      leave()
    },
  }
}

async function endFrame(request: EventStreamRequest): Promise<string | null> {
  const row = await request.runs.get(request.tenant, request.runId).catch(() => null)
  if (!row || !ENDED.includes(row.status)) return null
  return frame({ event: 'end', data: { run_id: row.runId, status: row.status, seq: row.seq } })
}

function frameOfItem(item: StreamItem | DeltaItem): string {
  if (item.kind === 'record') return `id: ${item.record.seq}\nevent: record\ndata: ${JSON.stringify(item.record)}\n\n`
  if (item.kind === 'attempt_restarted')
    return frame({ event: 'attempt_restarted', data: { ask: item.ask, attempt: item.attempt } })
  const { ask, attempt, offset, delta } = item
  return frame({ event: 'delta', data: { ask, attempt, offset, delta } })
}

function frame(event: Exclude<StreamEvent, { event: 'record' }>): string {
  return `event: ${event.event}\ndata: ${JSON.stringify(event.data)}\n\n`
}

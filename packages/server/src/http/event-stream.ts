/**
 * The event stream of one run, as bytes. What is in it and in which order is the run's own stream: records read from the
 * store by cursor, and deltas as they come. It is pulled by the reader: one who is slow holds back this stream only, never
 * the run (Invariant 1), and gets the missing records from the store later. This file owns the frames and the heartbeat.
 */
import { ENDED, type StreamEvent } from '@signalbox/protocol'
import type { Host, RunsApi, StreamItem } from 'signalbox'

/** A comment is sent after this long without anything else, so that proxies keep the connection. */
const HEARTBEAT_MS = 15_000

/** What one reader asked for. */
export interface EventStreamRequest {
  readonly runs: Pick<RunsApi, 'stream' | 'get'>
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

/** Sends the headers at once, and says how soon to come back after a lost connection (ms). */
const OPENING = 'retry: 1000\n\n'
const HEARTBEAT = ': still here\n\n'

function framesOf(request: EventStreamRequest): Frames {
  const stop = new AbortController()
  const signal = AbortSignal.any([stop.signal, request.signal])
  const { runs, tenant, runId, after } = request
  const items = runs.stream(tenant, runId, { after, signal })[Symbol.asyncIterator]()
  let pending: Promise<Step> | null = null
  let opened = false
  const leave = async (): Promise<void> => {
    stop.abort()
    // Ends the run's stream also when it stands at a record that nobody took.
    await items.return?.(undefined)
  }
  return {
    stop: leave,
    next: async () => {
      if (!opened) {
        opened = true
        return { done: false, value: OPENING }
      }
      pending ??= stepOf(items)
      const first = await orHeartbeat(pending, request)
      if (first === null) return { done: false, value: HEARTBEAT }
      pending = null
      if (first.item) return { done: false, value: frameOfItem(first.item) }
      const end = first.complete && !signal.aborted ? await endFrame(request) : null
      // An aborted signal tells the next pull that everything was said.
      await leave()
      return end === null ? { done: true } : { done: false, value: end }
    },
  }
}

/** What comes next, or null when nothing came for the time of a heartbeat. */
async function orHeartbeat(pending: Promise<Step>, request: EventStreamRequest): Promise<Step | null> {
  let cancel: () => void = () => undefined
  const beat = new Promise<null>((resolve) => {
    cancel = request.host.after(request.heartbeatMs ?? HEARTBEAT_MS, () => resolve(null))
  })
  try {
    return await Promise.race([pending, beat])
  } finally {
    cancel()
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

async function endFrame(request: EventStreamRequest): Promise<string | null> {
  const row = await request.runs.get(request.tenant, request.runId).catch(() => null)
  if (!row || !ENDED.includes(row.status)) return null
  return frame({ event: 'end', data: { run_id: row.runId, status: row.status, seq: row.seq } })
}

function frameOfItem(item: StreamItem): string {
  if (item.kind === 'record') return `id: ${item.record.seq}\nevent: record\ndata: ${JSON.stringify(item.record)}\n\n`
  if (item.kind === 'attempt_restarted')
    return frame({ event: 'attempt_restarted', data: { ask: item.ask, attempt: item.attempt } })
  const { ask, attempt, offset, delta } = item
  return frame({ event: 'delta', data: { ask, attempt, offset, delta } })
}

function frame(event: Exclude<StreamEvent, { event: 'record' }>): string {
  return `event: ${event.event}\ndata: ${JSON.stringify(event.data)}\n\n`
}

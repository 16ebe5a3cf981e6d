import { SignalboxError } from 'signalbox/errors'
import { z } from 'zod'
import { runStatusSchema } from './common.ts'
import { recordSchema } from './runs.ts'

/** A provisional part of a running model call: best effort, void after `attempt_restarted`. The records are the truth. */
export const deltaSchema = z.object({
  ask: z.string(),
  attempt: z.int(),
  /** Position among the deltas of this attempt, from 0. */
  offset: z.int(),
  delta: z.looseObject({ type: z.enum(['text-delta', 'reasoning-delta', 'tool-input-delta']), delta: z.string() }),
})
/** Deltas of this ask shown so far are void. */
export const attemptRestartedSchema = z.object({ ask: z.string(), attempt: z.int() })
/** The stream is complete: the run is over. */
export const streamEndSchema = z.object({ run_id: z.string(), status: runStatusSchema, seq: z.int() })

/**
 * One event of a run's stream. Only records have ids (their sequence), so a consumer that comes back with the last id it
 * saw misses no record and sees none twice.
 */
export type StreamEvent =
  | { readonly event: 'record'; readonly data: z.output<typeof recordSchema> }
  | { readonly event: 'delta'; readonly data: z.output<typeof deltaSchema> }
  | { readonly event: 'attempt_restarted'; readonly data: z.output<typeof attemptRestartedSchema> }
  | { readonly event: 'end'; readonly data: z.output<typeof streamEndSchema> }

/** One message of an event stream as it stands on the wire. */
export interface SseMessage {
  readonly event: string
  readonly id: string | null
  readonly data: string
}

/** Reads server-sent events from bytes: comments are skipped, a message cut off by the end is dropped. */
export async function* readSse(body: ReadableStream<Uint8Array>): AsyncGenerator<SseMessage, void, void> {
  const decoder = new TextDecoder()
  const reader = body.getReader()
  let text = ''
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      text += decoder.decode(value, { stream: true })
      const blocks = text.split(/\r?\n\r?\n/)
      text = blocks.pop() ?? ''
      for (const block of blocks) {
        const message = parseBlock(block)
        if (message) yield message
      }
    }
  } finally {
    await reader.cancel().catch(() => undefined)
  }
}

function parseBlock(block: string): SseMessage | null {
  let event = 'message'
  let id: string | null = null
  const data: string[] = []
  for (const line of block.split(/\r?\n/)) {
    const at = line.indexOf(':')
    if (at === 0) continue
    const field = at < 0 ? line : line.slice(0, at)
    const value = at < 0 ? '' : line.slice(at + 1).replace(/^ /, '')
    if (field === 'event') event = value
    else if (field === 'id') id = value
    else if (field === 'data') data.push(value)
  }
  return data.length === 0 ? null : { event, id, data: data.join('\n') }
}

/** Reads one message as an event of a run's stream; null for a kind that this version does not know. */
export function parseStreamEvent(message: SseMessage): StreamEvent | null {
  switch (message.event) {
    case 'record':
      return { event: 'record', data: read(recordSchema, message) }
    case 'delta':
      return { event: 'delta', data: read(deltaSchema, message) }
    case 'attempt_restarted':
      return { event: 'attempt_restarted', data: read(attemptRestartedSchema, message) }
    case 'end':
      return { event: 'end', data: read(streamEndSchema, message) }
    default:
      return null
  }
}

function read<S extends z.ZodType>(schema: S, message: SseMessage): z.output<S> {
  const parsed = schema.safeParse(JSON.parse(message.data))
  if (parsed.success) return parsed.data
  throw new SignalboxError(
    'INTERNAL',
    `the server sent a \`${message.event}\` event of another shape: use the client of the server's version`,
  )
}

import { SignalboxError } from 'signalbox/errors'
import type { z } from 'zod'
import { problemSchema } from './common.ts'
import {
  API_BASE,
  type EndpointInput,
  type EndpointName,
  type EndpointOutput,
  type EndpointSpec,
  ENDPOINTS,
} from './endpoints.ts'
import { parseStreamEvent, readSse, type StreamEvent } from './stream.ts'

/** How a client reaches a server. */
export interface ClientOptions {
  /** Origin without a trailing slash, such as `http://127.0.0.1:4750`; empty for the page's own origin. */
  readonly baseUrl: string
  /** Bearer token, or null for the open endpoints only. */
  readonly token: string | null
  readonly fetch?: typeof fetch
  /** Waits between attempts to reconnect a stream, in milliseconds. Without it a stream reconnects at once, three times at most without progress. */
  readonly wait?: (ms: number, signal: AbortSignal | undefined) => Promise<void>
}

/** Where a stream starts and when it stops. */
export interface StreamOptions {
  /** Sequence of the last record already seen; 0 for all. */
  readonly after?: number
  readonly signal?: AbortSignal
}

/** A call of one endpoint. Errors are `SignalboxError` with the server's code, or SERVER_UNREACHABLE. */
export type EndpointCall<N extends EndpointName> = keyof EndpointInput<N> extends never
  ? () => Promise<EndpointOutput<N>>
  : Record<never, never> extends EndpointInput<N>
    ? (input?: EndpointInput<N>) => Promise<EndpointOutput<N>>
    : (input: EndpointInput<N>) => Promise<EndpointOutput<N>>

/** Every endpoint by name, and the stream of one run. */
export type Client = { readonly [N in EndpointName]: EndpointCall<N> } & {
  /**
   * Events of a run from after `after` until it ends or the signal aborts. A lost connection is taken up again after the
   * last record seen; deltas may be missed or repeated, records are not. Errors of the server end it; so does
   * SERVER_UNREACHABLE when it stays away.
   */
  streamRun(runId: string, options?: StreamOptions): AsyncGenerator<StreamEvent, void, void>
}

interface AnyInput {
  readonly params?: { readonly id: string }
  readonly query?: Readonly<Record<string, string | number | undefined>>
  readonly body?: unknown
}

/** Makes a client. Identity is the token alone. */
export function createClient(options: ClientOptions): Client {
  const calls = Object.fromEntries(
    Object.entries(ENDPOINTS).map(([name, spec]) => [name, (input?: AnyInput) => call(options, spec, input ?? {})]),
  )
  // The entries above are exactly the endpoints, each answering with its own parsed response.
  return { ...calls, streamRun: (runId: string, how?: StreamOptions) => streamRun(options, runId, how ?? {}) } as Client
}

async function call(options: ClientOptions, spec: EndpointSpec, input: AnyInput): Promise<unknown> {
  const path = spec.path.replace('{id}', encodeURIComponent(input.params?.id ?? ''))
  const response = await send(options, `${path}${queryText(input.query)}`, {
    method: spec.method.toUpperCase(),
    headers: { accept: 'application/json', ...(spec.body ? { 'content-type': 'application/json' } : {}) },
    ...(spec.body ? { body: JSON.stringify(input.body) } : {}),
  })
  const parsed = spec.response.safeParse(await json(response))
  if (parsed.success) return parsed.data
  const where = parsed.error.issues.map((each) => each.path.join('.')).join(', ')
  throw new SignalboxError(
    'INTERNAL',
    `the answer of \`${spec.path}\` has another shape (${where}): use the client of the server's version`,
  )
}

function queryText(query: AnyInput['query']): string {
  const params = new URLSearchParams()
  for (const [name, value] of Object.entries(query ?? {})) if (value !== undefined) params.set(name, String(value))
  const text = params.toString()
  return text === '' ? '' : `?${text}`
}

interface SendInit {
  readonly method: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
  readonly signal?: AbortSignal
}

async function send(options: ClientOptions, path: string, init: SendInit): Promise<Response> {
  const reach = options.fetch ?? fetch
  const headers = { ...init.headers, ...(options.token ? { authorization: `Bearer ${options.token}` } : {}) }
  let response: Response
  try {
    response = await reach(`${options.baseUrl}${API_BASE}${path}`, { ...init, headers })
  } catch (cause) {
    const place = options.baseUrl === '' ? 'the server' : `\`${options.baseUrl}\``
    throw new SignalboxError('SERVER_UNREACHABLE', `${place} does not answer: start it with \`signalbox dev\``, {
      cause,
    })
  }
  if (!response.ok) throw await problemOf(response)
  return response
}

async function json(response: Response): Promise<unknown> {
  try {
    return await response.json()
  } catch (cause) {
    throw new SignalboxError('SERVER_UNREACHABLE', 'the answer was cut off or is not JSON: try again', { cause })
  }
}

async function problemOf(response: Response): Promise<SignalboxError> {
  const parsed = problemSchema.safeParse(await response.json().catch(() => null))
  if (!parsed.success)
    return new SignalboxError(
      'SERVER_UNREACHABLE',
      `something that is not Signalbox answered with status ${response.status}`,
    )
  return new SignalboxError(parsed.data.code, parsed.data.detail, { details: parsed.data.details ?? {} })
}

const ATTEMPTS_WITHOUT_WAIT = 3
const ATTEMPTS = 20

async function* streamRun(
  options: ClientOptions,
  runId: string,
  how: StreamOptions,
): AsyncGenerator<StreamEvent, void, void> {
  const attempts = options.wait ? ATTEMPTS : ATTEMPTS_WITHOUT_WAIT
  let after = how.after ?? 0
  for (let failures = 0; !how.signal?.aborted; failures++) {
    let lost: unknown = new SignalboxError('SERVER_UNREACHABLE', 'the stream keeps ending early: try again')
    try {
      for await (const event of connect(options, runId, after, how.signal)) {
        failures = 0
        if (event.event === 'record') {
          if (event.data.seq <= after) continue
          after = event.data.seq
        }
        yield event
        if (event.event === 'end') return
      }
    } catch (error) {
      if (how.signal?.aborted) return
      if (!(error instanceof SignalboxError && error.code === 'SERVER_UNREACHABLE')) throw error
      lost = error
    }
    if (failures >= attempts) throw lost
    await options.wait?.(Math.min(5000, 100 * 2 ** failures), how.signal)
  }
}

async function* connect(
  options: ClientOptions,
  runId: string,
  after: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<StreamEvent, void, void> {
  const response = await send(options, `/runs/${encodeURIComponent(runId)}/stream`, {
    method: 'GET',
    headers: { accept: 'text/event-stream', 'last-event-id': String(after) },
    ...(signal ? { signal } : {}),
  })
  if (!response.body) return
  try {
    for await (const message of readSse(response.body)) {
      const event = parseStreamEvent(message)
      if (event) yield event
    }
  } catch (cause) {
    if (cause instanceof SignalboxError) throw cause
    throw new SignalboxError('SERVER_UNREACHABLE', 'the connection to the stream was lost', { cause })
  }
}

/** Parses a value with one of the schemas; throws INPUT_INVALID naming the fields. */
export function parseWith<S extends z.ZodType>(schema: S, value: unknown, what: string): z.output<S> {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  throw new SignalboxError('INPUT_INVALID', `${what}: ${issueText(parsed.error)}`)
}

/** The issues of a failed parse as one line: `field: what is wrong; …`. */
export function issueText(error: z.ZodError): string {
  return error.issues
    .map((issue) => `${issue.path.length === 0 ? 'body' : `\`${issue.path.join('.')}\``}: ${lowerFirst(issue.message)}`)
    .join('; ')
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1)
}

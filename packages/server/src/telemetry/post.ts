import { Agent, type ClientRequest, type IncomingMessage, request as httpRequest } from 'node:http'
import { Agent as SecureAgent, request as httpsRequest } from 'node:https'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import type { Host } from 'signalbox'
import type { SignalSettings } from './settings.ts'

/** The collector did not take a request. What it said of it is not kept: it could hold what it was sent. */
export class NotAcknowledged extends Error {
  /** 0 when there was no answer. */
  readonly status: number
  /** How long the collector asks to be left alone, in milliseconds. */
  readonly retryAfterMs: number | null

  constructor(message: string, status: number, retryAfterMs: number | null = null) {
    super(message)
    this.status = status
    this.retryAfterMs = retryAfterMs
  }

  /** True when the same bytes would be refused again: sending less of them may pass. */
  get isRefusal(): boolean {
    return [400, 413, 422].includes(this.status)
  }
}

/** Answers are a few bytes; a collector that answers with more is not read further. */
const MAX_ANSWER = 65_536
const compressed = promisify(gzip)

/** A way to one collector with kept connections. `send` gives its answer, and rejects with NotAcknowledged. */
export class CollectorPost {
  readonly #settings: SignalSettings
  readonly #host: Host
  readonly #agent: Agent
  readonly #secure: boolean

  constructor(settings: SignalSettings, host: Host) {
    this.#settings = settings
    this.#host = host
    this.#secure = settings.url.startsWith('https:')
    this.#agent = this.#secure ? new SecureAgent({ keepAlive: true }) : new Agent({ keepAlive: true })
  }

  async send(body: Uint8Array): Promise<Uint8Array> {
    const { gzip: isGzip, headers, protocol } = this.#settings
    const bytes = isGzip ? await compressed(body) : body
    const type = protocol === 'http/json' ? 'application/json' : 'application/x-protobuf'
    return await this.#request(bytes, {
      ...headers,
      'content-type': type,
      'content-length': String(bytes.length),
      ...(isGzip ? { 'content-encoding': 'gzip' } : {}),
      'user-agent': 'signalbox',
    })
  }

  close(): void {
    this.#agent.destroy()
  }

  #request(bytes: Uint8Array, headers: Readonly<Record<string, string>>): Promise<Uint8Array> {
    const { url, timeoutMs } = this.#settings
    const request = this.#secure ? httpsRequest : httpRequest
    return new Promise((resolve, reject) => {
      const made: ClientRequest = request(url, { method: 'POST', agent: this.#agent, headers }, (response) => {
        answerOf(response, this.#host).then(resolve, reject).finally(cancel)
      })
      const late = `the collector did not answer within ${timeoutMs} ms`
      const cancel = this.#host.after(timeoutMs, () => made.destroy(new NotAcknowledged(late, 0)))
      made.on('error', (cause) => {
        cancel()
        reject(cause instanceof NotAcknowledged ? cause : new NotAcknowledged(unreachable(cause), 0))
      })
      made.end(bytes)
    })
  }
}

function unreachable(cause: Error): string {
  return `the collector could not be reached (${'code' in cause ? String(cause.code) : cause.name})`
}

async function answerOf(response: IncomingMessage, host: Host): Promise<Uint8Array> {
  const status = response.statusCode ?? 0
  const parts: Buffer[] = []
  let length = 0
  try {
    for await (const part of response) {
      // A stream without an encoding gives buffers.
      parts.push(part as Buffer)
      length += (part as Buffer).length
      if (length > MAX_ANSWER) break
    }
  } catch (cause) {
    throw new NotAcknowledged(unreachable(cause instanceof Error ? cause : new Error('broken off')), 0)
  }
  if (status >= 200 && status < 300) return Buffer.concat(parts)
  const retryAfterMs = retryAfter(response.headers['retry-after'], host.now())
  throw new NotAcknowledged(`the collector answered with status ${status}`, status, retryAfterMs)
}

/** Seconds or a date, as HTTP has it; null when there is neither, or it has passed. */
function retryAfter(value: string | undefined, now: number): number | null {
  if (value === undefined) return null
  const ms = /^\d+$/.test(value) ? Number(value) * 1_000 : Date.parse(value) - now
  return ms > 0 ? ms : null
}

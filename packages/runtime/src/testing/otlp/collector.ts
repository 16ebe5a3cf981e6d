import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gunzipSync } from 'node:zlib'
import { type Received, type ReceivedSignal, receivedOf } from './received.ts'

/** One request that a collector took. */
export interface CollectedBody {
  readonly path: string
  /** The body as text; of a protobuf body it says little. */
  readonly body: string
  readonly bytes: Buffer
  readonly headers: Readonly<Record<string, unknown>>
}

/** A collector for tests: it speaks OTLP over HTTP, JSON and protobuf, on loopback, and keeps what it was sent. */
export class Collector {
  readonly bodies: CollectedBody[] = []
  /** Requests, refused ones too. */
  asked = 0
  /** Sees each request before it is answered, and may set the status of its answer. */
  onRequest: (body: string) => void = () => undefined
  status = 200
  answers = true
  /** Headers of the answer, and its body; by default what the protocol of the request asks for. */
  extra: Record<string, string> = {}
  says: ((path: string) => string | Buffer) | null = null
  #server: Server | null = null
  #changed: (() => void)[] = []

  /** Listens on a port of loopback, by default a free one; gives it. */
  async listen(port = 0): Promise<number> {
    const server = createServer((request, response) => {
      const parts: Buffer[] = []
      request.on('data', (part: Buffer) => parts.push(part))
      request.on('end', () => {
        const raw = Buffer.concat(parts)
        const bytes = request.headers['content-encoding'] === 'gzip' ? gunzipSync(raw) : raw
        const path = request.url ?? ''
        this.#take({ path, body: bytes.toString('utf8'), bytes, headers: request.headers })
        if (!this.answers) return
        const type = request.headers['content-type'] ?? 'application/json'
        const said = this.says?.(path) ?? (isJson(type) ? '{}' : Buffer.alloc(0))
        response.writeHead(this.status, { 'content-type': type, ...this.extra }).end(said)
      })
    })
    this.#server = server
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
    // A listening TCP server has an address with a port.
    return (server.address() as AddressInfo).port
  }

  #take(request: CollectedBody): void {
    this.asked += 1
    this.onRequest(request.body)
    if (this.status === 200) this.bodies.push(request)
    for (const wake of this.#changed.splice(0)) wake()
  }

  /** Resolves when the condition holds, looking again at each request. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#changed.push(resolve))
  }

  /** JSON bodies of one signal. */
  of(signal: string): unknown[] {
    return this.bodies.filter(({ path }) => path === `/v1/${signal}`).map(({ body }): unknown => JSON.parse(body))
  }

  /** Everything that was taken, read from either protocol. */
  received(): Received {
    return receivedOf(
      this.bodies.map(({ path, bytes, headers }) => ({
        // The last part of the path is the signal.
        signal: path.slice(path.lastIndexOf('/') + 1) as ReceivedSignal,
        bytes,
        isJson: isJson(headers['content-type']),
      })),
    )
  }

  text(): string {
    return this.bodies.map(({ body }) => body).join('\n')
  }

  async close(): Promise<void> {
    const server = this.#server
    if (!server) return
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
}

function isJson(type: unknown): boolean {
  return String(type).startsWith('application/json')
}

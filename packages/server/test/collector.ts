/** A collector on loopback, and stores that hold given histories. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gunzipSync } from 'node:zlib'
import { memoryStore, type Store } from 'signalbox'
import type { History } from 'signalbox/testing'

/** A collector that speaks OTLP/HTTP with JSON on loopback, and keeps what it was sent. */
export class Collector {
  readonly bodies: { path: string; body: string; bytes: Buffer; headers: Record<string, unknown> }[] = []
  /** Requests, refused ones too. */
  asked = 0
  /** Sees each request before it is answered, and may set the status of its answer. */
  onRequest: (body: string) => void = () => undefined
  status = 200
  answers = true
  /** Headers of the answer, and its body. */
  extra: Record<string, string> = {}
  says: (path: string) => string | Buffer = () => '{}'
  #server: Server | null = null
  #changed: (() => void)[] = []

  async listen(port = 0): Promise<number> {
    const server = createServer((request, response) => {
      const parts: Buffer[] = []
      request.on('data', (part: Buffer) => parts.push(part))
      request.on('end', () => {
        const raw = Buffer.concat(parts)
        const plain = request.headers['content-encoding'] === 'gzip' ? gunzipSync(raw) : raw
        const body = plain.toString('utf8')
        this.asked += 1
        this.onRequest(body)
        if (this.status === 200)
          this.bodies.push({ path: request.url ?? '', body, bytes: plain, headers: request.headers })
        for (const wake of this.#changed.splice(0)) wake()
        if (!this.answers) return
        response
          .writeHead(this.status, { 'content-type': 'application/json', ...this.extra })
          .end(this.says(request.url ?? ''))
      })
    })
    this.#server = server
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
    // A listening TCP server has an address with a port.
    return (server.address() as AddressInfo).port
  }

  /** Resolves when the condition holds, looking again at each request. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#changed.push(resolve))
  }

  of(signal: string): unknown[] {
    return this.bodies.filter(({ path }) => path === `/v1/${signal}`).map(({ body }): unknown => JSON.parse(body))
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

/** A store that holds the given histories. */
export async function storeOf(...all: History[]): Promise<Store> {
  const store = memoryStore()
  for (const told of all) await put(store, told)
  return store
}

/** Stores one history whole. */
export async function put(store: Store, told: History): Promise<void> {
  const [genesis, ...rest] = told.stored()
  const last = told.stored().at(-1)
  if (!genesis || !last) throw new Error('the history is empty')
  const id = { tenant: 'acme', runId: told.runId }
  const who = { principal: 'user:ana', subject: told.runId, requestId: told.runId, createdAt: 1 }
  const flow = { workflow: 'payables-desk', version: '1.0.0', signature: 'sig' }
  await store.create({ ...id, ...who, ...flow, genesis })
  const [row] = await store.claim({ worker: 'w', now: 2, leaseUntil: 100, limit: 1, signatures: null, only: id })
  const state = {
    status: 'completed',
    code: null,
    branch: 0,
    checkpointSeq: 1,
    superstep: 0,
    wakeAt: null,
    costNanoUsd: '0',
    updatedAt: 3,
  } as const
  const change = {
    ...id,
    epoch: row?.epoch ?? 0,
    expectSeq: 1,
    records: rest,
    seq: last.seq,
    head: last.hash,
    row: state,
  }
  const [result] = await store.commit([
    { ...change, release: true, consumed: [], effects: [], requests: [], closed: [] },
  ])
  if (result?.status !== 'committed') throw new Error('the history was not stored')
}

import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Client, createClient, type StreamEvent } from '@signalbox/protocol'
import { type Principal, systemHost, type WorkerHandle } from 'signalbox'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { type Composed, compose } from '../src/dev/compose.ts'
import { loadProject } from '../src/project.ts'
import { createServer, type RunningServer } from '../src/server.ts'

const CONFIG = fileURLToPath(new URL('./sample/signalbox.config.ts', import.meta.url))
const dataDir = mkdtempSync(join(tmpdir(), 'signalbox-real-'))
const book = join(dataDir, 'book.txt')

const person = (name: string, tenant: string, ...roles: string[]): [string, Principal] => [
  `token-of-${name}-${tenant}-0123456789`,
  { id: `user:${name}`, kind: 'user', tenant, roles },
]
const PEOPLE = new Map([
  person('rita', 'a', 'requester'),
  person('paul', 'a', 'approver'),
  person('both', 'a', 'requester', 'approver'),
  person('olga', 'a', 'operator'),
  person('rita', 'b', 'requester'),
  person('paul', 'b', 'approver', 'operator', 'viewer'),
])

let composed: Composed
let server: RunningServer
let worker: WorkerHandle
const as = (name: string, tenant = 'a'): Client =>
  createClient({ baseUrl: server.url, token: `token-of-${name}-${tenant}-0123456789` })

beforeAll(async () => {
  process.env.SAMPLE_BOOK = book
  const project = await loadProject(CONFIG)
  composed = await compose(project, dataDir, systemHost, process.env)
  worker = composed.signalbox.work({ pollMs: 10 })
  server = await createServer({
    runs: composed.signalbox.runs,
    store: composed.store,
    models: composed.models,
    workflows: project.workflows.map((each) => each.spec),
    host: systemHost,
    mode: 'development',
    version: '0',
    auth: { kind: 'development', authenticate: async (token) => PEOPLE.get(token) ?? null },
    consoleDir: null,
    log: () => undefined,
    port: 0,
  })
})
afterAll(async () => {
  await server.close()
  await worker.stop()
  await composed.close()
  rmSync(dataDir, { recursive: true, force: true })
})

/** Starts a transfer that waits, and gives its run and approval. */
async function waiting(to: string, name = 'rita', tenant = 'a'): Promise<{ id: string; approval: string }> {
  const { run_id: id } = await as(name, tenant).startRun({ body: { workflow: 'transfer', input: { to, amount: 900 } } })
  return await vi.waitFor(async () => {
    const [open] = (await as(name, tenant).run({ params: { id } })).open
    return { id, approval: open?.id ?? expect.fail('nothing waits') }
  }, 20_000)
}

async function decide(name: string, approval: string, tenant = 'a'): Promise<void> {
  const params = { id: approval }
  const { packet_hash } = await as(name, tenant).approval({ params })
  await as(name, tenant).decide({ params, body: { answer: 'approved', reason: 'known payee', packet_hash } })
}

async function take(stream: AsyncGenerator<StreamEvent>, most: number): Promise<number[]> {
  const seen: number[] = []
  for await (const event of stream) {
    if (event.event === 'record') seen.push(event.data.seq)
    if (event.event === 'end' || seen.length >= most) break
  }
  return seen
}

describe('the API over the runtime', () => {
  it('API-023, API-024: a reader that leaves in the middle and comes back sees each stored record once', async () => {
    const { id, approval } = await waiting('ana')
    const first = await take(as('rita').streamRun(id), 3)
    expect(first).toEqual([1, 2, 3])
    await decide('paul', approval)
    const rest = await take(as('rita').streamRun(id, { after: 3 }), Number.POSITIVE_INFINITY)
    const { events } = await as('rita').events({ params: { id }, query: { limit: 500 } })
    expect([...first, ...rest]).toEqual(events.map((event) => event.seq))
    expect(events.at(-1)?.type).toBe('run.completed')
    expect(
      readFileSync(book, 'utf8')
        .split('\n')
        .filter((line) => line.includes(' ana ')).length,
    ).toBe(1)
  })

  it('API-025: deltas that a slow reader does not take are left out beyond a bound; records never are', async () => {
    const { id, approval } = await waiting('dora')
    const socket = connect(server.port, '127.0.0.1')
    socket.pause()
    const chunks: Buffer[] = []
    socket.on('data', (chunk: Buffer) => chunks.push(chunk))
    socket.pause()
    socket.write(
      `GET /api/v1/runs/${id}/stream HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer token-of-rita-a-0123456789\r\nConnection: close\r\n\r\n`,
    )
    const many = 40_000
    for (let offset = 0; offset < many; offset++) {
      const delta = { type: 'text-delta', id: '0', delta: 'x'.repeat(1000) } as const
      composed.signalbox.publish({ kind: 'delta', runId: id, ask: 'a', attempt: 1, offset, delta })
      if (offset % 100 === 0) await systemHost.macrotask()
    }
    await decide('paul', approval)
    const closed = new Promise((resolve) => socket.once('close', resolve))
    socket.resume()
    await closed
    const text = Buffer.concat(chunks).toString('utf8')
    const deltas = [...text.matchAll(/^event: delta$/gm)].length
    expect(deltas).toBeGreaterThan(0)
    expect(deltas).toBeLessThan(many / 2)
    const { events } = await as('rita').events({ params: { id }, query: { limit: 500 } })
    expect([...text.matchAll(/^id: (\d+)$/gm)].map((match) => Number(match[1]))).toEqual(
      events.map((event) => event.seq),
    )
    expect(text).toContain('event: end')
  })

  it('API-004: an answer must be for what is shown; the requester cannot answer; the first answer counts', async () => {
    const { id, approval } = await waiting('bob', 'both')
    const params = { id: approval }
    const seen = await as('both').approval({ params })
    expect(seen).toMatchObject({ can_decide: false, cannot_decide_code: 'APPROVAL_SELF' })
    const body = { answer: 'approved', reason: 'known payee', packet_hash: seen.packet_hash } as const
    await expect(as('both').decide({ params, body })).rejects.toMatchObject({ code: 'APPROVAL_SELF' })
    const other = { ...body, packet_hash: 'what-was-shown-of-another' }
    await expect(as('paul').decide({ params, body: other })).rejects.toMatchObject({ code: 'APPROVAL_VOID' })
    await as('paul').decide({ params, body })
    await expect(as('paul').decide({ params, body: { ...body, answer: 'rejected' } })).rejects.toMatchObject({
      status: 409,
    })
    await take(as('rita').streamRun(id), Number.POSITIVE_INFINITY)
    const done = await as('rita').run({ params: { id } })
    expect(done.output).toBe('succeeded')
    const { events } = await as('rita').events({ params: { id }, query: { limit: 500 } })
    const askOf = (type: string): unknown => events.find((event) => event.type === type)?.ask
    expect(askOf('approval.decided')).toEqual(askOf('approval.requested'))
    expect(done.timeline[0]?.activities.find((each) => each.parent === null)?.approval).toMatchObject({
      answer: 'approved',
      by: 'user:paul',
      reason: 'known payee',
    })
    expect(await as('rita').approval({ params })).toMatchObject({ state: 'approved', decided_by: 'user:paul' })
  })

  it('API-005: with every role in another tenant nothing is seen or changed', async () => {
    const { id, approval } = await waiting('cleo')
    const stranger = as('paul', 'b')
    const reason = 'not mine'
    const tries: readonly (() => Promise<unknown>)[] = [
      () => stranger.run({ params: { id } }),
      () => stranger.events({ params: { id } }),
      () => stranger.checkpoints({ params: { id } }),
      () => stranger.explain({ params: { id } }),
      () => stranger.audit({ params: { id } }),
      () => take(stranger.streamRun(id), 1),
      () => stranger.cancel({ params: { id }, body: { reason } }),
      () => stranger.resume({ params: { id }, body: { reason } }),
      () => stranger.restore({ params: { id }, body: { seq: 1, reason } }),
      () => stranger.approval({ params: { id: approval } }),
      () => stranger.decide({ params: { id: approval }, body: { answer: 'approved', reason, packet_hash: 'x' } }),
    ]
    for (const attempt of tries) await expect(attempt()).rejects.toMatchObject({ status: 404 })
    expect((await stranger.listRuns()).runs).toEqual([])
    expect((await stranger.approvals()).approvals).toEqual([])
    expect(await stranger.auditAll()).toMatchObject({ runs: 0 })
    await stranger.engageKillSwitch({
      body: { scope: 'tenant', target: '*', mode: 'stop_now', reason: 'only tenant b' },
    })
    expect((await as('olga').killSwitches()).kill_switches).toEqual([])
    await decide('paul', approval)
    await take(as('rita').streamRun(id), Number.POSITIVE_INFINITY)
    expect((await as('rita').run({ params: { id } })).run.status).toBe('completed')
    expect((await as('rita').auditAll()).ok).toBe(true)
  })
})

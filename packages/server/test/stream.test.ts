import { connect, type Socket } from 'node:net'
import type { StreamEvent } from '@signalbox/protocol'
import { type StreamItem, systemHost } from 'signalbox'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { eventStream } from '../src/http/event-stream.ts'
import { type Harness, startHarness, tokenOf } from './harness.ts'
import { testHistory } from './history.ts'

let h: Harness
beforeEach(async () => {
  h = await startHarness()
})
afterEach(async () => {
  await h.server.close()
})

const nameOf = (event: StreamEvent): string => (event.event === 'record' ? String(event.data.seq) : event.event)

const delta = (offset: number, text: string): Exclude<StreamItem, { kind: 'record' }> => ({
  kind: 'delta',
  runId: 'run_w',
  ask: 'a/0/0',
  attempt: 1,
  offset,
  delta: { type: 'text-delta', id: '0', delta: text },
})

/** A reader that takes bytes only when told to: its socket is paused from the start. */
async function slowReader(runId: string): Promise<{ socket: Socket; rest: () => Promise<string> }> {
  const socket = connect(h.server.port, '127.0.0.1')
  socket.pause()
  await new Promise((resolve) => socket.once('connect', resolve))
  const auth = `Authorization: Bearer ${tokenOf('vera')}`
  socket.write(`GET /api/v1/runs/${runId}/stream HTTP/1.1\r\nHost: h\r\n${auth}\r\nConnection: close\r\n\r\n`)
  const rest = async (): Promise<string> => {
    const chunks: Buffer[] = []
    socket.on('data', (chunk: Buffer) => chunks.push(chunk))
    const closed = new Promise((resolve) => socket.once('close', resolve))
    socket.resume()
    await closed
    return Buffer.concat(chunks).toString('utf8')
  }
  return { socket, rest }
}

/** Reads a response until it has the text, then leaves. */
async function readUntil(response: Response, text: string): Promise<string> {
  let got = ''
  for await (const chunk of response.body ?? []) {
    got += Buffer.from(chunk).toString('utf8')
    if (got.includes(text)) break
  }
  return got
}

describe('event stream of a run', () => {
  it('API-022: gives every record in order with its sequence as id, then the end', async () => {
    const response = await h.raw('/api/v1/runs/run_c/stream', { person: 'vera' })
    expect(response.headers.get('content-type')).toBe('text/event-stream')
    const text = await response.text()
    expect([...text.matchAll(/^id: (\d+)$/gm)].map((match) => Number(match[1]))).toEqual([
      1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,
    ])
    expect(text).toContain('event: end\ndata: {"run_id":"run_c","status":"completed","seq":12}\n\n')
  })

  it('API-023: resumes after Last-Event-ID, or after `after`', async () => {
    const ids = async (path: string, headers: Record<string, string>): Promise<number[]> => {
      const text = await (await h.raw(path, { person: 'vera', headers })).text()
      return [...text.matchAll(/^id: (\d+)$/gm)].map((match) => Number(match[1]))
    }
    expect(await ids('/api/v1/runs/run_c/stream', { 'last-event-id': '10' })).toEqual([11, 12])
    expect(await ids('/api/v1/runs/run_c/stream?after=11', {})).toEqual([12])
  })

  it('API-024: a reader that stops reading holds back its own stream only, and gets every record when it goes on', async () => {
    const many = 40_000
    h.fake.add('run_big', testHistory('run_big', 'dev', true, many))
    const slow = await slowReader('run_big')
    await vi.waitFor(() => expect(h.fake.pulled.get('run_big') ?? 0).toBeGreaterThan(0))
    let before = -1
    // What the kernel and the server buffer is bounded: pulling comes to a rest long before the end.
    await vi.waitFor(
      () => {
        const now = h.fake.pulled.get('run_big') ?? 0
        const resting = now === before
        before = now
        expect(resting).toBe(true)
      },
      { interval: 250, timeout: 10_000 },
    )
    expect(before).toBeLessThan(many)
    // Meanwhile others are served.
    expect((await h.as('vera').listRuns()).runs.length).toBe(3)
    const text = await slow.rest()
    const ids = [...text.matchAll(/^id: (\d+)$/gm)]
    expect(ids.length).toBe(many + 12)
    expect(ids.at(-1)?.[1]).toBe(String(many + 12))
    expect(text).toContain('event: end')
  })

  it('API-024: a reader that leaves ends its own stream, and the next one starts where it likes', async () => {
    h.fake.add('run_big', testHistory('run_big', 'dev', true, 40_000))
    const slow = await slowReader('run_big')
    await vi.waitFor(() => expect(h.fake.pulled.get('run_big') ?? 0).toBeGreaterThan(0))
    slow.socket.destroy()
    const seen: string[] = []
    for await (const event of h.as('vera').streamRun('run_big', { after: 40_008 })) seen.push(nameOf(event))
    expect(seen).toEqual(['40009', '40010', '40011', '40012', 'end'])
    await vi.waitFor(() => expect([...h.fake.open]).toEqual([]))
  })

  it('API-025: deltas are shown without ids, and voided when the call starts again', async () => {
    const restarted = { kind: 'attempt_restarted', runId: 'run_w', ask: 'a/0/0', attempt: 2 } as const
    h.fake.deltas.push(delta(0, 'hel'), restarted, delta(0, 'hello'))
    const stop = new AbortController()
    const seen: string[] = []
    for await (const event of h.as('vera').streamRun('run_w', { signal: stop.signal })) {
      seen.push(event.event === 'delta' ? event.data.delta.delta : nameOf(event))
      if (seen.length < 9) continue
      stop.abort()
      break
    }
    expect(seen).toEqual(['1', '2', '3', '4', '5', '6', 'hel', 'attempt_restarted', 'hello'])
    await vi.waitFor(() => expect([...h.fake.open]).toEqual([]))
    const text = await readUntil(await h.raw('/api/v1/runs/run_w/stream', { person: 'vera' }), 'hello')
    expect(text.match(/^id: /gm)?.length).toBe(6)
  })

  it('API-027: a stream without news is kept open by comments', async () => {
    const frames = eventStream({
      runs: h.fake.runs,
      host: systemHost,
      tenant: 'dev',
      runId: 'run_w',
      after: 6,
      signal: new AbortController().signal,
      heartbeatMs: 5,
    })
    expect(await readUntil(new Response(frames), ': still here\n\n: still here')).not.toContain('event:')
  })

  it('API-026: a server that stops ends the streams without calling the run ended', async () => {
    const response = await h.raw('/api/v1/runs/run_w/stream', { person: 'vera' })
    const text = response.text()
    await vi.waitFor(() => expect(h.fake.pulled.get('run_w')).toBe(6))
    await h.server.close()
    expect(await text).not.toContain('event: end')
  })
})

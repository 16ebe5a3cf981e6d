import { describe, expect, it } from 'vitest'
import { createClient, ENDPOINTS, parseStreamEvent, readSse, SignalboxError, type StreamEvent } from './index.ts'

const record = (seq: number) => ({
  v: 1,
  run: 'run_1',
  seq,
  type: 'run.waiting',
  at: '2026-01-01T00:00:00.000Z',
  prev: '0',
  branch: 0,
  segment: 1,
  cause: null,
  active_ms: 0,
})
const recordBlock = (seq: number): string => `id: ${seq}\nevent: record\ndata: ${JSON.stringify(record(seq))}\n\n`
const endBlock = 'event: end\ndata: {"run_id":"run_1","status":"completed","seq":3}\n\n'

function body(...chunks: readonly string[]): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  return new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(encoder.encode(chunk))
      controller.close()
    },
  })
}

interface Seen {
  readonly url: string
  readonly headers: Headers
  readonly body: string | null
}

function server(...answers: readonly (() => Response)[]): { fetch: typeof fetch; seen: Seen[] } {
  const seen: Seen[] = []
  const left = [...answers]
  return {
    seen,
    fetch: async (url, init) => {
      seen.push({
        url: String(url),
        headers: new Headers(init?.headers),
        body: typeof init?.body === 'string' ? init.body : null,
      })
      const next = left.shift()
      if (!next) throw new TypeError('fetch failed')
      return next()
    },
  }
}

const client = (answers: readonly (() => Response)[]) => {
  const { fetch, seen } = server(...answers)
  return { client: createClient({ baseUrl: 'http://h', token: 'secret', fetch }), seen }
}

async function drain(stream: AsyncIterable<StreamEvent>): Promise<string[]> {
  const got: string[] = []
  for await (const event of stream) got.push(event.event === 'record' ? `record ${event.data.seq}` : event.event)
  return got
}

describe('client', () => {
  it('sends the token and the body, and gives the parsed answer', async () => {
    const { client: api, seen } = client([() => Response.json({ run_id: 'run_1', existed: false }, { status: 201 })])
    const answer = await api.startRun({ body: { workflow: 'w', input: { a: 1 } } })
    expect(answer).toEqual({ run_id: 'run_1', existed: false })
    expect(seen[0]?.url).toBe('http://h/api/v1/runs')
    expect(seen[0]?.headers.get('authorization')).toBe('Bearer secret')
    expect(JSON.parse(seen[0]?.body ?? '')).toEqual({ workflow: 'w', input: { a: 1 } })
  })

  it('escapes ids and writes queries', async () => {
    const { client: api, seen } = client([() => Response.json({ events: [], next_after: null })])
    await api.events({ params: { id: 'a/b' }, query: { after: 3, limit: undefined } })
    expect(seen[0]?.url).toBe('http://h/api/v1/runs/a%2Fb/events?after=3')
  })

  it('turns a problem document into an error with its code and details', async () => {
    const problem = {
      type: 't',
      title: 't',
      status: 409,
      code: 'APPROVAL_DECIDED',
      detail: 'decided by `paul`',
      instance: '/x',
      details: { by: 'paul' },
    }
    const { client: api } = client([() => Response.json(problem, { status: 409 })])
    const error = await api
      .resume({ params: { id: 'r' }, body: { reason: 'go on' } })
      .catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(SignalboxError)
    expect(error).toMatchObject({ code: 'APPROVAL_DECIDED', message: 'decided by `paul`', details: { by: 'paul' } })
  })

  it('says so when nothing, or something else, answers', async () => {
    const { client: api } = client([
      () => new Response('<html>', { status: 502 }),
      () => new Response('{', { status: 200 }),
    ])
    await expect(api.health()).rejects.toMatchObject({ code: 'SERVER_UNREACHABLE' })
    await expect(api.health()).rejects.toMatchObject({ code: 'SERVER_UNREACHABLE' })
    await expect(api.health()).rejects.toMatchObject({ code: 'SERVER_UNREACHABLE' })
  })

  it('refuses an answer of another shape', async () => {
    const { client: api } = client([() => Response.json({ run_id: 7 })])
    await expect(api.startRun({ body: { workflow: 'w', input: 1 } })).rejects.toMatchObject({ code: 'INTERNAL' })
  })

  it('API-001: has one method for every endpoint', () => {
    const { client: api } = client([])
    expect(Object.keys(api).sort()).toEqual([...Object.keys(ENDPOINTS), 'streamRun'].sort())
  })
})

describe('stream of a run', () => {
  it('API-020: comes back after the last record it saw, and shows none twice', async () => {
    const { client: api, seen } = client([
      () => new Response(body(recordBlock(1), recordBlock(2), 'id: 3\nevent: rec')),
      () => new Response(body(recordBlock(2), recordBlock(3), endBlock)),
    ])
    expect(await drain(api.streamRun('run_1'))).toEqual(['record 1', 'record 2', 'record 3', 'end'])
    expect(seen.map((each) => each.headers.get('last-event-id'))).toEqual(['0', '2'])
  })

  it('gives up when the server stays away, and at once on its refusal', async () => {
    const away = client([() => new Response(body(recordBlock(1)))])
    await expect(drain(away.client.streamRun('run_1'))).rejects.toMatchObject({ code: 'SERVER_UNREACHABLE' })
    expect(away.seen.length).toBe(4)
    const problem = { type: 't', title: 't', status: 404, code: 'RUN_NOT_FOUND', detail: 'no', instance: '/x' }
    const refused = client([() => Response.json(problem, { status: 404 })])
    await expect(drain(refused.client.streamRun('run_1'))).rejects.toMatchObject({ code: 'RUN_NOT_FOUND' })
    expect(refused.seen.length).toBe(1)
  })

  it('stops without an error when the caller aborts', async () => {
    const stop = new AbortController()
    const { client: api } = client([() => new Response(body(recordBlock(1), recordBlock(2), endBlock))])
    const got: number[] = []
    for await (const event of api.streamRun('run_1', { signal: stop.signal })) {
      if (event.event === 'record') got.push(event.data.seq)
      stop.abort()
      break
    }
    expect(got).toEqual([1])
  })
})

describe('event stream reader', () => {
  it('reads messages however the bytes are cut, skips comments, joins data lines', async () => {
    const text = ': beat\n\nid: 1\r\nevent: x\r\ndata: a\r\ndata: ü\r\n\r\ndata: last\n\ndata: cut off'
    const bytes = new TextEncoder().encode(text)
    const stream = new ReadableStream<Uint8Array>({
      start(controller) {
        for (const byte of bytes) controller.enqueue(Uint8Array.of(byte))
        controller.close()
      },
    })
    const got = []
    for await (const message of readSse(stream)) got.push(message)
    expect(got).toEqual([
      { event: 'x', id: '1', data: 'a\nü' },
      { event: 'message', id: null, data: 'last' },
    ])
  })

  it('ignores events of a kind it does not know, refuses known ones of another shape', () => {
    expect(parseStreamEvent({ event: 'later', id: null, data: '{}' })).toBeNull()
    expect(() => parseStreamEvent({ event: 'record', id: '1', data: '{}' })).toThrow(/another shape/)
  })
})

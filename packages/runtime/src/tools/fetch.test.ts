import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type GuardedFetchOptions, guardedFetch, type SendEnd } from './fetch.ts'

interface Seen {
  readonly method: string
  readonly url: string
  readonly headers: IncomingMessage['headers']
}

let server: Server
let host: string
let trusted: string
let seen: Seen[]
let answer: (request: IncomingMessage, response: ServerResponse) => void

beforeEach(async () => {
  seen = []
  answer = (_, response) => response.end('ok')
  server = createServer((request, response) => {
    seen.push({ method: request.method ?? '', url: request.url ?? '', headers: request.headers })
    request.resume()
    answer(request, response)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  // A listening TCP server has an address with a port.
  host = `127.0.0.1:${(server.address() as AddressInfo).port}`
  trusted = host
})

afterEach(async () => {
  server.closeAllConnections()
  server.close()
  await once(server, 'close')
})

function guarded(more: Partial<GuardedFetchOptions> = {}) {
  const ends: SendEnd[] = []
  const sends: string[] = []
  const call = guardedFetch({
    base: fetch,
    hosts: [host],
    unsafeAllowed: true,
    headers: { traceparent: '00-1-2-01', 'x-signalbox-run-id': 'run_1' },
    baggage: 'signalbox.run.id=run_1',
    isTrusted: (name) => name === trusted,
    idempotencyKey: 'key-1',
    beforeSend: () => undefined,
    signal: new AbortController().signal,
    onSend: (event) => sends.push(`${event.method} ${event.host}`),
    onAnswer: (_, end) => ends.push(end),
    ...more,
  })
  return { call, ends, sends }
}

describe('guardedFetch', () => {
  it('TOL-020: only listed hosts, by exact name and port', async () => {
    const { call, sends } = guarded()
    expect(await (await call(`http://${host}/a`)).text()).toBe('ok')
    const [name, port] = host.split(':')
    const others = ['http://example.com/', `http://${name}/`, `http://${name}.example.com:${port}/`]
    for (const url of [...others, `http://u:p@${host}/`, 'ftp://x/', 'data:,x', 'file:///etc/passwd'])
      await expect(Promise.resolve().then(() => call(url))).rejects.toThrow()
    await expect(call('http://example.com/')).rejects.toMatchObject({
      code: 'EGRESS_REFUSED',
      message: 'host `example.com:80` is not in the list of hosts of the tool',
    })
    await expect(call(`http://u:p@${host}/`)).rejects.toMatchObject({ code: 'EGRESS_REFUSED' })
    expect([sends.length, seen.length]).toEqual([1, 1])
  })

  it('TOL-021: redirects are checked at each hop', async () => {
    answer = (request, response) => {
      const location = request.url === '/in' ? '/end' : 'http://127.0.0.2:9/'
      if (request.url === '/end') response.end('there')
      else response.writeHead(302, { location }).end()
    }
    const { call } = guarded()
    expect(await (await call(`http://${host}/in`)).text()).toBe('there')
    await expect(call(`http://${host}/out`)).rejects.toThrow('host `127.0.0.2:9` is not in the list')
    await expect(call(`http://${host}/in`, { redirect: 'error' })).rejects.toMatchObject({ code: 'EGRESS_REFUSED' })
    expect((await call(`http://${host}/in`, { redirect: 'manual' })).status).toBe(302)
    answer = (_, response) => response.writeHead(302, { location: '/again' }).end()
    await expect(call(`http://${host}/again`)).rejects.toThrow('redirects more than 5 times')
  })

  it('TOL-021: credentials stay with their origin', async () => {
    const other = createServer((request, response) => {
      seen.push({ method: request.method ?? '', url: request.url ?? '', headers: request.headers })
      response.end()
    }).listen(0, '127.0.0.1')
    await once(other, 'listening')
    const second = `127.0.0.1:${(other.address() as AddressInfo).port}`
    answer = (_, response) => response.writeHead(302, { location: `http://${second}/` }).end()
    await guarded({ hosts: [host, second] }).call(`http://${host}/`, {
      headers: { authorization: 'Bearer x', accept: 'a/b' },
    })
    expect(seen.map((one) => [one.headers.authorization, one.headers.accept])).toEqual([
      ['Bearer x', 'a/b'],
      [undefined, 'a/b'],
    ])
    other.closeAllConnections()
    other.close()
  })

  it('TOL-022: an unsafe request is never repeated by a redirect', async () => {
    let status = 303
    answer = (request, response) =>
      request.url === '/end' ? response.end('read') : response.writeHead(status, { location: '/end' }).end()
    const { call } = guarded()
    expect(await (await call(`http://${host}/pay`, { method: 'POST', body: 'x' })).text()).toBe('read')
    expect(seen.map((one) => `${one.method} ${one.url}`)).toEqual(['POST /pay', 'GET /end'])
    for (status of [301, 302, 307, 308])
      await expect(call(`http://${host}/pay`, { method: 'POST', body: 'x' })).rejects.toThrow('is not repeated')
    expect(seen.filter((one) => one.url === '/end')).toHaveLength(1)
  })

  it('TOL-023: unsafe methods need permission', async () => {
    const { call } = guarded({ unsafeAllowed: false })
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE'])
      await expect(call(`http://${host}/`, { method })).rejects.toThrow(`method \`${method}\``)
    for (const method of ['GET', 'HEAD', 'OPTIONS'])
      expect((await call(`http://${host}/`, { method })).status).toBe(200)
    expect(seen.map((one) => one.method)).toEqual(['GET', 'HEAD', 'OPTIONS'])
  })

  it('TOL-024: headers of the run, and the key with unsafe methods only', async () => {
    const { call } = guarded()
    const own = { traceparent: 'mine', 'idempotency-key': 'mine', 'x-other': 'kept' }
    await call(`http://${host}/`, { headers: own })
    await call(new Request(`http://${host}/`, { method: 'POST', body: 'x', headers: own }))
    expect(seen.map(({ headers }) => [headers.traceparent, headers['x-signalbox-run-id'], headers.baggage])).toEqual([
      ['00-1-2-01', 'run_1', 'signalbox.run.id=run_1'],
      ['00-1-2-01', 'run_1', 'signalbox.run.id=run_1'],
    ])
    expect(seen.map(({ headers }) => headers['idempotency-key'])).toEqual([undefined, 'key-1'])
    expect(seen.every(({ headers }) => headers['x-other'] === 'kept')).toBe(true)
  })

  it('TOL-025: the check before each send decides, also before a redirect is followed', async () => {
    answer = (_, response) => response.writeHead(302, { location: '/end' }).end()
    let left = 1
    const { call, ends } = guarded({
      beforeSend: () => {
        if (left-- === 0) throw new Error('the lease is gone')
      },
    })
    await expect(call(`http://${host}/`)).rejects.toThrow('the lease is gone')
    expect([seen.length, ends.length]).toEqual([1, 1])
  })

  it('TOL-026: not sent, unknown and answered are told apart', async () => {
    const gone = createServer().listen(0, '127.0.0.1')
    await once(gone, 'listening')
    const closed = `127.0.0.1:${(gone.address() as AddressInfo).port}`
    gone.close()
    await once(gone, 'close')
    const { call, ends } = guarded({ hosts: [host, closed, 'name.invalid:80'] })
    await expect(call(`http://${closed}/`, { method: 'POST' })).rejects.toThrow()
    await expect(call('http://name.invalid/')).rejects.toThrow()
    answer = (request) => request.socket.destroy()
    await expect(call(`http://${host}/`, { method: 'POST', body: 'x' })).rejects.toThrow()
    answer = (_, response) => response.writeHead(503).end()
    expect((await call(`http://${host}/`, { method: 'POST' })).status).toBe(503)
    expect(ends).toEqual([
      { kind: 'not_sent' },
      { kind: 'not_sent' },
      { kind: 'unknown' },
      { kind: 'answered', status: 503 },
    ])
  })

  it('TOL-027: an abort ends the call; before the send it sends nothing', async () => {
    const abort = new AbortController()
    answer = () => abort.abort(new Error('cancelled'))
    const { call, ends } = guarded({ signal: abort.signal })
    await expect(call(`http://${host}/`, { method: 'POST', body: 'x' })).rejects.toThrow('cancelled')
    expect(ends).toEqual([{ kind: 'unknown' }])
    await expect(call(`http://${host}/`)).rejects.toThrow('cancelled')
    expect([seen.length, ends.length]).toEqual([1, 1])
  })
})

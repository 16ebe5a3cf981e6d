import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createOutlet, mediatedFetch, type Outlet } from './outlet.ts'
import type { Place } from './place.ts'

const server = createServer((request, response) => {
  request.resume()
  if (request.url === '/break') request.socket.destroy()
  else response.end('ok')
})
let host: string
let closed: string

beforeAll(async () => {
  const gone = createServer()
  for (const one of [server, gone]) await once(one.listen(0, '127.0.0.1'), 'listening')
  // Listening TCP servers have an address with a port.
  host = `127.0.0.1:${(server.address() as AddressInfo).port}`
  closed = `127.0.0.1:${(gone.address() as AddressInfo).port}`
  await once(gone.close(), 'close')
})

afterAll(async () => {
  server.closeAllConnections()
  await once(server.close(), 'close')
})

async function told(
  outlet: Outlet,
  url: string,
  method: string,
  beforeSend: () => Promise<void> = async () => undefined,
) {
  const events: string[] = []
  const send = outlet.fetch({
    hosts: [host, closed],
    unsafeAllowed: true,
    headers: {},
    idempotencyKey: 'key',
    signal: new AbortController().signal,
    beforeSend,
    onSend: () => events.push('sent'),
    onAnswer: () => events.push('answered'),
    onNotSent: (unsafe) => events.push(`not sent ${unsafe}`),
  })
  await send(url, { method }).catch(() => events.push('threw'))
  return events
}

const PLACE: Place = { runId: 'run_1', activation: 'a', where: 'node', mediated: false }

describe('outlet', () => {
  it('TOL-034: what left, what came back, what never arrived', async () => {
    const outlet = createOutlet()
    expect(await told(outlet, `http://${host}/`, 'POST')).toEqual(['sent', 'answered'])
    expect(await told(outlet, `http://${host}/`, 'GET')).toEqual(['answered'])
    expect(await told(outlet, `http://${host}/break`, 'POST')).toEqual(['sent', 'threw'])
    expect(await told(outlet, `http://${closed}/`, 'POST')).toEqual(['sent', 'not sent true', 'threw'])
    expect(await told(outlet, `http://${closed}/`, 'GET')).toEqual(['not sent false', 'threw'])
    expect(await told(outlet, 'http://example.com/', 'POST')).toEqual(['threw'])
    expect(await told(outlet, `http://${host}/`, 'POST', () => Promise.reject(new Error('fenced')))).toEqual(['threw'])
  })

  it('TOL-035, TOL-032: mediated sends are let be, others at the same place are told', async () => {
    const outlet = createOutlet()
    const seen: string[] = []
    const stop = outlet.onUnmediated((place, where) => seen.push(`${place.where} ${where}`))
    await outlet.runIn(PLACE, async () => {
      await (await mediatedFetch()(`http://${host}/`)).text()
      await told(outlet, `http://${host}/`, 'GET')
      expect(seen).toEqual([])
      await (await fetch(`http://${host}/`)).text()
    })
    stop()
    expect(seen).toEqual([`node ${host}`])
  })
})

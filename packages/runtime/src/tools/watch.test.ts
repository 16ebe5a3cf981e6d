import { once } from 'node:events'
import http, { createServer, type Server } from 'node:http'
import net, { type AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { ModelHandle } from '../contracts/model.ts'
import { guardedFetch } from './fetch.ts'
import { mediatedModels } from './mediated.ts'
import { type Place, runIn } from './place.ts'
import { type OutsideCall, outsideWatch } from './watch.ts'

let server: Server
let port: number
let calls: OutsideCall[]
let stop: () => void

beforeEach(async () => {
  server = createServer((_, response) => response.end('ok')).listen(0, '127.0.0.1')
  await once(server, 'listening')
  // A listening TCP server has an address with a port.
  port = (server.address() as AddressInfo).port
  calls = []
  stop = outsideWatch((call) => calls.push(call))
})

afterEach(async () => {
  stop()
  server.closeAllConnections()
  server.close()
  await once(server, 'close')
})

const at = (where: Place['where'], mediated = false, activation: string | null = 'a'): Place => ({
  runId: 'run_1',
  activation,
  where,
  mediated,
})

const byFetch = async () => {
  await (await fetch(`http://127.0.0.1:${port}/secret`)).text()
}

const byHttp = async (agent?: http.Agent) => {
  const request = http.get({ host: '127.0.0.1', port, path: '/secret', ...(agent ? { agent } : {}) })
  const [response] = await once(request, 'response')
  response.resume()
  await once(response, 'end')
}

const bySocket = async () => {
  const socket = net.connect(port, '127.0.0.1')
  await once(socket, 'connect')
  socket.destroy()
}

describe('outsideWatch', () => {
  it.each(['node', 'condition', 'preview', 'facts', 'tool'] as const)(
    'TOL-030: fetch, http and sockets in a %s are reported once each',
    async (where) => {
      await runIn(at(where), byFetch)
      await runIn(at(where), () => byHttp())
      await runIn(at(where), bySocket)
      expect(calls.map((call) => [call.place.where, call.host])).toEqual([
        [where, `127.0.0.1:${port}`],
        [where, `127.0.0.1:${port}`],
        [where, 'socket'],
      ])
      expect(JSON.stringify(calls)).not.toContain('secret')
    },
  )

  it('TOL-030: each request over a kept connection is reported', async () => {
    const agent = new http.Agent({ keepAlive: true })
    await runIn(at('node'), async () => {
      await byHttp(agent)
      await byHttp(agent)
      await byFetch()
      await byFetch()
    })
    expect(calls).toHaveLength(4)
    agent.destroy()
  })

  it('TOL-031: the place follows timers and promises, and concurrent places stay apart', async () => {
    const later = () =>
      new Promise<void>((resolve, reject) => {
        setImmediate(() => byFetch().then(resolve, reject))
      })
    await Promise.all(['x', 'y', 'z'].map((activation) => runIn(at('node', false, activation), later)))
    expect(calls.map((call) => call.place.activation).sort()).toEqual(['x', 'y', 'z'])
  })

  it('TOL-032: guarded, mediated and foreign calls are not reported', async () => {
    const guarded = guardedFetch({
      base: fetch,
      hosts: [`127.0.0.1:${port}`],
      unsafeAllowed: false,
      headers: {},
      baggage: '',
      isTrusted: () => false,
      idempotencyKey: null,
      beforeSend: () => undefined,
      signal: new AbortController().signal,
      onSend: () => undefined,
      onAnswer: () => undefined,
    })
    await runIn(at('facts'), async () => (await guarded(`http://127.0.0.1:${port}/`)).text())
    await runIn(at('tool', true), byHttp)
    await runIn(at('tool', true), byFetch)
    await byFetch()
    await bySocket()
    expect(calls).toEqual([])
    await runIn(at('facts'), async () => {
      await (await guarded(`http://127.0.0.1:${port}/`)).text()
      await byFetch()
    })
    expect(calls).toHaveLength(1)
  })

  it('TOL-035: the one who is told may abort the call at once', async () => {
    stop()
    const abort = new AbortController()
    stop = outsideWatch(() => abort.abort(new Error('stopped')))
    const call = runIn(at('node'), () => fetch(`http://127.0.0.1:${port}/`, { signal: abort.signal }))
    await expect(call).rejects.toThrow('stopped')
  })

  it('TOL-034: a model call is let be wherever it is asked for', async () => {
    const plain: ModelHandle = {
      id: 'own/model',
      provider: 'own',
      scripted: false,
      get price(): never {
        throw new Error('no price')
      },
      inputUpperBound: () => 7,
      call: async () => {
        await byFetch()
        throw new Error('answered')
      },
    }
    const model = mediatedModels({ resolve: () => plain }).resolve('own/model')
    const request = { messages: [], tools: [], maxOutputTokens: 1, outputSchema: null }
    const options = { signal: new AbortController().signal, headers: {}, onDelta: () => undefined }
    const asked = runIn(at('node'), () => model.call(request, options))
    await expect(asked).rejects.toThrow('answered')
    expect([calls, model.id, model.inputUpperBound(request)]).toEqual([[], 'own/model', 7])
    expect(() => model.price).toThrow('no price')
  })

  it('TOL-033: after the watch stops nothing is reported', async () => {
    stop()
    await runIn(at('node'), byFetch)
    expect(calls).toEqual([])
  })
})

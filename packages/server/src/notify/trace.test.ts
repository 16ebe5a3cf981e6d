import { traceIdOf } from 'signalbox'
import { describe, expect, it } from 'vitest'
import { notice, outboxWorld, receiver, SECRET } from '../../test/outbox-world.ts'
import { traceHeaders } from './trace.ts'

describe('the trace of messages', () => {
  it('OTL-043: a message carries the trace of its run, the same at each attempt, and baggage only to trusted hosts', async () => {
    const to = await receiver([500])
    try {
      const hook = { kind: 'webhook', name: 'ops', url: to.url, secrets: [async () => SECRET], privateHosts: [to.host] }
      const world = outboxWorld([hook as Parameters<typeof outboxWorld>[0][number]])
      await world.store.notify([notice('n1')])
      await world.turn()
      world.pass(5_001)
      await world.turn()
      const [first, second] = to.arrived.map(({ headers }) => headers.traceparent)
      expect(first).toMatch(new RegExp(`^00-${traceIdOf('run_1')}-[0-9a-f]{16}-01$`))
      expect([to.arrived.length, second]).toEqual([2, first])
      expect(to.arrived.map(({ headers }) => headers.baggage)).toEqual([undefined, undefined])
    } finally {
      await to.close()
    }
    const url = 'https://hooks.example/x'
    expect(traceHeaders('d', [notice('n')], url, ['hooks.example:443']).baggage).toBe('signalbox.run.id=run_1')
    expect(traceHeaders('d', [notice('n')], url, ['hooks.example:80']).baggage).toBeUndefined()
    expect(traceHeaders('d', [notice('n'), notice('m', { runId: 'run_2' })], url)).toEqual({})
    expect(traceHeaders('d', [notice('n', { runId: null })], url)).toEqual({})
  })
})

import { describe, expect, it } from 'vitest'
import type { CircuitState } from '../contracts/provider.ts'
import { skewedHost } from '../testing/skewed-host.ts'
import { CIRCUIT, Circuit, type CircuitEvent } from './circuit.ts'
import { type GateLimits, ProviderGate } from './gate.ts'

const STATES: readonly CircuitState[] = ['closed', 'open', 'half_open']
const EVENTS: readonly CircuitEvent[] = ['answered', 'trouble', 'limit', 'cooled']
const LIMITS: GateLimits = { concurrency: 1, queueMs: 1_000, failures: 2, openMs: 10_000 }
const idle = new AbortController().signal

describe('the circuit breaker', () => {
  it('AGT-143: every state has an answer to every event; it is left open by time alone, and half open by the next end', () => {
    for (const state of STATES) for (const event of EVENTS) expect(STATES).toContain(CIRCUIT[state][event])
    expect(EVENTS.map((event) => CIRCUIT.open[event])).toEqual(['open', 'open', 'open', 'half_open'])
    expect(EVENTS.map((event) => CIRCUIT.half_open[event])).toEqual(['closed', 'open', 'open', 'half_open'])
    expect(EVENTS.map((event) => CIRCUIT.closed[event])).toEqual(['closed', 'closed', 'open', 'closed'])
  })

  it('AGT-144: half open lets one call out at a time, and ends of calls from before it opened change nothing', async () => {
    const host = skewedHost()
    const circuit = new Circuit(host, { failures: 2, openMs: 10_000 })
    const enter = (): number => {
      const entered = circuit.enter()
      if ('waitMs' in entered) throw new Error(`refused for ${entered.waitMs} ms`)
      return entered.round
    }
    const [first, second, late] = [enter(), enter(), enter()]
    circuit.leave(first, 'trouble')
    expect(circuit.state).toBe('closed')
    circuit.leave(second, 'trouble', 20_000)
    expect([circuit.state, circuit.openForMs]).toEqual(['open', 20_000])
    circuit.leave(late, 'answered')
    expect(circuit.state).toBe('open')
    expect(circuit.enter()).toEqual({ waitMs: 20_000 })
    await host.advance(20_001)
    const probe = enter()
    expect(circuit.state).toBe('half_open')
    expect(circuit.enter()).toHaveProperty('waitMs')
    circuit.leave(probe, null)
    const again = enter()
    circuit.leave(again, 'answered')
    expect([circuit.state, circuit.failures]).toEqual(['closed', 0])
  })
})

describe("a provider's gate", () => {
  it('AGT-145: turns go round over the runs that wait, in order within each', async () => {
    const gate = new ProviderGate('p', skewedHost(), LIMITS)
    const order: string[] = []
    const first = await gate.admit({ runId: 'x', signal: idle })
    const waits = ['a1', 'a2', 'a3', 'b1', 'c1', 'c2'].map(async (name) => {
      const permit = await gate.admit({ runId: name.slice(0, 1), signal: idle })
      order.push(name)
      permit.done('answered')
      permit.done('answered')
    })
    expect(gate.health()).toMatchObject({ active: 1, waiting: 6 })
    first.done('unused')
    await Promise.all(waits)
    expect(order).toEqual(['a1', 'b1', 'c1', 'a2', 'c2', 'a3'])
    expect(gate.health()).toMatchObject({ active: 0, waiting: 0 })
  })

  it('AGT-146: a call that gets no turn in time, or is given up, leaves the queue; nothing was sent', async () => {
    const host = skewedHost()
    const gate = new ProviderGate('p', host, LIMITS)
    const first = await gate.admit({ runId: 'x', signal: idle })
    const late = gate.admit({ runId: 'a', signal: idle })
    const aborted = new AbortController()
    const given = gate.admit({ runId: 'b', signal: aborted.signal })
    const ends = Promise.allSettled([late, given])
    aborted.abort(new Error('cancelled'))
    await host.advance(1_001)
    const [one, two] = await ends
    expect(one).toMatchObject({ reason: { code: 'MODEL_FAILED', details: { trouble: 'queue_full', charged: false } } })
    expect(two).toMatchObject({ reason: { message: 'cancelled' } })
    expect(gate.health()).toMatchObject({ active: 1, waiting: 0 })
    first.done('answered')
    expect(gate.health().active).toBe(0)
  })
})

import { describe, expect, it } from 'vitest'
import { FAULT_POINTS } from '../../engine/env.ts'
import { FaultPlan, SIM_FAULTS } from './faults.ts'
import { Machine, SimProcess } from './machine.ts'
import { SimRandom } from './random.ts'
import { SIM_SCENARIOS } from './scenarios/index.ts'
import { failureText, planSeed, simulate } from './simulate.ts'
import { simulateWorld } from './world.ts'

/** Seeds of every `npm test`. */
const SEEDS = { from: 0, to: 499 }
const PATIENCE_MS = 240_000

describe('a seed', () => {
  it('SIM-001: gives the same trace twice, to the byte, in every scenario', async () => {
    for (const [i, scenario] of SIM_SCENARIOS.entries())
      for (const seed of [i, 1_000 + i]) {
        const { world } = await planSeed({}, scenario, seed)
        const first = await simulateWorld({ ...world, trace: true })
        const second = await simulateWorld({ ...world, trace: true })
        expect(first.trace.length).toBeGreaterThan(3)
        expect(second.trace.join('\n')).toBe(first.trace.join('\n'))
        expect(second.steps).toBe(first.steps)
      }
  })

  it('SIM-001: another seed gives another order of things', async () => {
    const [scenario] = SIM_SCENARIOS
    if (!scenario) throw new Error('there is no scenario')
    const { world } = await planSeed({}, scenario, 1)
    const first = await simulateWorld({ ...world, faults: [], trace: true })
    const second = await simulateWorld({ ...world, faults: [], seed: 'another', trace: true })
    expect(second.trace.join('\n')).not.toBe(first.trace.join('\n'))
  })

  it('SIM-002: an hour that passes for the runs does not pass for the caller', async () => {
    const scenario = SIM_SCENARIOS.find((one) => one.name === 'loop')
    if (!scenario) throw new Error('there is no scenario `loop`')
    const { world } = await planSeed({}, scenario, 0)
    const jump = { kind: 'clock_back', point: 'clock', n: 5 } as const
    const crash = { kind: 'power_cut', point: 'barrier', n: 1 } as const
    const end = await simulateWorld({ ...world, faults: [jump, crash] })
    expect(end.violation).toBeNull()
    expect(end.fired).toHaveLength(2)
    expect(end.virtualMs).toBeGreaterThan(3_600_000)
  })
})

describe('a pretended process', () => {
  it('SIM-003: runs nothing more after it died, whatever it waited for', async () => {
    const machine = new Machine(new SimRandom('order'))
    const dying = new SimProcess('a', machine, new SimRandom('a'))
    const living = new SimProcess('b', machine, new SimRandom('b'))
    const ran: string[] = []
    const work = async (process: SimProcess): Promise<void> => {
      for (let n = 1; n <= 3; n++) {
        await process.wait(10)
        ran.push(`${process.name}${n}`)
      }
    }
    for (const one of [dying, living]) work(one).catch((error: unknown) => ran.push(String(error)))
    machine.after(null, 15, () => {
      dying.alive = false
    })
    expect(await machine.run(() => false, { untilMs: 1_000, steps: 100 })).toBe('nothing_left')
    expect(ran.sort()).toEqual(['a1', 'b1', 'b2', 'b3'])
  })

  it('SIM-003: goes on late when it stood still, with its timers in order', async () => {
    const machine = new Machine(new SimRandom('order'))
    const still = new SimProcess('a', machine, new SimRandom('a'))
    const ran: string[] = []
    for (const ms of [5, 10, 40]) still.after(ms, () => ran.push(`${ms} at ${machine.time}`))
    still.after(6, () => ran.push('cancelled'))()
    machine.after(null, 1, () => {
      still.stalledUntil = 30
    })
    await machine.run(() => false, { untilMs: 1_000, steps: 100 })
    expect(ran.filter((one) => one.endsWith('30')).sort()).toEqual(['10 at 30', '5 at 30'])
    expect(ran).toContain('40 at 40')
    expect(ran).not.toContain('cancelled')
  })
})

describe('the default scenarios', () => {
  it('SIM-010, SIM-011: keep every promise under every seed, and meet every kind of fault', {
    timeout: PATIENCE_MS,
  }, async () => {
    const report = await simulate({ scenarios: SIM_SCENARIOS, seeds: SEEDS })
    expect(report.failures.map(failureText)).toEqual([])
    expect(Object.values(report.scenarios).reduce((sum, count) => sum + count, 0)).toBe(500)
    for (const kind of SIM_FAULTS) expect(report.faults[kind], kind).toBeGreaterThan(0)
    for (const point of FAULT_POINTS) expect(report.points[point], point).toBeGreaterThan(0)
  })

  it('SIM-011: a planned fault comes about at its time and at no other', () => {
    const fault = { kind: 'crash', point: 'sent', n: 2 } as const
    const plan = new FaultPlan([fault])
    expect([plan.hit('sent'), plan.hit('decided'), plan.hit('sent'), plan.hit('sent')]).toEqual([
      null,
      null,
      fault,
      null,
    ])
    expect(plan.fired).toEqual([fault])
  })
})

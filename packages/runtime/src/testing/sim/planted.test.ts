import { describe, expect, it } from 'vitest'
import type { SimCheck } from './checks.ts'
import type { SimFaultKind } from './faults.ts'
import { plantInWorld, SIM_PLANTED_FAULTS, type SimPlantedFault } from './planted.ts'
import type { SimScenario } from './scenario.ts'
import { SIM_SCENARIOS } from './scenarios/index.ts'
import { failureText, planSeed, simulate, wrongWith } from './simulate.ts'
import { simulateWorld } from './world.ts'

const PATIENCE_MS = 240_000

/** Where a planted fault shows: in which scenarios, under which faults, within how many seeds, and to which check. */
interface Found {
  readonly in: readonly string[]
  readonly under: readonly SimFaultKind[]
  readonly seeds: number
  readonly by: readonly SimCheck[]
}

const CRASHES: readonly SimFaultKind[] = ['crash', 'power_cut']

const FOUND: Record<SimPlantedFault, Found> = {
  intent_after_call: { in: ['fan'], under: CRASHES, seeds: 1, by: ['record_before_act'] },
  approval_not_consumed: {
    in: ['approvals'],
    under: CRASHES,
    seeds: 20,
    by: ['never_guess', 'never_twice', 'approval'],
  },
  budget_refilled: { in: ['clerk'], under: CRASHES, seeds: 5, by: ['budget'] },
  event_dropped: { in: ['fan'], under: CRASHES, seeds: 1, by: ['audit', 'never_twice', 'never_guess'] },
  epoch_unchecked: { in: ['race', 'fan', 'loop'], under: ['stall', 'slow', 'crash'], seeds: 400, by: ['fenced'] },
  not_after_ignored: { in: ['loop', 'fan'], under: CRASHES, seeds: 20, by: ['never_guess', 'never_twice'] },
  replay_out_of_order: { in: ['race', 'clerk'], under: CRASHES, seeds: 20, by: ['deterministic'] },
  unknown_repeated: { in: ['fan'], under: ['answer_lost'], seeds: 20, by: ['never_guess', 'never_twice'] },
  reservation_lost: { in: ['clerk', 'tight'], under: CRASHES, seeds: 40, by: ['budget'] },
  inbox_row_twice: { in: ['cancelled'], under: CRASHES, seeds: 200, by: ['inbox'] },
  lease_lost_goes_on: { in: ['clerk', 'fan'], under: ['stall'], seeds: 40, by: ['fenced'] },
  acknowledged_before_durable: { in: ['fan'], under: CRASHES, seeds: 1, by: ['record_before_act'] },
  ledger_skipped: { in: ['once'], under: CRASHES, seeds: 5, by: ['never_twice'] },
  rejection_taken_for_approval: { in: ['approvals'], under: CRASHES, seeds: 10, by: ['approval'] },
  merged_out_of_order: { in: ['fan'], under: CRASHES, seeds: 1, by: ['ownership'] },
  timer_early: { in: ['timers'], under: CRASHES, seeds: 10, by: ['audit', 'same_end', 'status'] },
  timer_lost: { in: ['timers'], under: CRASHES, seeds: 10, by: ['ends', 'status'] },
  message_lost: { in: ['fan'], under: CRASHES, seeds: 10, by: ['same_end', 'never_guess', 'ownership'] },
}

function scenariosOf({ in: names }: Found): readonly SimScenario[] {
  return SIM_SCENARIOS.filter(({ name }) => names.includes(name))
}

async function firstFailure(fault: SimPlantedFault | null, found: Found) {
  const { under, seeds } = found
  const plant = fault === null ? {} : { plant: () => plantInWorld(fault) }
  const report = await simulate({
    scenarios: scenariosOf(found),
    seeds: { from: 0, to: seeds - 1 },
    faults: under,
    ...plant,
  })
  return report.failures[0] ?? null
}

describe('a planted fault', () => {
  it('SIM-030: there are at least twelve, each a promise of its own', () => {
    expect(SIM_PLANTED_FAULTS.length).toBeGreaterThanOrEqual(12)
    expect(Object.keys(FOUND).sort()).toEqual([...SIM_PLANTED_FAULTS].sort())
  })

  it.each(SIM_PLANTED_FAULTS)(
    'SIM-030: `%s` is found within a bounded number of seeds',
    { timeout: PATIENCE_MS },
    async (fault) => {
      const failure = await firstFailure(fault, FOUND[fault])
      expect(failure, `${fault} was not found`).not.toBeNull()
      expect(FOUND[fault].by, failure?.message).toContain(failure?.check)
    },
  )

  it('SIM-030: the same seeds without it find nothing', { timeout: PATIENCE_MS }, async () => {
    for (const found of Object.values(FOUND)) {
      const failure = await firstFailure(null, { ...found, seeds: Math.min(found.seeds, 20) })
      expect(failure && failureText(failure)).toBeNull()
    }
  })
})

describe('a failure', () => {
  it('SIM-020: is shrunk until every fault that is left is needed, and comes again by its seed alone', {
    timeout: PATIENCE_MS,
  }, async () => {
    const fault = 'lease_lost_goes_on'
    const found: Found = { ...FOUND[fault], under: ['stall', 'slow', 'wake_lost', 'crash'] }
    const failure = await firstFailure(fault, found)
    if (!failure) throw new Error('nothing was found')
    expect(failureText(failure)).toContain(`seed ${failure.seed} of scenario \`${failure.scenario}\` breaks \`fenced\``)
    const scenario = SIM_SCENARIOS.find(({ name }) => name === failure.scenario)
    if (!scenario) throw new Error('the scenario is gone')
    const plan = await planSeed({ faults: found.under }, scenario, failure.seed)
    expect(plan.world.faults).toEqual(failure.faults)
    const fails = async (faults: typeof failure.faults) => {
      const end = await simulateWorld({ ...plan.world, faults, plant: plantInWorld(fault) })
      return wrongWith({ world: plan.world, expected: null }, end)?.check === failure.check
    }
    const { faults } = failure.smallest
    expect(faults.length).toBeGreaterThan(0)
    expect(await fails(faults)).toBe(true)
    for (const i of faults.keys()) expect(await fails(faults.filter((_, at) => at !== i)), `without ${i}`).toBe(false)
  })

  it('SIM-020: is told once with the same words, however often it is simulated', async () => {
    const first = await firstFailure('budget_refilled', FOUND.budget_refilled)
    expect(first).not.toBeNull()
    expect(await firstFailure('budget_refilled', FOUND.budget_refilled)).toEqual(first)
  })
})

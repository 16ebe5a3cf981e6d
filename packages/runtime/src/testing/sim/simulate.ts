import { canonicalJson } from '../../base/json.ts'
import { type Host, systemHost } from '../../base/host.ts'
import type { Store } from '../../contracts/store.ts'
import { faultText, planFaults, SIM_FAULTS, type SimFault, type SimFaultKind } from './faults.ts'
import { differenceOf, type FinalState } from './final.ts'
import type { SimPlant } from './plant.ts'
import { SimRandom } from './random.ts'
import type { OperatorAct, SimRun, SimScenario } from './scenario.ts'
import { type SeedPlan, shrink } from './shrink.ts'
import { simulateWorld, type WorldEnd, type WorldOptions } from './world.ts'

/** What is simulated. */
export interface SimulateOptions {
  readonly scenarios: readonly SimScenario[]
  /** Both ends included. Seed n takes scenario n modulo their number. */
  readonly seeds: { readonly from: number; readonly to: number }
  /** Which kinds of fault may come about. Default: all. */
  readonly faults?: readonly SimFaultKind[]
  /** Stops after so many failures. Default 1. */
  readonly mostFailures?: number
  /** An empty store for each world. Default: one in memory. */
  readonly store?: () => Store | Promise<Store>
  /** Told after every seed. */
  readonly onSeed?: (seed: number) => void
  /** A planted fault, for tests of the simulator itself. */
  readonly plant?: () => SimPlant
  /** The clock by which `duration_ms` is measured. */
  readonly host?: Host
}

/** A seed under which a promise was broken, and the least that still breaks it. */
export interface SimFailure {
  readonly seed: number
  readonly scenario: string
  readonly check: string
  readonly message: string
  readonly faults: readonly SimFault[]
  /** What is left when every fault and every run that is not needed is taken away. */
  readonly smallest: { readonly faults: readonly SimFault[]; readonly runs: number; readonly message: string }
}

/** What a range of seeds showed; the form that is written to files. */
export interface SimulationReport {
  readonly format: 1
  readonly kind: 'simulation'
  readonly seeds: { readonly from: number; readonly to: number }
  /** Seeds by scenario. */
  readonly scenarios: Readonly<Record<string, number>>
  /** Faults that came about, by kind. */
  readonly faults: Readonly<Record<string, number>>
  /** Faults that came about, by the point at which they did. */
  readonly points: Readonly<Record<string, number>>
  readonly failures: readonly SimFailure[]
  readonly duration_ms: number
}

/** The undisturbed worlds that were simulated already. */
type Baselines = Map<string, { readonly final: FinalState | null; readonly hits: ReadonlyMap<string, number> }>

/**
 * Runs the real engine over every seed: two workers, people and an outside system in one process, in virtual time, with
 * faults that follow from the seed. Every promise is checked after each commit and at each send, and the end is compared
 * with that of the undisturbed world. A failing seed is shrunk. The same options give the same report but for its duration.
 */
export async function simulate(options: SimulateOptions): Promise<SimulationReport> {
  const host = options.host ?? systemHost
  const started = host.monotonicMs()
  const { from, to } = options.seeds
  const scenarios: Record<string, number> = {}
  const kinds: Record<string, number> = Object.fromEntries(SIM_FAULTS.map((kind) => [kind, 0]))
  const points: Record<string, number> = {}
  const failures: SimFailure[] = []
  const baselines: Baselines = new Map()
  for (let seed = from; seed <= to && failures.length < (options.mostFailures ?? 1); seed++) {
    const scenario = options.scenarios[seed % options.scenarios.length]
    if (!scenario) break
    scenarios[scenario.name] = (scenarios[scenario.name] ?? 0) + 1
    const { end, failure } = await simulateSeed(options, scenario, seed, baselines)
    for (const { kind, point } of end.fired) {
      kinds[kind] = (kinds[kind] ?? 0) + 1
      points[point] = (points[point] ?? 0) + 1
    }
    if (failure) failures.push(failure)
    options.onSeed?.(seed)
    // Gives the real event loop its turn: nothing in a simulation does.
    await systemHost.macrotask()
  }
  const duration = Math.round(host.monotonicMs() - started)
  return {
    format: 1,
    kind: 'simulation',
    seeds: { from, to },
    scenarios,
    faults: kinds,
    points,
    failures,
    duration_ms: duration,
  }
}

/** Plans a seed and simulates its undisturbed world where that was not done before. */
export async function planSeed(
  options: Pick<SimulateOptions, 'faults' | 'store' | 'plant'>,
  scenario: SimScenario,
  seed: number,
  baselines: Baselines = new Map(),
): Promise<SeedPlan> {
  const random = new SimRandom(`${scenario.name}/${seed}`)
  const runs = scenario.runs(random.stream('runs'))
  const acts = scenario.operator?.(random.stream('operator')) ?? []
  const calm = await baselineOf(options, scenario, runs, acts, baselines)
  const faults = planFaults(random.stream('faults'), calm.hits, options.faults)
  const more = {
    ...(options.store ? { store: options.store } : {}),
    ...(options.plant ? { plant: options.plant() } : {}),
  }
  const world: WorldOptions = { scenario, runs, acts, seed: `${scenario.name}/${seed}/world`, faults, ...more }
  const jumps = faults.some((fault) => fault.kind === 'clock_forward')
  // People are overtaken by a clock that jumps: what they would have said comes too late.
  const comparable = scenario.compare !== 'none' && !jumps
  return { world, expected: comparable ? calm.final : null }
}

async function baselineOf(
  options: Pick<SimulateOptions, 'store'>,
  scenario: SimScenario,
  runs: readonly SimRun[],
  acts: readonly OperatorAct[],
  baselines: Baselines,
): Promise<{ readonly final: FinalState | null; readonly hits: ReadonlyMap<string, number> }> {
  const key = `${scenario.name} ${canonicalJson([runs, acts])}`
  const known = baselines.get(key)
  if (known) return known
  const store = options.store ? { store: options.store } : {}
  const calm = await simulateWorld({ scenario, runs, acts, seed: key, faults: [], ...store })
  if (calm.violation)
    throw new Error(
      `scenario \`${scenario.name}\` fails without any fault: ${calm.violation.check}: ${calm.violation.message}`,
    )
  const made = { final: calm.final, hits: calm.hits }
  baselines.set(key, made)
  return made
}

async function simulateSeed(
  options: SimulateOptions,
  scenario: SimScenario,
  seed: number,
  baselines: Baselines,
): Promise<{ readonly end: WorldEnd; readonly failure: SimFailure | null }> {
  const plan = await planSeed(options, scenario, seed, baselines)
  const end = await simulateWorld(plan.world)
  const wrong = wrongWith(plan, end)
  if (!wrong) return { end, failure: null }
  const smallest = await shrink(plan, (smaller) => failsAlike(options, scenario, smaller, wrong.check, baselines))
  const failure: SimFailure = {
    seed,
    scenario: scenario.name,
    ...wrong,
    faults: plan.world.faults,
    smallest: {
      faults: smallest.world.faults,
      runs: smallest.world.runs.length,
      message: smallest.message ?? wrong.message,
    },
  }
  return { end, failure }
}

/** Fails the smaller plan with the same check: the message then, else null. */
async function failsAlike(
  options: SimulateOptions,
  scenario: SimScenario,
  plan: SeedPlan,
  check: string,
  baselines: Baselines,
): Promise<{ readonly plan: SeedPlan; readonly message: string } | null> {
  const { runs, acts } = plan.world
  const calm = await baselineOf(options, scenario, runs, acts, baselines)
  const world = options.plant ? { ...plan.world, plant: options.plant() } : plan.world
  const same: SeedPlan = { world, expected: plan.expected && calm.final }
  const wrong = wrongWith(same, await simulateWorld(world))
  return wrong?.check === check ? { plan: same, message: wrong.message } : null
}

/** What an end breaks: a promise, or the likeness to the undisturbed world. Null when nothing. */
export function wrongWith(plan: SeedPlan, end: WorldEnd): { readonly check: string; readonly message: string } | null {
  if (end.violation) return end.violation
  const difference = plan.expected && end.final ? differenceOf(plan.expected, end.final) : null
  return difference === null ? null : { check: 'same_end', message: difference }
}

/** A failure in words: what to run again, what broke, and the least that breaks it. */
export function failureText(failure: SimFailure): string {
  const { seed, scenario, check, message, faults, smallest } = failure
  const list = (all: readonly SimFault[]): string =>
    all.map((fault) => `\n    ${faultText(fault)}`).join('') || '\n    none'
  return [
    `seed ${seed} of scenario \`${scenario}\` breaks \`${check}\`: ${message}`,
    `  faults of the seed:${list(faults)}`,
    `  smallest that still fails (${smallest.runs} runs): ${smallest.message}${list(smallest.faults)}`,
  ].join('\n')
}

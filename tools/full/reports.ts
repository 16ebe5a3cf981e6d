/** From slices to the two signed reports. */
import type { DrillOfProject, RestoreDrillResult } from '../../packages/server/src/index.ts'
import type { GraphResult, SeedResult } from './work.ts'

/** The least number of kills in each stage of the door, over all examples. */
export const LEAST_A_STAGE = 5

/** Several drills of one workflow as one. */
export function mergedDrill(results: readonly RestoreDrillResult[]): RestoreDrillResult | null {
  const [first] = results
  if (!first) return null
  const sum = (of: (result: RestoreDrillResult) => number): number => results.reduce((all, each) => all + of(each), 0)
  return {
    ...first,
    passed: results.every((each) => each.passed),
    findings: results.flatMap((each) => each.findings),
    kills: results.flatMap((each) => each.kills),
    notReached: sum((each) => each.notReached),
    rounds: sum((each) => each.rounds),
    inputs: Math.max(...results.map((each) => each.inputs)),
    flush: {
      checked: results.some((each) => each.flush.checked),
      acknowledged: sum((each) => each.flush.acknowledged),
      unflushed: sum((each) => each.flush.unflushed),
    },
  }
}

/** What is missing of what a full test has to show, one sentence each. */
export function missingKills(drills: readonly DrillOfProject[], least: number, stages: readonly string[]): string[] {
  const kills = drills.flatMap((each) => each.result.kills)
  const missing: string[] = []
  if (kills.length < least) missing.push(`${kills.length} workers were killed, and ${least} are asked for`)
  for (const stage of stages) {
    const some = kills.filter((kill) => kill.stage === stage).length
    if (some < LEAST_A_STAGE)
      missing.push(`${some} workers were killed in the stage \`${stage}\`, and ${LEAST_A_STAGE} are asked for`)
  }
  return missing
}

/** Ranges of seeds and random graphs as one report, with histograms over all. */
export function simulationReport(
  results: readonly SeedResult[],
  drawn: readonly GraphResult[],
  build: {
    readonly treeHash: string
    readonly lockHash: string | null
    readonly runtimeVersion: string
    readonly storeVersion: number
  },
  madeAt: string,
) {
  const different = drawn.flatMap(({ failure }) => (failure == null ? [] : [failure]))
  const failures = [...results.flatMap((each) => each.failures), ...different]
  const graphs = (of: (one: GraphResult) => number): number => drawn.reduce((sum, one) => sum + of(one), 0)
  const seeds = results.reduce((sum, each) => sum + each.seeds.to - each.seeds.from + 1, 0)
  return {
    kind: 'simulation',
    v: 1,
    made_at: madeAt,
    tree_hash: build.treeHash,
    lock_hash: build.lockHash,
    runtime_version: build.runtimeVersion,
    store_version: build.storeVersion,
    result: failures.length === 0 && seeds > 0 ? 'passed' : 'failed',
    seeds: {
      from: Math.min(...results.map((each) => each.seeds.from)),
      to: Math.max(...results.map((each) => each.seeds.to)),
      count: seeds,
    },
    graphs: {
      count: graphs((one) => one.graphs),
      other_orders: graphs((one) => one.orders),
      crashes: graphs((one) => one.crashes),
    },
    scenarios: added(results.map((each) => each.scenarios)),
    faults: added(results.map((each) => each.faults)),
    points: added(results.map((each) => each.points)),
    failures,
    duration_ms: results.reduce((sum, each) => sum + each.duration_ms, 0),
  }
}

function added(histograms: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const sums: Record<string, number> = {}
  for (const histogram of histograms)
    for (const [name, count] of Object.entries(histogram)) sums[name] = (sums[name] ?? 0) + count
  return sums
}

import { type BuildIdentity, openReport } from '../../packages/server/src/index.ts'
import type { VerifierKey } from '../../packages/runtime/src/index.ts'
import { z } from 'zod'

const reportSchema = z.object({
  kind: z.literal('simulation'),
  made_at: z.string(),
  tree_hash: z.string(),
  lock_hash: z.string().nullable(),
  store_version: z.int(),
  result: z.enum(['passed', 'failed']),
  seeds: z.object({ count: z.int() }),
  graphs: z.object({ count: z.int() }),
})

/** The number of seeds that a release rests on. */
export const LEAST_SEEDS = 20_000
/** The number of random graphs that a release rests on. */
export const LEAST_GRAPHS = 1_000

/** Why the simulation's report does not let this build pass, one sentence each; empty when it does. */
export function simulationGate(options: {
  readonly text: string | null
  readonly build: BuildIdentity
  readonly trusted: VerifierKey
  readonly nowMs: number
  readonly maxAgeDays: number
}): string[] {
  const { text, build, trusted, nowMs, maxAgeDays } = options
  if (text === null) return ['simulation: there is no report']
  const opened = openReport(text, trusted)
  if (opened.status !== 'signed') return [`simulation: the report is ${opened.status}`]
  const parsed = reportSchema.safeParse(opened.report)
  if (!parsed.success) return ['simulation: the file is not the report of a simulation']
  const report = parsed.data
  const age = (nowMs - Date.parse(report.made_at)) / 86_400_000
  const rules: readonly (readonly [boolean, string])[] = [
    [report.result === 'failed', 'seeds failed'],
    [report.seeds.count < LEAST_SEEDS, `${report.seeds.count} seeds ran, and ${LEAST_SEEDS} are asked for`],
    [report.graphs.count < LEAST_GRAPHS, `${report.graphs.count} graphs ran, and ${LEAST_GRAPHS} are asked for`],
    [!(age <= maxAgeDays && age > -1), `the report is ${age.toFixed(1)} days old, and may be ${maxAgeDays}`],
    [report.tree_hash !== build.treeHash, 'the source tree differs'],
    [report.lock_hash !== build.lockHash, 'the lock file differs'],
    [report.store_version !== build.storeVersion, 'the version of the store differs'],
  ]
  return rules.flatMap(([isBroken, sentence]) => (isBroken ? [`simulation: ${sentence}`] : []))
}

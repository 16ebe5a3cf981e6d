/** Checks of the full test that are one command each. `npm test` runs a sample of them. */
import type { BuildIdentity } from '../../packages/server/src/index.ts'
import { openReport } from '../../packages/server/src/index.ts'
import type { VerifierKey } from '../../packages/runtime/src/index.ts'
import { z } from 'zod'
import type { CheckResult } from './work.ts'

/** A command whose last line tells how it ended, and whose exit code says whether it passed. */
export interface FullCheck {
  readonly name: string
  /** What `node --conditions=signalbox-source` gets. */
  readonly args: readonly string[]
}

/** All of them. A row here is run by `npm run test:full` and asked for by `npm run release:check`. */
export const CHECKS: readonly FullCheck[] = [
  { name: 'rules', args: ['tools/rules/main.ts'] },
  { name: 'matrix', args: ['tools/matrix/main.ts'] },
  {
    name: 'incident',
    args: ['packages/cli/src/main.ts', 'drill', 'incident', '--all', '--runs', '100000'],
  },
  {
    name: 'kill switches',
    args: ['packages/cli/src/main.ts', 'drill', 'kill', '--lease-seconds', '1'],
  },
  { name: 'collector away', args: ['tools/collector-away.ts', '1000'] },
]

/** How a command ended, from its exit code and what it printed. */
export function checkResult(code: number | null, output: string, durationMs: number): CheckResult {
  const told = output.trimEnd().split('\n').at(-1) ?? ''
  return { passed: code === 0 && told !== '', told, duration_ms: Math.round(durationMs) }
}

/** What all of them came to, as a report of this build. */
export function checksReport(
  done: Readonly<Record<string, CheckResult>>,
  build: Pick<BuildIdentity, 'treeHash' | 'lockHash' | 'runtimeVersion' | 'storeVersion'>,
  madeAt: string,
) {
  const checks = Object.entries(done).map(([name, result]) => ({ name, ...result }))
  return {
    kind: 'checks',
    v: 1,
    made_at: madeAt,
    tree_hash: build.treeHash,
    lock_hash: build.lockHash,
    runtime_version: build.runtimeVersion,
    store_version: build.storeVersion,
    result: checks.length > 0 && checks.every((each) => each.passed) ? 'passed' : 'failed',
    checks,
  }
}

const reportSchema = z.object({
  kind: z.literal('checks'),
  made_at: z.string(),
  tree_hash: z.string(),
  lock_hash: z.string().nullable(),
  checks: z.array(z.object({ name: z.string(), passed: z.boolean() })),
})

/** Why the report does not let this build pass, one sentence each; empty when it does. */
export function checksGate(options: {
  readonly text: string | null
  readonly build: BuildIdentity
  readonly trusted: VerifierKey
  readonly nowMs: number
  readonly maxAgeDays: number
  readonly wanted?: readonly string[]
}): string[] {
  const { text, build, trusted, nowMs, maxAgeDays, wanted = CHECKS.map((check) => check.name) } = options
  if (text === null) return ['checks: there is no report']
  const opened = openReport(text, trusted)
  if (opened.status !== 'signed') return [`checks: the report is ${opened.status}`]
  const parsed = reportSchema.safeParse(opened.report)
  if (!parsed.success) return ['checks: the file is not the report of the checks']
  const report = parsed.data
  const age = (nowMs - Date.parse(report.made_at)) / 86_400_000
  const passed = new Set(report.checks.filter((check) => check.passed).map((check) => check.name))
  const rules: readonly (readonly [boolean, string])[] = [
    [!(age <= maxAgeDays && age > -1), `the report is ${age.toFixed(1)} days old, and may be ${maxAgeDays}`],
    [report.tree_hash !== build.treeHash, 'the source tree differs'],
    [report.lock_hash !== build.lockHash, 'the lock file differs'],
    ...wanted.map((name) => [!passed.has(name), `\`${name}\` did not pass`] as const),
  ]
  return rules.flatMap(([isBroken, sentence]) => (isBroken ? [`checks: ${sentence}`] : []))
}

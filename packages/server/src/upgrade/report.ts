/** The upgrade check of a project as a signed report without content, and what a gate asks of it. */
import { dirname, join, resolve } from 'node:path'
import { isoTime } from 'signalbox'
import { z } from 'zod'
import { type BuildIdentity, buildIdentity, REPORTS } from '../drill/build.ts'
import { auditKey, type DrillPlace } from '../drill/project-drill.ts'
import { signedReport, writeReport } from '../drill/report.ts'
import { loadProject } from '../project.ts'
import { upgradeCheck, type UpgradeCheckResult } from './check.ts'
import type { ReplaySum, Selection } from './replays.ts'

const sumSchema = z.object({
  runs: z.int(),
  open: z.int(),
  same: z.int(),
  differs: z.int(),
  declared: z.int(),
  skipped: z.record(z.string(), z.int()),
  cannot_go_on: z.int(),
  supersteps: z.int(),
  asks: z.int(),
  decisions: z.int(),
  flipped: z.int(),
  failed: z.int(),
  duration_ms: z.int(),
  runs_per_s: z.number(),
  findings: z.array(
    z.object({
      kind: z.string(),
      run_id: z.string(),
      workflow: z.string(),
      version: z.string(),
      here: z.string().nullable(),
      what: z.string(),
      difference: z
        .object({
          kind: z.string(),
          superstep: z.int(),
          node: z.string().nullable(),
          activation: z.string().nullable(),
          ask: z.string().nullable(),
          seq: z.int().nullable(),
          field: z.string().nullable(),
        })
        .nullable(),
      changes: z.array(z.string()),
    }),
  ),
  flips: z.array(
    z.object({
      name: z.string(),
      before: z.string(),
      after: z.string(),
      count: z.int(),
      first: z.object({ run_id: z.string(), seq: z.int() }),
    }),
  ),
})

/** Shape of the report, for whoever reads it later. */
export const upgradeReportSchema = z.object({
  kind: z.literal('upgrade-check'),
  v: z.literal(1),
  made_at: z.string(),
  result: z.enum(['passed', 'failed']),
  project: z.string(),
  bundle: z.string(),
  signatures: z.record(z.string(), z.string()),
  tree_hash: z.string(),
  lock_hash: z.string().nullable(),
  runtime_version: z.string(),
  store_version: z.int(),
  selection: z.object({ workflow: z.string().nullable(), last: z.int().nullable(), since: z.string().nullable() }),
  copy_ms: z.int(),
  stored: sumSchema.nullable(),
  golden: z.array(z.object({ version: z.string(), why: z.string().nullable(), sum: sumSchema.nullable() })),
})

/** What a report says. */
export type UpgradeReport = z.output<typeof upgradeReportSchema>
/** What a report says of one store. */
export type ReportedSum = z.output<typeof sumSchema>

/** What `signalbox upgrade check` does. */
export interface ProjectUpgradeOptions extends DrillPlace {
  readonly selection: Selection
  readonly goldenDir: string | null
  /** False: only the golden databases. */
  readonly stored: boolean
  readonly log: (line: string) => void
}

/** The report, where it was written, and what it leaves out: the values that differ. */
export interface ProjectUpgradeResult {
  readonly report: UpgradeReport
  readonly path: string
  readonly result: UpgradeCheckResult
}

/** Path of the report of a project. */
export function upgradeReportPath(configPath: string): string {
  return join(dirname(resolve(configPath)), REPORTS, 'upgrade-check.json')
}

/** Checks a project and writes the signed report. Throws as `upgradeCheck` does, and CONFIG_INVALID. */
export async function upgradeProject(options: ProjectUpgradeOptions): Promise<ProjectUpgradeResult> {
  const { configPath, dataDir, env, host, goldenDir, selection, stored, log } = options
  const project = await loadProject(configPath)
  const build = buildIdentity(project, configPath)
  const data = stored ? dataDir : null
  const result = await upgradeCheck({ project, dataDir: data, selection, goldenDir, env, host, log })
  const report = upgradeReport(build, result, { selection, atMs: host.now() })
  const path = upgradeReportPath(configPath)
  writeReport(path, signedReport(report, auditKey(options, project.mode)))
  return { report, path, result }
}

/** The report of a check: names, counts and sentences, and none of the values that differ (invariant 14). */
export function upgradeReport(
  build: BuildIdentity,
  { passed, stored, copyMs, golden }: UpgradeCheckResult,
  { selection, atMs }: { readonly selection: Selection; readonly atMs: number },
): UpgradeReport {
  const { workflow, last, sinceMs } = selection
  return {
    kind: 'upgrade-check',
    v: 1,
    made_at: isoTime(atMs),
    result: passed ? 'passed' : 'failed',
    project: build.project,
    bundle: build.bundle,
    signatures: { ...build.workflows },
    tree_hash: build.treeHash,
    lock_hash: build.lockHash,
    runtime_version: build.runtimeVersion,
    store_version: build.storeVersion,
    selection: { workflow, last, since: sinceMs === null ? null : isoTime(sinceMs) },
    copy_ms: Math.round(copyMs),
    stored: stored && reported(stored),
    golden: golden.map(({ version, why, sum }) => ({ version, why, sum: sum && reported(sum) })),
  }
}

function reported(sum: ReplaySum): ReportedSum {
  const { runs, open, same, differs, declared, supersteps, asks, decisions, flipped, failed } = sum
  const seconds = sum.durationMs / 1_000
  return {
    ...{ runs, open, same, differs, declared, supersteps, asks, decisions, flipped, failed },
    skipped: { ...sum.skipped },
    cannot_go_on: sum.cannotGoOn,
    duration_ms: Math.round(sum.durationMs),
    runs_per_s: seconds > 0 ? Math.round((runs / seconds) * 10) / 10 : 0,
    findings: sum.findings.map(({ kind, runId, workflow, version, here, what, difference, changes }) => ({
      ...{ kind, run_id: runId, workflow, version, here, what, changes: [...changes] },
      difference: difference && withoutValues(difference),
    })),
    flips: sum.flips.map(({ name, before, after, count, first }) => ({
      ...{ name, before, after, count },
      first: { run_id: first.runId, seq: first.seq },
    })),
  }
}

type Told = NonNullable<ReplaySum['findings'][number]['difference']>

function withoutValues({ kind, superstep, node, activation, ask, seq, field }: Told) {
  return { kind, superstep, node, activation, ask, seq, field }
}

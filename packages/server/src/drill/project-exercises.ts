/** Drills of backups, load and kill switches of a whole project: from its file to a signed report. */
import { dirname, join, resolve } from 'node:path'
import { isoTime } from 'signalbox'
import { loadProject } from '../project.ts'
import { type BackupDrillResult, type BackupFault, backupDrill } from './backup.ts'
import { buildIdentity, REPORTS } from './build.ts'
import { chosenDrills } from './choose.ts'
import type { Finding } from './findings.ts'
import { type KillDrillResult, type KillRound, killDrill } from './kill.ts'
import { type LoadDrillResult, type LoadFault, loadDrill } from './load.ts'
import type { SwitchFault } from './orders.ts'
import { auditKey, type DrillPlace } from './project-drill.ts'
import { signedReport, writeReport } from './report.ts'

/** What all take beside their own. */
interface ExerciseOptions extends DrillPlace {
  /** Only this workflow; null: all that have a drill. */
  readonly workflow: string | null
  readonly quietMs?: number
  readonly log: (line: string) => void
}

/** A report of any kind, and where it was written; null with a planted fault. */
export interface ExerciseResult<D> {
  readonly passed: boolean
  readonly path: string | null
  readonly findings: readonly Finding[]
  readonly drills: readonly D[]
}

/** Backup drills of the chosen workflows, with a signed report in `reports/backup-drill.json`. Throws as `drillProject`. */
export function backupProject(
  options: ExerciseOptions & { readonly planted: BackupFault | null },
): Promise<ExerciseResult<BackupDrillResult>> {
  return exercise(options, 'backup-drill', (workflow) => backupDrill({ ...options, workflow }))
}

/** Load drills of the chosen workflows, with a signed report in `reports/load-drill.json`. Throws as `drillProject`. */
export function loadOnProject(
  options: ExerciseOptions & {
    readonly planted: LoadFault | null
    readonly rate: number
    readonly seconds: number
    readonly workers: number
  },
): Promise<ExerciseResult<LoadDrillResult>> {
  return exercise(options, 'load-drill', (workflow) => loadDrill({ ...options, workflow }))
}

/** The lease under which workers know the switches when the project does not say. */
const LEASE_SECONDS = 3

/** Drills of the kill switches, with a signed report in `reports/kill-drill.json`. Throws as `drillProject`. */
export async function killOnProject(
  options: ExerciseOptions & {
    readonly planted: SwitchFault | null
    readonly rounds: readonly KillRound[]
    /** Null: the project's own lease. */
    readonly leaseSeconds: number | null
    readonly runs: number
  },
): Promise<ExerciseResult<KillDrillResult>> {
  const { switches } = await loadProject(options.configPath)
  const leaseSeconds = options.leaseSeconds ?? switches?.leaseSeconds ?? LEASE_SECONDS
  return await exercise(options, 'kill-drill', (workflow) => killDrill({ ...options, workflow, leaseSeconds }))
}

async function exercise<D extends { readonly passed: boolean; readonly findings: readonly Finding[] }>(
  options: ExerciseOptions & { readonly planted: string | null },
  kind: 'backup-drill' | 'load-drill' | 'kill-drill',
  drill: (workflow: string) => Promise<D>,
): Promise<ExerciseResult<D>> {
  const { configPath, host, log } = options
  const project = await loadProject(configPath)
  const chosen = chosenDrills(project, options.workflow)
  const key = auditKey(options, project.mode)
  const build = buildIdentity(project, configPath)
  const drills: D[] = []
  for (const { workflow } of chosen) {
    log(`${workflow}:`)
    drills.push(await drill(workflow))
  }
  const passed = drills.every((each) => each.passed)
  const findings = drills.flatMap((each) => each.findings)
  if (options.planted !== null) return { passed, path: null, findings, drills }
  const report = {
    kind,
    v: 1,
    made_at: isoTime(host.now()),
    tree_hash: build.treeHash,
    lock_hash: build.lockHash,
    runtime_version: build.runtimeVersion,
    store_version: build.storeVersion,
    project: build.project,
    bundle: build.bundle,
    signatures: build.workflows,
    result: passed ? 'passed' : 'failed',
    drills: drills.map(snakeCased),
  }
  const path = join(dirname(resolve(configPath)), REPORTS, `${kind}.json`)
  writeReport(path, signedReport(report, key))
  return { passed, path, findings, drills }
}

/** The same values under the names that reports have: `p95`, `repeated_twice`. */
export function snakeCased(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(snakeCased)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, each]) => [
      // Codes in capitals are values that happen to be names.
      /^[A-Z_]+$/.test(name) ? name : name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      snakeCased(each),
    ]),
  )
}

/** Restore drills of a whole project: from its file to a signed report, and from a report to the gate. */
import { dirname, join, resolve } from 'node:path'
import { type Host, loadAuditKey, type SigningKey, signingKey, type VerifierKey, verifierKeyOf } from 'signalbox'
import { publicKeyPath, readPublicKey } from '../heads/files.ts'
import { type EnvValues, loadProject } from '../project.ts'
import { buildIdentity, REPORTS } from './build.ts'
import { chosenDrills } from './choose.ts'
import { type GateResult, restoreGate } from './gate.ts'
import type { DrillFault } from './orders.ts'
import {
  type DrillOfProject,
  type RestoreReport,
  readReport,
  restoreReport,
  signedReport,
  writeReport,
} from './report.ts'
import { restoreDrill } from './restore.ts'
import { existsSync } from 'node:fs'

/** Where the parts of a drill lie. */
export interface DrillPlace {
  readonly configPath: string
  /** Data folder, for the audit key alone. */
  readonly dataDir: string
  readonly env: EnvValues
  readonly host: Host
}

/** What `signalbox drill restore` does. */
export interface ProjectDrillOptions extends DrillPlace {
  /** Only this workflow; null: all that have a drill. */
  readonly workflow: string | null
  /** Workers killed for each workflow. */
  readonly kills: number
  readonly seed: number
  /** With a planted fault no report is written. */
  readonly planted: DrillFault | null
  readonly quietMs?: number
  readonly log: (line: string) => void
}

/** The report, and where it was written; null with a planted fault. */
export interface ProjectDrillResult {
  readonly report: RestoreReport
  readonly path: string | null
}

/** Path of the report of a project. */
export function restoreReportPath(configPath: string): string {
  return join(dirname(resolve(configPath)), REPORTS, 'restore-drill.json')
}

/**
 * Drills the chosen workflows and writes the signed report. Throws CONFIG_INVALID, WORKFLOW_UNKNOWN, KEY_MISSING and the
 * project's own errors before anything is started.
 */
export async function drillProject(options: ProjectDrillOptions): Promise<ProjectDrillResult> {
  const { configPath, workflow, kills, seed, planted, quietMs, host, log } = options
  const project = await loadProject(configPath)
  const drills = chosenDrills(project, workflow)
  const key = auditKey(options, project.mode)
  const build = buildIdentity(project, configPath)
  const done: DrillOfProject[] = []
  for (const drill of drills) {
    log(`${drill.workflow}: ${drill.inputs.length} inputs, ${kills} kills, seed ${seed}`)
    const what = { configPath, workflow: drill.workflow, kills, seed, planted, log: (line: string) => log(`  ${line}`) }
    done.push({ identity: build, result: await restoreDrill(quietMs === undefined ? what : { ...what, quietMs }) })
  }
  const report = restoreReport(build, done, { seed, atMs: host.now() })
  if (planted !== null) return { report, path: null }
  const path = restoreReportPath(configPath)
  writeReport(path, signedReport(report, key))
  return { report, path }
}

/** What `signalbox drill --gate` decides about the report beside the project. */
export async function gateProject(
  options: DrillPlace & { readonly maxAgeDays: number; readonly publicKey: string | null },
): Promise<GateResult> {
  const { configPath, maxAgeDays, host } = options
  const project = await loadProject(configPath)
  const path = restoreReportPath(configPath)
  return restoreGate({
    text: readReport(path),
    path,
    build: buildIdentity(project, configPath),
    drilled: chosenDrills(project, null).map((drill) => drill.workflow),
    trusted: trustedKey(options),
    nowMs: host.now(),
    maxAgeDays,
  })
}

/** The key that reports are signed with. Throws KEY_MISSING. */
export function auditKey(
  { dataDir, env, host }: DrillPlace,
  mode: 'development' | 'production' = 'development',
): SigningKey {
  return signingKey(loadAuditKey({ dir: resolve(dataDir), env, mode, host }))
}

/** The named key, else that of the environment, else that of the data folder; a gate makes none. */
export function trustedKey(options: DrillPlace & { readonly publicKey: string | null }): VerifierKey | null {
  const { dataDir, env, publicKey } = options
  if (publicKey !== null) return readPublicKey(resolve(publicKey))
  const isGiven = env.SIGNALBOX_AUDIT_KEY !== undefined && env.SIGNALBOX_AUDIT_KEY !== ''
  if (isGiven || existsSync(join(resolve(dataDir), 'audit.key'))) return verifierKeyOf(auditKey(options).publicKey)
  const kept = publicKeyPath(resolve(dataDir))
  return existsSync(kept) ? readPublicKey(kept) : null
}

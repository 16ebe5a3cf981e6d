import { resolve } from 'node:path'
import { isoTime, loadAuditKey, signingKey, systemHost } from 'signalbox'
import { signedReport, writeReport } from '../drill/report.ts'
import type { EnvValues } from '../project.ts'

/** What a check of lineage reports: what was looked at, and every run with gaps. */
export interface LineageReport {
  readonly mode: 'new' | 'all'
  readonly runs: number
  readonly effects: number
  readonly pruned: number
  readonly findings: readonly object[]
}

/** What a comparison with outside systems reports beside its findings. */
export interface OutsideReport {
  readonly mode: 'outside'
  readonly run: string
  readonly findings: readonly object[]
}

/**
 * Writes a dated report, signed with the audit key of the environment or the data folder, whole or not at all. Throws
 * KEY_MISSING and CONFIG_INVALID for a path that cannot be written.
 */
export function writeLineageReport(
  path: string,
  found: LineageReport | OutsideReport,
  place: { readonly dataDir: string; readonly env: EnvValues },
): void {
  const { dataDir, env } = place
  const key = signingKey(loadAuditKey({ dir: resolve(dataDir), env, mode: 'development', host: systemHost }))
  const result = found.findings.length === 0 ? 'passed' : 'failed'
  const report = { ...found, version: 1, kind: 'lineage', made_at: isoTime(systemHost.now()), result }
  writeReport(resolve(path), signedReport(report, key))
}

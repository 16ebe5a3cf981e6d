/** The incident drill at the terminal: from a project's key to a signed report. */
import { dirname, join, resolve } from 'node:path'
import { isoTime } from 'signalbox'
import { loadProject } from '../../project.ts'
import { buildIdentity, REPORTS } from '../build.ts'
import { auditKey, type DrillPlace } from '../project-drill.ts'
import { snakeCased } from '../project-exercises.ts'
import { signedReport, writeReport } from '../report.ts'
import { type IncidentDrillOptions, type IncidentDrillResult, incidentDrill } from './drill.ts'

/** What is drilled, and where the report goes. */
export interface ProjectIncidentOptions extends DrillPlace, Omit<IncidentDrillOptions, 'tamper'> {}

/** What came of it, and where the report was written; null with a planted fault. */
export interface ProjectIncidentResult extends IncidentDrillResult {
  readonly path: string | null
}

/**
 * Drills incidents in a store of its own, and writes a report that is signed with the project's audit key to
 * `reports/incident-drill.json`. Throws as `drillProject`.
 */
export async function incidentOnProject(options: ProjectIncidentOptions): Promise<ProjectIncidentResult> {
  const { configPath, host } = options
  const project = await loadProject(configPath)
  const key = auditKey(options, project.mode)
  const build = buildIdentity(project, configPath)
  const result = await incidentDrill(options)
  if (options.lie) return { ...result, path: null }
  const { passed, ...rest } = result
  const report = {
    kind: 'incident-drill',
    v: 1,
    made_at: isoTime(host.now()),
    tree_hash: build.treeHash,
    lock_hash: build.lockHash,
    runtime_version: build.runtimeVersion,
    store_version: build.storeVersion,
    result: passed ? 'passed' : 'failed',
    // The shapes of a drill are values of JSON.
    ...(snakeCased(rest) as object),
  }
  const path = join(dirname(resolve(configPath)), REPORTS, 'incident-drill.json')
  writeReport(path, signedReport(report, key))
  return { ...result, path }
}

import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  applyRetention,
  checkLineage,
  isoTime,
  openSqliteStore,
  readRetention,
  type SqliteStats,
  sqliteStats,
  systemHost,
  vacuumSqlite,
} from 'signalbox'
import { DATABASE } from '../dev/compose.ts'
import { ioError } from '../dev/io.ts'
import { STAGE_NAMES } from '../drill/orders.ts'
import { drillProject } from '../drill/project-drill.ts'
import { backupProject } from '../drill/project-exercises.ts'
import { auditProjectExposure, orderOf } from '../exposure/project-audit.ts'
import { checkTreeHeads } from '../heads/verify.ts'
import { type EnvValues, loadProject } from '../project.ts'
import type { JobName } from './definition.ts'
import type { JobStart } from './jobs.ts'
import type { JobEnd } from './scheduler.ts'

type Job = (start: JobStart, env: EnvValues) => Promise<JobEnd>

const JOB_TABLE: Readonly<Record<JobName, Job>> = {
  'audit.heads': verifyHeads,
  'drill.backup': drillBackup,
  'drill.restore': drillRestore,
  'exposure-audit': auditExposed,
  report: writeReport,
  retention: applyRules,
  'store.vacuum': giveSpaceBack,
  'lineage-check': checkEveryLineage,
}

/** Does a built-in job in this process. Throws closed codes. Every job can be begun again after it was broken off. */
export function doJob(start: JobStart, env: EnvValues): Promise<JobEnd> {
  return JOB_TABLE[start.job](start, env)
}

/** Compares the store with its signed tree heads. */
async function verifyHeads({ dataDir }: JobStart, env: EnvValues): Promise<JobEnd> {
  const check = await checkTreeHeads({ dataDir, env })
  if (check === null) return { ok: false, code: 'NOT_FOUND', detail: 'there are no tree heads to compare with' }
  if (check.ok) return { ok: true, code: null, detail: `${check.heads} tree heads hold` }
  const kinds = [...new Set(check.findings.map((each) => each.kind))].join(', ')
  const detail = `${check.findings.length} findings (${kinds}): see \`signalbox audit verify\``
  return { ok: false, code: 'AUDIT_FAILED', detail }
}

/** Writes what the store holds into `reports/` of the data folder, whole or not at all. */
async function writeReport({ dataDir, dueAt }: JobStart): Promise<JobEnd> {
  const stats = await sqliteStats(join(dataDir, DATABASE))
  const folder = join(dataDir, 'reports')
  const name = `store-${isoTime(dueAt).replaceAll(':', '-')}.json`
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    writeFileSync(join(folder, `.${name}`), `${JSON.stringify(reportOf(stats, dueAt), null, 2)}\n`, { mode: 0o600 })
    renameSync(join(folder, `.${name}`), join(folder, name))
  } catch (cause) {
    throw ioError(cause, folder)
  }
  return { ok: true, code: null, detail: `wrote reports/${name}` }
}

function reportOf(stats: SqliteStats, dueAt: number) {
  return {
    version: 1,
    kind: 'store',
    due_at: isoTime(dueAt),
    made_at: isoTime(systemHost.now()),
    file_bytes: stats.fileBytes,
    log_bytes: stats.logBytes,
    free_bytes: stats.freeBytes,
    tables: stats.tables,
    runs_by_status: stats.runsByStatus,
    oldest_record_at: stats.oldestRecordAt,
    newest_record_at: stats.newestRecordAt,
  }
}

/** Gives free pages back; workers wait for their locks meanwhile. */
async function giveSpaceBack({ dataDir }: JobStart): Promise<JobEnd> {
  const { bytesBefore, bytesAfter } = await vacuumSqlite(join(dataDir, DATABASE))
  return { ok: true, code: null, detail: `${bytesBefore} bytes before, ${bytesAfter} after` }
}

/** Runs pruned in one call; the next call of the same job goes on. */
const PRUNED_AT_ONCE = 1_000

/** Prunes ended runs by the project's rules until nothing is due. */
async function applyRules({ dataDir, configPath }: JobStart): Promise<JobEnd> {
  const { name, retention = [] } = await loadProject(configPath)
  if (retention.length === 0) {
    const detail = `project \`${name}\` declares no rules: add \`retention: [{ olderThanDays, keep }]\` to its defineProject`
    return { ok: false, code: 'CONFIG_INVALID', detail }
  }
  const store = await openSqliteStore({ path: join(dataDir, DATABASE), host: systemHost })
  try {
    let [metadata, nothing, more] = [0, 0, true]
    while (more) {
      const report = await applyRetention(store, readRetention(retention), systemHost, { maxRuns: PRUNED_AT_ONCE })
      metadata += report.pruned.metadata
      nothing += report.pruned.nothing
      more = report.more && report.pruned.metadata + report.pruned.nothing > 0
    }
    return { ok: true, code: null, detail: `${metadata + nothing} runs pruned, ${nothing} of them to nothing` }
  } finally {
    await store.close()
  }
}

/** Kills in each stage of the door, as `signalbox drill restore` does without a number. */
const KILLS_PER_STAGE = 3
const MAX_SEED = 2_000_000_000

function drillPlace({ dataDir, configPath }: JobStart, env: EnvValues) {
  return { dataDir, configPath, env, host: systemHost, workflow: null, planted: null, log: () => undefined }
}

/** Kills workers in every stage on a copy of the project; the due time is the seed, so that each time is another plan. */
async function drillRestore(start: JobStart, env: EnvValues): Promise<JobEnd> {
  const seed = Math.floor(start.dueAt / 1_000) % MAX_SEED
  const kills = KILLS_PER_STAGE * STAGE_NAMES.length
  const { report } = await drillProject({ ...drillPlace(start, env), kills, seed })
  const { lost, doubled, budgets_refilled: refilled } = report
  const detail = `${report.kills} kills: ${lost} lost, ${doubled} doubled, ${refilled} budgets refilled`
  return report.result === 'passed' ? { ok: true, code: null, detail } : { ok: false, code: 'AUDIT_FAILED', detail }
}

/** Copies the store of working processes in a temporary folder, and goes on from the copy. */
async function drillBackup(start: JobStart, env: EnvValues): Promise<JobEnd> {
  const { passed, drills, findings } = await backupProject(drillPlace(start, env))
  const detail = `${drills.length} workflows, ${findings.length} findings`
  return passed ? { ok: true, code: null, detail } : { ok: false, code: 'AUDIT_FAILED', detail }
}

/** Searches every place where content could have got to, and writes the signed report. */
async function auditExposed(start: JobStart, env: EnvValues): Promise<JobEnd> {
  const { dataDir, configPath } = start
  const { report } = await auditProjectExposure({ dataDir, configPath, env, host: systemHost }, orderOf(env))
  const { findings_total: found, unexplained } = report
  const detail = `${found} findings, ${unexplained} of them explained by no setting`
  return unexplained === 0 ? { ok: true, code: null, detail } : { ok: false, code: 'AUDIT_FAILED', detail }
}

/** Checks the lineage of every run that changed since the last check, of all tenants; rows of runs with gaps stay. */
async function checkEveryLineage({ dataDir }: JobStart): Promise<JobEnd> {
  const store = await openSqliteStore({ path: join(dataDir, DATABASE), host: systemHost })
  try {
    let [runs, standing] = [0, 0]
    for (const tenant of await store.tenants()) {
      for (let more = true; more; ) {
        const page = await checkLineage(store, tenant, { mode: 'new' }, systemHost.now())
        runs += page.runs
        more = page.more
      }
      standing += (await store.lineageFindings({ tenant, limit: MOST_TOLD })).length
    }
    const detail = `${runs} runs checked, ${standing} with gaps: see \`signalbox lineage --fail-on-gap\``
    return standing === 0 ? { ok: true, code: null, detail } : { ok: false, code: 'AUDIT_FAILED', detail }
  } finally {
    await store.close()
  }
}

/** Most runs with gaps that the end of a job counts. */
const MOST_TOLD = 10_000

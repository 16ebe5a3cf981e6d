import { readFileSync } from 'node:fs'
import { hmacBase64Url, loadAuditKey, secretKey, SignalboxError, signingKey } from 'signalbox'
import { compose, type Composed } from '../dev/compose.ts'
import type { DrillPlace } from '../drill/project-drill.ts'
import { type EnvValues, loadProject, notificationsOf, type Project } from '../project.ts'
import { captureSettings } from '../telemetry/capture.ts'
import { auditExposure, type ExposureAuditOptions } from './audit.ts'
import { readSecrets, type Secret } from './matcher.ts'
import { type ExposureReport, writeExposureReport } from './report.ts'

/** What is searched beside the data folder of a project, and for what. */
export interface ExposureOrder
  extends Pick<ExposureAuditOptions, 'secrets' | 'logs' | 'exports' | 'backups'>,
    Partial<Pick<ExposureAuditOptions, 'forms' | 'without'>> {}

/** What an audit of a project gave. */
export interface ExposureAudited {
  readonly report: ExposureReport
  /** The report's file. */
  readonly path: string
}

/** Opens a data folder, searches it under the project's settings, and writes the signed report. Throws KEY_MISSING too. */
export async function auditProjectExposure(
  place: Omit<DrillPlace, 'log'>,
  order: ExposureOrder,
): Promise<ExposureAudited> {
  const project = await loadProject(place.configPath)
  const composed = await compose(project, place.dataDir, place.host, place.env, { part: 'offline' })
  try {
    return await auditComposed(place, project, composed, order)
  } finally {
    await composed.close()
  }
}

/** The same over a project that is open. */
export async function auditComposed(
  { dataDir, env, host }: Pick<DrillPlace, 'dataDir' | 'env' | 'host'>,
  project: Project,
  composed: Pick<Composed, 'store' | 'signalbox' | 'redactor'>,
  order: ExposureOrder,
): Promise<ExposureAudited> {
  const seed = loadAuditKey({ dir: dataDir, env, mode: project.mode ?? 'development', host })
  const digestKey = secretKey(seed)
  const { runs } = composed.signalbox
  const settings = captureSettings(env, project.telemetry)
  const report = await auditExposure({
    ...order,
    dataDir,
    host,
    project: project.name,
    store: composed.store,
    runs,
    notifications: notificationsOf(project),
    capture: { settings, redactor: composed.redactor, contents: runs.contents.bind(runs) },
    fingerprint: (value) => hmacBase64Url(digestKey, 'exposure\n', value).slice(0, 16),
  })
  return { report, path: writeExposureReport(dataDir, report, signingKey(seed)) }
}

/** Reads a file of secrets. Throws INPUT_INVALID when it cannot be read or holds none that can be searched. */
export function secretsFrom(path: string): readonly Secret[] {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    throw new SignalboxError('INPUT_INVALID', `\`${path}\` cannot be read: name a file with one secret a line`, {
      cause,
    })
  }
  return readSecrets(text)
}

/**
 * What audits that nobody stands beside search: SIGNALBOX_EXPOSURE_SECRETS names a file of known values,
 * SIGNALBOX_EXPOSURE_LOGS, _EXPORTS and _BACKUPS files and folders, with a colon between them.
 */
export function orderOf(env: EnvValues): ExposureOrder {
  const paths = (name: string): readonly string[] => (env[name] ?? '').split(':').filter((path) => path !== '')
  const secrets = env.SIGNALBOX_EXPOSURE_SECRETS ?? ''
  return {
    secrets: secrets === '' ? [] : secretsFrom(secrets),
    logs: paths('SIGNALBOX_EXPOSURE_LOGS'),
    exports: paths('SIGNALBOX_EXPOSURE_EXPORTS'),
    backups: paths('SIGNALBOX_EXPOSURE_BACKUPS'),
  }
}

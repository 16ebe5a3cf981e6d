/** The report of exposure audits: JSON signed with the audit key, one file for each audit. */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { exposureFindingSchema } from '@signalbox/protocol'
import type { SigningKey, VerifierKey } from 'signalbox'
import { z } from 'zod'
import { openReport, readReport, signedReport, writeReport } from '../drill/report.ts'

/** One secret in one place. It names where, and never what. */
export type ExposureFinding = z.output<typeof exposureFindingSchema>

const reportSchema = z.object({
  kind: z.literal('exposure-audit'),
  v: z.literal(1),
  made_at: z.string(),
  project: z.string(),
  result: z.enum(['passed', 'failed']),
  capture: z.string(),
  identity: z.boolean(),
  known_secrets: z.int(),
  forms: z.array(z.string()),
  /** How many texts of each place were searched. */
  places: z.array(z.object({ place: z.string(), texts: z.int(), findings: z.int() })),
  findings_total: z.int(),
  /** Findings that no setting explains. */
  unexplained: z.int(),
  /** At most 1,000. */
  findings: z.array(exposureFindingSchema),
})
/** What a report says. */
export type ExposureReport = z.output<typeof reportSchema>

/** Folder of reports in a data folder. */
export const REPORTS = 'reports'

/** Writes a report into the data folder and gives its path. Throws the codes of `ioError`. */
export function writeExposureReport(dataDir: string, report: ExposureReport, key: SigningKey): string {
  const path = join(dataDir, REPORTS, `exposure-${report.made_at.replaceAll(':', '-')}.json`)
  writeReport(path, signedReport(report, key))
  return path
}

/** The last report of a data folder and what its file turned out to be; null when there is none. */
export function lastExposureReport(
  dataDir: string,
  trusted: VerifierKey | null,
): {
  readonly file: string
  readonly status: 'signed' | 'unreadable' | 'changed' | 'forged'
  readonly report: ExposureReport | null
} | null {
  const folder = join(dataDir, REPORTS)
  if (!existsSync(folder)) return null
  const file = readdirSync(folder)
    .filter((name) => /^exposure-[\w.-]+\.json$/.test(name))
    .sort()
    .at(-1)
  if (file === undefined) return null
  const opened = openReport(readReport(join(folder, file)) ?? '', trusted)
  if (opened.status !== 'signed') return { file, status: opened.status, report: null }
  const parsed = reportSchema.safeParse(opened.report)
  return parsed.success ? { file, status: 'signed', report: parsed.data } : { file, status: 'unreadable', report: null }
}

import { existsSync } from 'node:fs'
import type { AlertGauges } from 'signalbox'
import { lastExposureReport } from '../exposure/report.ts'
import { publicKeyPath, readPublicKey } from '../heads/files.ts'

/** The last exposure audit of a data folder, as alerts look at it. One whose file is not as it was signed is a finding. */
export function exposureOf(dataDir: string): AlertGauges['exposure'] {
  const path = publicKeyPath(dataDir)
  const found = lastExposureReport(dataDir, existsSync(path) ? readPublicKey(path) : null)
  if (!found) return null
  const { report, status } = found
  const told = report?.result === 'failed' ? Math.max(1, report.unexplained) : 0
  const findings = status === 'signed' ? told : Math.max(1, told)
  return { at: report ? Date.parse(report.made_at) : 0, findings, report: status }
}

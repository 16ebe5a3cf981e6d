import { existsSync } from 'node:fs'
import type { ExposureAuditView } from '@signalbox/protocol'
import { type Host, SignalboxError, toSignalboxError } from 'signalbox'
import type { Composed } from '../dev/compose.ts'
import { publicKeyPath, readPublicKey } from '../heads/files.ts'
import type { EnvValues, Project } from '../project.ts'
import { auditComposed, orderOf } from './project-audit.ts'
import { lastExposureReport } from './report.ts'

/** Audits of exposure over the data of a running server: one at a time, in the background. */
export interface ExposureService {
  view(): ExposureAuditView
  /** Throws CONFLICT while one is under way. */
  start(): void
  /** Resolves when none is under way. */
  idle(): Promise<void>
}

/** What the service works with. */
export interface ExposureServiceParts {
  readonly project: Project
  readonly composed: Pick<Composed, 'store' | 'signalbox' | 'redactor'>
  readonly dataDir: string
  readonly env: EnvValues
  readonly host: Host
}

/** Makes the service. What it searches beside the data folder is what the environment names. */
export function exposureService({ project, composed, ...place }: ExposureServiceParts): ExposureService {
  let running: Promise<void> | null = null
  let failed: string | null = null
  const audit = async (): Promise<void> => {
    try {
      await auditComposed(place, project, composed, orderOf(place.env))
      failed = null
    } catch (thrown) {
      failed = toSignalboxError(thrown).code
    }
    running = null
  }
  return {
    view() {
      const path = publicKeyPath(place.dataDir)
      const found = lastExposureReport(place.dataDir, existsSync(path) ? readPublicKey(path) : null)
      const file = found && { name: found.file, status: found.status }
      return { running: running !== null, failed, file, report: found?.report ?? null }
    },
    start() {
      if (running) throw new SignalboxError('CONFLICT', 'an audit of exposure is under way: wait for its report')
      running = audit()
    },
    idle: async () => {
      await running
    },
  }
}

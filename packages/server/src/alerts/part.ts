import type { Host, RunsApi, Store } from 'signalbox'
import type { TroubleBoard } from '../health/troubles.ts'
import { alertsOf, type EnvValues, type Project, schedulesOf } from '../project.ts'
import { completenessOf } from '../telemetry/completeness.ts'
import { telemetrySettings } from '../telemetry/settings.ts'
import { type AlertHandle, startAlerts } from './evaluator.ts'
import { type AlertService, alertService } from './service.ts'
import { alertSources } from './sources.ts'

/** What the alerts of a server are made of. */
export interface AlertPartOptions {
  readonly project: Project
  readonly store: Store
  readonly runs: Pick<RunsApi, 'engageKillSwitch'>
  readonly host: Host
  /** The tenant of the schedules, and of the server's own alerts. */
  readonly home: string
  readonly dataDir: string
  readonly env: EnvValues
  readonly troubles: Pick<TroubleBoard, 'view'>
  readonly log: (line: string) => void
}

/** The alerts of a server: what people do with them, and the evaluation once it is started. */
export interface AlertPart {
  readonly service: AlertService
  start(): AlertHandle
}

/** Puts the alerts of a server together. Throws CONFIG_INVALID for what the project declares of them. */
export function alertPart(options: AlertPartOptions): AlertPart {
  const { project, store, runs, host, home, dataDir, env, troubles, log } = options
  const settings = alertsOf(project)
  let handle: AlertHandle | null = null
  return {
    service: alertService({ store, settings, host, fault: () => handle?.fault() ?? null }),
    start: () => {
      const sendsTelemetry = telemetrySettings(env) !== null
      const schedules = schedulesOf(project)
      const completeness = async () => (await completenessOf(store, host)).ratio
      const sources = alertSources({ store, home, schedules, troubles, dataDir, sendsTelemetry, completeness })
      handle = startAlerts({ store, host, settings, sources, home, runs, log })
      return handle
    },
  }
}

import type { Host, RunsApi, Store } from 'signalbox'
import type { TroubleBoard } from '../health/troubles.ts'
import { alertsOf, type EnvValues, type Project, schedulesOf } from '../project.ts'
import { completenessOf } from '../telemetry/completeness.ts'
import { telemetrySettings } from '../telemetry/settings.ts'
import { exposureOf } from './exposure.ts'
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
      const parts = { store, home, schedules, troubles, dataDir, sendsTelemetry }
      const completeness = async () => keptPart(await completenessOf(store, host))
      const exposure = async () => exposureOf(dataDir)
      const sources = alertSources({ ...parts, completeness, exposure })
      handle = startAlerts({ store, host, settings, sources, home, runs, log })
      return handle
    },
  }
}

/** What was not lost on the way, of what is due. What only waits is told by its age: a collector may be away for a while. */
function keptPart({ due, leftOut, rejected }: Awaited<ReturnType<typeof completenessOf>>): number {
  return due === 0 ? 1 : Math.max(0, 1 - (leftOut + rejected) / due)
}

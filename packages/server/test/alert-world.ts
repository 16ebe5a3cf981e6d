/** An evaluation over a store that a test drives by hand. */
import {
  type AlertGauges,
  type Host,
  memoryStore,
  type Principal,
  QUIET_GAUGES,
  type Store,
  systemHost,
} from 'signalbox'
import { AlertEvaluator, type EvaluatorOptions } from '../src/alerts/evaluator.ts'
import { type AlertService, alertService } from '../src/alerts/service.ts'
import { type AlertsDef, readAlertSettings } from '../src/alerts/settings.ts'
import type { HistoryCheck } from '../src/alerts/sources.ts'

/** Who may do everything with alerts of the planted tenant. */
export const OLGA: Principal = { id: 'user:olga', kind: 'user', tenant: 'planted', roles: ['operator'] }

/** An evaluation with what it looks at. */
export interface AlertWorld {
  readonly store: Store
  /** The hour that its clock shows is the machine's and this, in milliseconds. */
  readonly clock: { ahead: number }
  readonly host: Host
  readonly seen: { gauges: Partial<AlertGauges>; history: HistoryCheck; fails: Error | null }
  readonly service: AlertService
  /** Another process on the same store. */
  another(over?: Partial<EvaluatorOptions>): AlertEvaluator
}

/** A world in which nothing is wrong. */
export function alertWorld(
  options: { alerts?: AlertsDef; store?: Store; over?: Partial<EvaluatorOptions> } = {},
): AlertWorld {
  const clock = { ahead: 0 }
  const host: Host = { ...systemHost, now: () => systemHost.now() + clock.ahead }
  const store = options.store ?? memoryStore(host)
  const settings = readAlertSettings(options.alerts)
  const seen: AlertWorld['seen'] = { gauges: {}, history: { gaps: [], faults: [] }, fails: null }
  const another = (over: Partial<EvaluatorOptions> = {}): AlertEvaluator =>
    new AlertEvaluator({
      ...{ store, host, settings, home: 'planted', log: () => undefined },
      sources: {
        gauges: async () => {
          if (seen.fails) throw seen.fails
          return { ...QUIET_GAUGES, ...seen.gauges }
        },
        history: async () => seen.history,
      },
      runs: { engageKillSwitch: () => Promise.reject(new Error('no switch is thrown here')) },
      ...options.over,
      ...over,
    })
  return { store, clock, host, seen, another, service: alertService({ store, settings, host }) }
}

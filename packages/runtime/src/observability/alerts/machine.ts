import type { AlertState } from '../../contracts/alerts.ts'

/**
 * What happens to an alert: its condition is found; it was gone for long enough; a silence is over and it still holds or
 * somebody must look, or it is gone; and what people do.
 */
export type AlertAct =
  | 'found'
  | 'gone'
  | 'silence_over_found'
  | 'silence_over_gone'
  | 'acknowledge'
  | 'silence'
  | 'resolve'

/** The life of an alert: where each act leads from each state. Total, shown in `docs/spec/alerts.md`. */
export const ALERT_MACHINE: Readonly<Record<AlertState, Readonly<Record<AlertAct, AlertState | 'refused'>>>> = {
  open: {
    found: 'open',
    gone: 'resolved',
    silence_over_found: 'open',
    silence_over_gone: 'open',
    acknowledge: 'acknowledged',
    silence: 'silenced',
    resolve: 'resolved',
  },
  acknowledged: {
    found: 'acknowledged',
    gone: 'resolved',
    silence_over_found: 'acknowledged',
    silence_over_gone: 'acknowledged',
    acknowledge: 'refused',
    silence: 'silenced',
    resolve: 'resolved',
  },
  silenced: {
    found: 'silenced',
    gone: 'silenced',
    silence_over_found: 'open',
    silence_over_gone: 'resolved',
    acknowledge: 'acknowledged',
    silence: 'silenced',
    resolve: 'resolved',
  },
  resolved: {
    found: 'open',
    gone: 'resolved',
    silence_over_found: 'resolved',
    silence_over_gone: 'resolved',
    acknowledge: 'refused',
    silence: 'refused',
    resolve: 'refused',
  },
}

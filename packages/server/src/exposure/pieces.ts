/** What a search for exposed content reads: texts, and where each of them is. */
import type { Signalbox, Store } from 'signalbox'
import type { Notifications } from '../notify/definition.ts'
import type { CaptureOptions } from '../telemetry/exporter.ts'

/** Where content can get to. */
export const EXPOSURE_PLACES = [
  'telemetry',
  'events',
  'errors',
  'state',
  'approvals',
  'store',
  'store_bytes',
  'notifications',
  'files',
  'file_names',
  'logs',
  'exports',
  'backups',
] as const
/** Where content can get to. */
export type ExposurePlace = (typeof EXPOSURE_PLACES)[number]

/** Where exactly: names and numbers, never content. */
export type Where = Readonly<Record<string, string | number>>

/** One text of a place. `explained` names the setting that lets content be there, or null where none does. */
export interface Piece {
  readonly text: string
  readonly where: Where
  readonly explained: string | null
  /** True for bytes that are no text: forms of secrets are not looked for in them. */
  readonly bytes?: true
}

/** What is searched. */
export interface Searched {
  readonly dataDir: string
  readonly store: Store
  readonly runs: Signalbox['runs']
  readonly capture: CaptureOptions
  readonly notifications: Notifications
  /** Files and folders of logs. */
  readonly logs: readonly string[]
  readonly exports: readonly string[]
  readonly backups: readonly string[]
}

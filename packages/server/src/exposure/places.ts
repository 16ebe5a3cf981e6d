/** Every place where content could get to by mistake, as texts to be searched. One row of the table for each place. */
import { bytePieces, filePieces, namePieces } from './files.ts'
import { messagePieces } from './messages.ts'
import type { ExposurePlace, Piece, Searched } from './pieces.ts'
import { tablePieces } from './tables.ts'
import { telemetryPieces } from './telemetry.ts'

type Pieces = (searched: Searched) => AsyncIterable<Piece>

/** How each place is read. */
export const PLACES: Readonly<Record<ExposurePlace, Pieces>> = {
  telemetry: telemetryPieces,
  events: (all) => tablePieces(all.dataDir, 'events'),
  errors: (all) => tablePieces(all.dataDir, 'errors'),
  state: (all) => tablePieces(all.dataDir, 'state'),
  approvals: (all) => tablePieces(all.dataDir, 'approvals'),
  store: (all) => tablePieces(all.dataDir, 'store'),
  store_bytes: (all) => bytePieces([all.dataDir], { databases: true }),
  notifications: messagePieces,
  files: (all) => bytePieces([all.dataDir], { databases: false }),
  file_names: (all) => namePieces([all.dataDir, ...all.logs, ...all.exports, ...all.backups]),
  logs: (all) => filePieces(all.logs),
  exports: (all) => filePieces(all.exports),
  backups: (all) => filePieces(all.backups),
}

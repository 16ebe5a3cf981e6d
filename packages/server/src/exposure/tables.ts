import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { DATABASE } from '../dev/compose.ts'
import type { Piece } from './pieces.ts'

/** What a row of the database is about. */
type TablePlace = 'events' | 'errors' | 'state' | 'approvals' | 'notifications' | 'store'

const APPROVALS = /^(?:approval|question|request|override|feedback)\./
const STATE = new Set(['run.started', 'superstep.completed', 'position.saved', 'response.received', 'run.upgraded'])
const ERRORS = new Set(['activation.failed', 'step.failed', 'run.parked', 'activity.late'])

/** The rows of one place in the database of a data folder; every column of every table belongs to one place. */
export async function* tablePieces(dataDir: string, place: TablePlace): AsyncIterable<Piece> {
  const path = join(dataDir, DATABASE)
  if (existsSync(path)) yield* databasePieces(path, place)
}

/** The rows of a database file; of one place, or all. */
export function* databasePieces(path: string, place: TablePlace | null): Iterable<Piece> {
  const database = new DatabaseSync(path, { readOnly: true })
  try {
    const tables = `SELECT name, wr FROM pragma_table_list WHERE schema = 'main' AND type = 'table' ORDER BY name`
    for (const { name, wr: keyed } of database.prepare(tables).all()) {
      const table = String(name)
      // A table that is kept by its key has no numbers of rows: they are counted in the order of the key.
      const number = keyed === 1 ? 'row_number() OVER ()' : 'rowid'
      const rows = database.prepare(`SELECT ${number} AS "#row", * FROM "${table.replaceAll('"', '""')}"`).iterate()
      for (const row of rows) if (place === null || placeOf(table, row) === place) yield* rowPieces(table, row)
    }
  } finally {
    database.close()
  }
}

type Row = Readonly<Record<string, unknown>>

function placeOf(table: string, row: Row): TablePlace {
  if (table === 'records') return placeOfRecord(String(row.type), String(row.body))
  if (table === 'inbox' || table === 'requests') return 'approvals'
  return /notice|deliver|channel|outbox/.test(table) ? 'notifications' : 'store'
}

function placeOfRecord(type: string, body: string): TablePlace {
  if (ERRORS.has(type)) return 'errors'
  if (type === 'activity.outcome' && !body.includes('"status":"succeeded"')) return 'errors'
  if (STATE.has(type)) return 'state'
  return APPROVALS.test(type) ? 'approvals' : 'events'
}

function* rowPieces(table: string, row: Row): Iterable<Piece> {
  const named = { table, row: Number(row['#row']), ...(table === 'records' ? recordOf(row) : {}) }
  for (const [field, value] of Object.entries(row)) {
    const where = { ...named, field }
    if (typeof value === 'string') yield { text: value, where, explained: null }
    else if (value instanceof Uint8Array)
      yield { text: Buffer.from(value).toString('utf8'), where, explained: null, bytes: true }
  }
}

function recordOf({ seq, type, body }: Row) {
  const run = /"run":"([\w.:-]{1,100})"/.exec(String(body))?.[1]
  return { record: Number(seq), type: String(type), ...(run === undefined ? {} : { run }) }
}

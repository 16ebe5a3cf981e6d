/** Holds: invoices that somebody decided to leave unpaid for now. They are kept beside the ledger, in its file. */
import { existsSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { z } from 'zod'
import { WorldError } from './errors.ts'

/** What a request for a hold says. `subject` is the invoice key, or the file name of a file that holds no invoice. */
export const HoldRequest = z.strictObject({
  subject: z.string().min(1).max(120),
  reason_code: z.string().regex(/^[a-z][a-z0-9_]{0,59}$/, 'must be lower-case letters, digits and _'),
})
/** What a request for a hold says. */
export type HoldRequest = z.infer<typeof HoldRequest>

/** A hold that was placed. */
export interface Hold extends HoldRequest {
  readonly hold_id: number
  readonly idempotency_key: string
  readonly run_id: string | null
  readonly placed_at: string
}

/** The holds of a ledger. */
export interface Holds {
  /** All holds, oldest first; with a key, the one that was placed under it. */
  holds(key?: string): Hold[]
  /**
   * Places a hold once for a key; the same key again gives the same hold (`replayed`).
   *
   * @throws WorldError `idempotency_key_reused` for a key that placed another hold
   */
  placeHold(
    request: HoldRequest,
    sender: { readonly key: string; readonly runId: string | null; readonly now: string },
  ): { hold: Hold; replayed: boolean }
}

/** The table of holds. */
export const HOLDS_SCHEMA = `
  CREATE TABLE IF NOT EXISTS holds (hold_id INTEGER PRIMARY KEY AUTOINCREMENT, subject TEXT NOT NULL,
    reason_code TEXT NOT NULL, idempotency_key TEXT NOT NULL UNIQUE, run_id TEXT, placed_at TEXT NOT NULL);`

/** The holds in an open ledger file that has `HOLDS_SCHEMA`. */
export function holdsOf(db: DatabaseSync): Holds {
  // The schema above gives the rows their type; a spread gives them a prototype.
  const read = (rows: unknown[]): Hold[] => rows.map((row) => ({ ...(row as Hold) }))
  const byKey = db.prepare('SELECT * FROM holds WHERE idempotency_key = ?')
  const insert = db.prepare(
    'INSERT INTO holds (subject, reason_code, idempotency_key, run_id, placed_at) VALUES (?, ?, ?, ?, ?) RETURNING *',
  )
  return {
    holds: (key) =>
      key === undefined ? read(db.prepare('SELECT * FROM holds ORDER BY hold_id').all()) : read(byKey.all(key)),
    placeHold: ({ subject, reason_code }, { key, runId, now }) => {
      const before = read(byKey.all(key))[0]
      if (before !== undefined) {
        if (before.subject === subject && before.reason_code === reason_code) return { hold: before, replayed: true }
        throw new WorldError('idempotency_key_reused', `idempotency key \`${key}\` placed another hold; use a new key`)
      }
      const placed = read(insert.all(subject, reason_code, key, runId, now))[0]
      if (placed === undefined) throw new WorldError('internal_error', 'the hold that was just placed is not there')
      return { hold: placed, replayed: false }
    },
  }
}

/** The holds in a ledger file as it stands, for whoever judges from outside; none when there is no file. */
export function readHolds(path: string): Hold[] {
  if (!existsSync(path)) return []
  const db = new DatabaseSync(path, { readOnly: true })
  try {
    return holdsOf(db).holds()
  } finally {
    db.close()
  }
}

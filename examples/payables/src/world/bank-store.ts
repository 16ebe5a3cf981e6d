/**
 * The bank's own record: accounts, bookings, recalls, outgoing notices and a log of every request, in one SQLite file that
 * nobody else writes. A booking is durable before it is answered. Tests judge by this file.
 */
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { z } from 'zod'
import type { NotificationRequest, PaymentRequest, RecallRequest } from './bank-schema.ts'
import { WorldError } from './errors.ts'
import type { BankEndpoint } from './match.ts'

/** One booked payment, amounts in minor units of `currency`. `idempotency_key` is null on the legacy endpoint. */
export interface Booking {
  readonly booking_id: number
  readonly endpoint: BankEndpoint
  readonly payee_iban: string
  readonly payee_name: string
  readonly amount_minor: number
  readonly currency: string
  readonly reference: string
  readonly idempotency_key: string | null
  readonly run_id: string | null
  readonly booked_at: string
}

/** One payment that came back: its booking stays, and its amount is on the account again. */
export interface Recall {
  readonly recall_id: number
  readonly booking_id: number
  readonly amount_minor: number
  readonly currency: string
  readonly reference: string
  readonly idempotency_key: string
  readonly run_id: string | null
  readonly recalled_at: string
}

/** One outgoing notice that the bank's mail desk took. */
export interface Notification {
  readonly notification_id: number
  readonly to: string
  readonly subject: string
  readonly body: string
  readonly idempotency_key: string
  readonly run_id: string | null
  readonly sent_at: string
}

/** The company's account in one currency. */
export interface Account {
  readonly currency: string
  readonly name: string
  readonly balance_minor: number
}

/** One request as it arrived, also when it was never answered: `status` and `answered_at` are then null. */
export interface LoggedRequest {
  readonly request_id: number
  readonly method: string
  readonly path: string
  readonly query: string
  readonly run_id: string | null
  readonly traceparent: string | null
  readonly idempotency_key: string | null
  readonly body_sha256: string
  readonly received_at: string
  readonly status: number | null
  readonly answered_at: string | null
}

/** What a request brings with it besides its body. */
export interface Sender {
  readonly idempotency_key: string | null
  readonly run_id: string | null
  readonly now: string
}

type Payment = z.infer<typeof PaymentRequest>
type Notice = z.infer<typeof NotificationRequest>

/** The open bank. Every method is one transaction; the process is the only writer, so requests cannot interleave in one. */
export interface BankStore {
  /** Books once for each key. @throws WorldError `idempotency_key_reused` | `insufficient_funds` | `invalid_currency` */
  payWithKey(
    payment: Payment,
    sender: Sender & { readonly idempotency_key: string },
  ): { booking: Booking; replayed: boolean }
  /** Books each time it is called. @throws WorldError `insufficient_funds` | `invalid_currency` */
  payLegacy(payment: Payment, sender: Sender): Booking
  bookingByKey(key: string): Booking | undefined
  legacyByReference(reference: string): Booking[]
  /** Every booking, oldest first; with a reference, those that carry it. */
  bookings(reference?: string): Booking[]
  /** Bookings of a time by the bank's clock, oldest first, after a booking; one more than `limit` when there are more. */
  statement(asked: { from: string; to: string; after: number; limit: number }): Booking[]
  /**
   * Takes a payment back once.
   * @throws WorldError `not_found` | `already_recalled` | `idempotency_key_reused`
   */
  recall(
    request: RecallRequest,
    sender: Sender & { readonly idempotency_key: string },
  ): { recall: Recall; replayed: boolean }
  /** Every recall, oldest first; with a key, the one under it. */
  recalls(key?: string): Recall[]
  accounts(): Account[]
  notify(
    notice: Notice,
    sender: Sender & { readonly idempotency_key: string },
  ): { notification: Notification; replayed: boolean }
  notifications(key?: string): Notification[]
  logArrival(request: Omit<LoggedRequest, 'request_id' | 'status' | 'answered_at'>): number
  logAnswer(requestId: number, status: number, now: string): void
  requests(runId?: string): LoggedRequest[]
  close(): void
}

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS accounts (currency TEXT PRIMARY KEY, name TEXT NOT NULL,
    balance_minor INTEGER NOT NULL CHECK (balance_minor >= 0));
  CREATE TABLE IF NOT EXISTS bookings (booking_id INTEGER PRIMARY KEY AUTOINCREMENT, endpoint TEXT NOT NULL,
    payee_iban TEXT NOT NULL, payee_name TEXT NOT NULL, amount_minor INTEGER NOT NULL, currency TEXT NOT NULL,
    reference TEXT NOT NULL, idempotency_key TEXT UNIQUE, body_sha256 TEXT NOT NULL, run_id TEXT, booked_at TEXT NOT NULL);
  CREATE INDEX IF NOT EXISTS bookings_by_reference ON bookings (reference);
  CREATE TABLE IF NOT EXISTS recalls (recall_id INTEGER PRIMARY KEY AUTOINCREMENT,
    booking_id INTEGER NOT NULL UNIQUE REFERENCES bookings, amount_minor INTEGER NOT NULL, currency TEXT NOT NULL,
    reference TEXT NOT NULL, idempotency_key TEXT NOT NULL UNIQUE, run_id TEXT, recalled_at TEXT NOT NULL);
  CREATE TABLE IF NOT EXISTS notifications (notification_id INTEGER PRIMARY KEY AUTOINCREMENT, "to" TEXT NOT NULL,
    subject TEXT NOT NULL, body TEXT NOT NULL, idempotency_key TEXT NOT NULL UNIQUE, body_sha256 TEXT NOT NULL,
    run_id TEXT, sent_at TEXT NOT NULL);
  CREATE TABLE IF NOT EXISTS request_log (request_id INTEGER PRIMARY KEY AUTOINCREMENT, method TEXT NOT NULL,
    path TEXT NOT NULL, query TEXT NOT NULL, run_id TEXT, traceparent TEXT, idempotency_key TEXT,
    body_sha256 TEXT NOT NULL, received_at TEXT NOT NULL, status INTEGER, answered_at TEXT);
  INSERT INTO accounts VALUES ('EUR', 'Operating account', 2500000000), ('GBP', 'Operating account', 500000000),
    ('USD', 'Operating account', 500000000) ON CONFLICT DO NOTHING;`

const BOOKING = `booking_id, endpoint, payee_iban, payee_name, amount_minor, currency, reference, idempotency_key, run_id, booked_at`
const RECALLS = 'SELECT * FROM recalls ORDER BY recall_id'
const NOTICE = `notification_id, "to", subject, body, idempotency_key, run_id, sent_at`

/** The bank's file below a data folder. */
export function bankFile(dataFolder: string): string {
  return join(dataFolder, 'bank.sqlite')
}

/** Opens (and at first builds) the bank in the data folder, every commit flushed to the disk. */
export function openBank(dataFolder: string): BankStore {
  const db = new DatabaseSync(bankFile(dataFolder))
  db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 5000')
  db.exec(SCHEMA)
  return { ...paymentsOf(db), ...recallsOf(db), ...noticesOf(db), ...logOf(db), close: () => db.close() }
}

/**
 * What the bank's file says, read without the bank's process: for tests that compare it with a run's history, also
 * after the bank was killed. A folder without a bank gives empty lists.
 */
export function readBank(dataFolder: string): {
  bookings: Booking[]
  recalls: Recall[]
  notifications: Notification[]
  requests: LoggedRequest[]
} {
  if (!existsSync(bankFile(dataFolder))) return { bookings: [], recalls: [], notifications: [], requests: [] }
  const db = new DatabaseSync(bankFile(dataFolder), { readOnly: true })
  try {
    return {
      bookings: rows<Booking>(db.prepare(`SELECT ${BOOKING} FROM bookings ORDER BY booking_id`).all()),
      recalls: rows<Recall>(db.prepare(RECALLS).all()),
      notifications: rows<Notification>(
        db.prepare(`SELECT ${NOTICE} FROM notifications ORDER BY notification_id`).all(),
      ),
      requests: rows<LoggedRequest>(db.prepare('SELECT * FROM request_log ORDER BY request_id').all()),
    }
  } finally {
    db.close()
  }
}

/** SHA-256 of a text, in hex. */
export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

/** Rows of node:sqlite have a null prototype and no type; the schema above gives the type that the cast names. */
function rows<T>(values: unknown[]): T[] {
  return values.map((value) => ({ ...(value as object) }) as T)
}

function only<T>(values: unknown[]): T {
  const first = rows<T>(values)[0]
  if (first === undefined) throw new WorldError('internal_error', 'the row that was just written is not there')
  return first
}

function transaction<T>(db: DatabaseSync, body: () => T): T {
  db.exec('BEGIN IMMEDIATE')
  try {
    const value = body()
    db.exec('COMMIT')
    return value
  } catch (error) {
    db.exec('ROLLBACK')
    throw error
  }
}

/** The digest by which a repeated request is known to ask for the same thing. The schema fixes the order of fields. */
function digestOf(body: Payment | Notice): string {
  return sha256(JSON.stringify(body))
}

function reused(key: string): WorldError {
  return new WorldError(
    'idempotency_key_reused',
    `idempotency key \`${key}\` was used with another body; use a new key`,
  )
}

function paymentsOf(db: DatabaseSync) {
  const byKey = db.prepare(`SELECT ${BOOKING}, body_sha256 FROM bookings WHERE idempotency_key = ?`)
  const insert = db.prepare(`
    INSERT INTO bookings (endpoint, payee_iban, payee_name, amount_minor, currency, reference, idempotency_key,
      body_sha256, run_id, booked_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING ${BOOKING}`)
  const book = (endpoint: BankEndpoint, payment: Payment, key: string | null, sender: Sender): Booking => {
    const account = rows<Account>(db.prepare('SELECT * FROM accounts WHERE currency = ?').all(payment.currency))[0]
    if (account === undefined)
      throw new WorldError('invalid_currency', `there is no account in \`${payment.currency}\``)
    if (account.balance_minor < payment.amount_minor) {
      throw new WorldError(
        'insufficient_funds',
        `the ${payment.currency} account does not cover ${payment.amount_minor}`,
      )
    }
    const change = 'UPDATE accounts SET balance_minor = balance_minor - ? WHERE currency = ?'
    db.prepare(change).run(payment.amount_minor, payment.currency)
    const { payee_iban, payee_name, amount_minor, currency, reference } = payment
    const fields = [endpoint, payee_iban, payee_name, amount_minor, currency, reference, key] as const
    return only<Booking>(insert.all(...fields, digestOf(payment), sender.run_id, sender.now))
  }
  const bookingByKey = (key: string): (Booking & { body_sha256: string }) | undefined =>
    rows<Booking & { body_sha256: string }>(byKey.all(key))[0]
  const publicBooking = ({ body_sha256: _digest, ...booking }: Booking & { body_sha256: string }): Booking => booking
  return {
    payWithKey: (payment: Payment, sender: Sender & { readonly idempotency_key: string }) =>
      transaction(db, () => {
        const key = sender.idempotency_key
        const before = bookingByKey(key)
        if (before === undefined) return { booking: book('modern', payment, key, sender), replayed: false }
        if (before.body_sha256 !== digestOf(payment)) throw reused(key)
        return { booking: publicBooking(before), replayed: true }
      }),
    payLegacy: (payment: Payment, sender: Sender) => transaction(db, () => book('legacy', payment, null, sender)),
    bookingByKey: (key: string) => {
      const found = bookingByKey(key)
      return found && publicBooking(found)
    },
    legacyByReference: (reference: string) => {
      const query = `SELECT ${BOOKING} FROM bookings WHERE endpoint = 'legacy' AND reference = ? ORDER BY booking_id`
      return rows<Booking>(db.prepare(query).all(reference))
    },
    bookings: (reference?: string) =>
      reference === undefined
        ? rows<Booking>(db.prepare(`SELECT ${BOOKING} FROM bookings ORDER BY booking_id`).all())
        : rows<Booking>(
            db.prepare(`SELECT ${BOOKING} FROM bookings WHERE reference = ? ORDER BY booking_id`).all(reference),
          ),
    statement: ({ from, to, after, limit }: { from: string; to: string; after: number; limit: number }) =>
      rows<Booking>(
        db
          .prepare(
            `SELECT ${BOOKING} FROM bookings WHERE booked_at >= ? AND booked_at < ? AND booking_id > ?
             ORDER BY booking_id LIMIT ?`,
          )
          .all(from, to, after, limit + 1),
      ),
    accounts: () => rows<Account>(db.prepare('SELECT * FROM accounts ORDER BY currency').all()),
  }
}

function recallsOf(db: DatabaseSync) {
  const all = db.prepare(RECALLS)
  const insert = db.prepare(`
    INSERT INTO recalls (booking_id, amount_minor, currency, reference, idempotency_key, run_id, recalled_at)
    VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING *`)
  const recalls = (): Recall[] => rows<Recall>(all.all())
  return {
    recall: ({ booking_id }: RecallRequest, sender: Sender & { readonly idempotency_key: string }) =>
      transaction(db, () => {
        const key = sender.idempotency_key
        const before = recalls().find((each) => each.idempotency_key === key)
        if (before !== undefined) {
          if (before.booking_id !== booking_id) throw reused(key)
          return { recall: before, replayed: true }
        }
        const found = db.prepare(`SELECT ${BOOKING} FROM bookings WHERE booking_id = ?`).all(booking_id)
        const booking = rows<Booking>(found)[0]
        if (booking === undefined) throw new WorldError('not_found', `there is no booking \`${booking_id}\``)
        if (recalls().some((each) => each.booking_id === booking_id))
          throw new WorldError('already_recalled', `booking \`${booking_id}\` was recalled before`)
        const { amount_minor, currency, reference } = booking
        const change = 'UPDATE accounts SET balance_minor = balance_minor + ? WHERE currency = ?'
        db.prepare(change).run(amount_minor, currency)
        const made = insert.all(booking_id, amount_minor, currency, reference, key, sender.run_id, sender.now)
        return { recall: only<Recall>(made), replayed: false }
      }),
    recalls: (key?: string) =>
      key === undefined ? recalls() : recalls().filter((each) => each.idempotency_key === key),
  }
}

function noticesOf(db: DatabaseSync) {
  const byKey = db.prepare(`SELECT ${NOTICE}, body_sha256 FROM notifications WHERE idempotency_key = ?`)
  const insert = db.prepare(`
    INSERT INTO notifications ("to", subject, body, idempotency_key, body_sha256, run_id, sent_at)
    VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING ${NOTICE}`)
  return {
    notify: (notice: Notice, sender: Sender & { readonly idempotency_key: string }) =>
      transaction(db, () => {
        const key = sender.idempotency_key
        const before = rows<Notification & { body_sha256: string }>(byKey.all(key))[0]
        if (before !== undefined) {
          const { body_sha256, ...notification } = before
          if (body_sha256 !== digestOf(notice)) throw reused(key)
          return { notification, replayed: true }
        }
        const { to, subject, body } = notice
        const sent = insert.all(to, subject, body, key, digestOf(notice), sender.run_id, sender.now)
        return { notification: only<Notification>(sent), replayed: false }
      }),
    notifications: (key?: string) => {
      const all = rows<Notification>(db.prepare(`SELECT ${NOTICE} FROM notifications ORDER BY notification_id`).all())
      return key === undefined ? all : all.filter((each) => each.idempotency_key === key)
    },
  }
}

function logOf(db: DatabaseSync) {
  const arrival = db.prepare(`
    INSERT INTO request_log (method, path, query, run_id, traceparent, idempotency_key, body_sha256, received_at)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING request_id`)
  const answer = db.prepare('UPDATE request_log SET status = ?, answered_at = ? WHERE request_id = ?')
  return {
    logArrival: (request: Omit<LoggedRequest, 'request_id' | 'status' | 'answered_at'>): number => {
      const { method, path, query, run_id, traceparent, idempotency_key, body_sha256, received_at } = request
      const fields = [method, path, query, run_id, traceparent, idempotency_key, body_sha256, received_at] as const
      return only<{ request_id: number }>(arrival.all(...fields)).request_id
    },
    logAnswer: (requestId: number, status: number, now: string): void => {
      answer.run(status, now, requestId)
    },
    requests: (runId?: string): LoggedRequest[] => {
      const all = rows<LoggedRequest>(db.prepare('SELECT * FROM request_log ORDER BY request_id').all())
      return runId === undefined ? all : all.filter((each) => each.run_id === runId)
    },
  }
}

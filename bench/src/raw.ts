/** The measure of the disk: the same number of bytes in an append-only table, with nothing of ours around it. */
import { randomBytes } from 'node:crypto'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import type { Line, Subject } from './subject.ts'

/** Name of the raw table in results. */
export const RAW = 'raw SQLite'

/** Raw transactions on one file, with the settings of the embedded store: a row a step, `runs` rows a commit. */
export class RawTable implements Subject {
  readonly name = RAW
  readonly durable = 'one row of as many random bytes; as many rows a commit as runs, one flush a commit'
  readonly #db: DatabaseSync
  readonly #begin: StatementSync
  readonly #insert: StatementSync
  readonly #commit: StatementSync
  readonly #row: Uint8Array

  constructor(path: string, rowBytes: number) {
    this.#db = new DatabaseSync(path)
    this.#db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 4096')
    this.#db.exec('PRAGMA cache_size = -16000; CREATE TABLE rows (id INTEGER PRIMARY KEY, body BLOB NOT NULL)')
    this.#begin = this.#db.prepare('BEGIN IMMEDIATE')
    this.#insert = this.#db.prepare('INSERT INTO rows (body) VALUES (?)')
    this.#commit = this.#db.prepare('COMMIT')
    this.#row = new Uint8Array(randomBytes(rowBytes))
  }

  /** Commits `each` times `runs` rows; rows a second. The other lines have no raw counterpart. */
  async rate(line: Line, runs: number, each: number): Promise<number | null> {
    if (line !== 'steps') return null
    const from = performance.now()
    for (let i = 0; i < each; i++) {
      this.#begin.run()
      for (let row = 0; row < runs; row++) this.#insert.run(this.#row)
      this.#commit.run()
    }
    return (each * runs * 1_000) / (performance.now() - from)
  }

  async close(): Promise<void> {
    this.#db.close()
  }
}

/** The measure of the disk: the same number of bytes in an append-only table, with nothing of ours around it. */
import { randomBytes } from 'node:crypto'
import { DatabaseSync, type StatementSync } from 'node:sqlite'

/** Raw transactions on one file, with the settings of the embedded store. */
export class RawTable {
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

  /** Commits `commits` times `rowsEach` rows; gives rows a second. */
  rate(commits: number, rowsEach: number): number {
    const from = performance.now()
    for (let i = 0; i < commits; i++) {
      this.#begin.run()
      for (let row = 0; row < rowsEach; row++) this.#insert.run(this.#row)
      this.#commit.run()
    }
    return (commits * rowsEach * 1_000) / (performance.now() - from)
  }

  close(): void {
    this.#db.close()
  }
}

/** How long a restore takes, warm and in a fresh process, by the length of the run and the number of runs beside it. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import type { Store } from 'signalbox'
import { inFolder, type OpenStore } from './box.ts'
import type { Cold } from './cold.ts'
import { RestoreBox } from './restore-box.ts'
import { type Spread, spread } from './stats.ts'

/** How much is measured. */
export interface RestorePlan {
  /** Checkpoints of the short and the long run. */
  readonly checkpoints: readonly [number, number]
  /** Runs in the small and the large store. */
  readonly runs: readonly [number, number]
  readonly warm: number
  readonly cold: number
}

/** What one run in one store gave. Times are milliseconds. */
export interface Restored {
  readonly checkpoints: number
  readonly runs: number
  readonly warm: Spread | null
  readonly cold: Spread | null
  /** Start of a process until its code was loaded; not part of `cold`. */
  readonly loading: Spread | null
  /** Records that the store gave out for one warm restore. */
  readonly recordsRead: number
}

const COLD = fileURLToPath(new URL('./cold.ts', import.meta.url))

/** Measures all four combinations. `open` may be a planted fault. */
export async function measureRestores(open: OpenStore, plan: RestorePlan): Promise<readonly Restored[]> {
  const found: Restored[] = []
  for (const runs of plan.runs) found.push(...(await inFolder((folder) => oneStore(open, plan, folder, runs))))
  return found
}

async function oneStore(open: OpenStore, plan: RestorePlan, folder: string, runs: number): Promise<Restored[]> {
  const path = join(folder, 'restore.db')
  const targets = await makeRuns(open, path, plan.checkpoints)
  copyRuns(path, runs)
  const found: Restored[] = []
  for (const { checkpoints, runId } of targets) {
    const seq = placeInTheMiddle(path, runId)
    const warm = await measureWarm(open, path, runId, seq, plan.warm)
    const cold: Cold[] = []
    for (let i = 0; i < plan.cold; i++) cold.push(await coldRestore(path, runId, seq))
    found.push({
      checkpoints,
      runs,
      warm: plan.warm > 1 ? spread(warm.ms.slice(1), 1) : null,
      cold:
        plan.cold > 0
          ? spread(
              cold.map((one) => one.restored),
              1,
            )
          : null,
      loading:
        plan.cold > 0
          ? spread(
              cold.map((one) => one.loading),
              1,
            )
          : null,
      recordsRead: warm.records,
    })
  }
  return found
}

/** A run of each length, ended. */
async function makeRuns(
  open: OpenStore,
  path: string,
  lengths: readonly number[],
): Promise<readonly { readonly checkpoints: number; readonly runId: string }[]> {
  const { box, make } = withMake(new RestoreBox(await open(path)))
  const worker = box.work()
  const made: { checkpoints: number; runId: string }[] = []
  // The shortest possible run, of which the others of the store are copies.
  await make(1)
  for (const checkpoints of lengths) made.push({ checkpoints, runId: await make(checkpoints) })
  await worker.stop()
  await box.close()
  return made
}

function withMake(box: RestoreBox) {
  return { box: box.box, make: (checkpoints: number) => box.make(checkpoints) }
}

/** Fills a closed store up to so many runs with copies of its first one: rows of other runs, which nothing reads. */
function copyRuns(path: string, runs: number): void {
  const db = new DatabaseSync(path)
  const columns = (table: string, but: readonly string[]): string =>
    db
      .prepare(`SELECT name FROM pragma_table_info(?)`)
      .all(table)
      .map((row) => String(row.name))
      .filter((name) => !but.includes(name))
      .join(', ')
  const numbers = 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $more)'
  const more = runs - Number(db.prepare('SELECT count(*) AS n FROM runs').get()?.n)
  const from = Number(db.prepare('SELECT max(rid) AS n FROM runs').get()?.n)
  const kept = columns('runs', ['rid', 'run_id', 'request_id'])
  const records = columns('records', ['position', 'rid'])
  db.exec('BEGIN')
  db.prepare(
    `INSERT INTO runs (rid, run_id, request_id, ${kept}) ${numbers}
     SELECT $from + i, run_id || '-' || i, request_id || '-' || i, ${kept} FROM n JOIN runs ON rid = 1`,
  ).run({ more, from })
  db.prepare(
    `INSERT INTO records (rid, ${records}) ${numbers} SELECT $from + i, ${records} FROM n JOIN records ON rid = 1`,
  ).run({ more, from })
  db.exec('COMMIT; PRAGMA wal_checkpoint(TRUNCATE)')
  db.close()
}

/** Sequence of a run's middle checkpoint. */
function placeInTheMiddle(path: string, runId: string): number {
  const db = new DatabaseSync(path, { readOnly: true })
  const row = db
    .prepare(
      `SELECT records.seq FROM records JOIN runs USING (rid) WHERE run_id = ? AND type = 'superstep.completed' AND
       records.seq <= runs.seq / 2 + 2 ORDER BY records.seq DESC LIMIT 1`,
    )
    .get(runId)
  db.close()
  return Number(row?.seq)
}

async function measureWarm(
  open: OpenStore,
  path: string,
  runId: string,
  seq: number,
  times: number,
): Promise<{ readonly ms: readonly number[]; readonly records: number }> {
  const counted = countReads(await open(path))
  const box = new RestoreBox(counted.store)
  const worker = box.box.work()
  const ms: number[] = []
  for (let i = 0; i < times; i++) {
    counted.reset()
    ms.push(await box.restore(runId, seq))
  }
  const records = counted.records()
  await worker.stop()
  await box.box.close()
  return { ms, records }
}

/** The store with a count of the records that it gave out. */
function countReads(store: Store): { readonly store: Store; records(): number; reset(): void } {
  let records = 0
  const reading = (name: 'records' | 'recordsAt') => {
    // Both give lists of records; what they are asked is handed on as it is.
    const read = store[name].bind(store) as (...args: readonly unknown[]) => Promise<readonly unknown[]>
    return async (...args: readonly unknown[]): Promise<readonly unknown[]> => {
      const found = await read(...args)
      records += found.length
      return found
    }
  }
  const counted = new Proxy(store, {
    get: (target, name) => {
      if (name === 'records' || name === 'recordsAt') return reading(name)
      const value: unknown = Reflect.get(target, name)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
  return {
    store: counted,
    records: () => records,
    reset: () => {
      records = 0
    },
  }
}

async function coldRestore(path: string, runId: string, seq: number): Promise<Cold> {
  const child = fork(COLD, [path, runId, String(seq)], {
    execArgv: ['--no-warnings', '--conditions=signalbox-source'],
  })
  const [told]: unknown[] = await Promise.race([once(child, 'message'), once(child, 'exit')])
  if (typeof told !== 'object' || told === null) throw new Error(`the cold restore ended with exit code ${told}`)
  await once(child, 'exit')
  // What `cold.ts` sends.
  return told as Cold
}

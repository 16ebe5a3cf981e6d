/** The results as a file. */
import { existsSync, readFileSync } from 'node:fs'
import { availableParallelism, cpus, loadavg, tmpdir, totalmem, type } from 'node:os'
import { DatabaseSync } from 'node:sqlite'
import { aimsOf, type Check, checksOf, ratio } from './checks.ts'
import type { Measured } from './measure.ts'
import { OURS } from './ours.ts'
import { type Spread, spread } from './stats.ts'
import { type Line, LINES } from '../peers/src/serve.ts'

/** Where and when it was measured. */
export interface Machine {
  readonly date: string
  readonly node: string
  readonly sqlite: string
  readonly system: string
  readonly cpu: string
  readonly threads: number
  readonly memory_gb: number
  readonly folder: string
  /** Load of the last minute before and after: others that share the machine. */
  readonly load_before: number
  readonly load_after: number
}

/** Rates of one subject with one number of concurrent runs, in units a second. */
export interface RateRow {
  readonly line: Line
  readonly subject: string
  readonly runs: number
  readonly rate: Spread
  /** This runtime's rate divided by it, within each round; null for this runtime itself. */
  readonly ours_over_it: Spread | null
}

/** What is written as JSON. Rates are supersteps, rows or turns a second, times are milliseconds, sizes are bytes. */
export interface Report {
  readonly machine: Machine
  readonly plan: Measured['plan']
  readonly bytes_per_superstep: number
  readonly durable: Measured['durable']
  readonly flushes: Measured['flushes']
  readonly rates: readonly RateRow[]
  /** Medians of the pairs at each mark. */
  readonly turns: readonly { turn: number; first_ms: Spread; ms: Spread; ratio: Spread; bytes: Spread }[]
  readonly message_bytes: number | null
  readonly peer_turns: Measured['peerTurns']
  readonly restores: Measured['restores']
  readonly parts: Measured['parts']
  readonly checks: readonly Check[]
  readonly aims: readonly Check[]
  /** Every round, so that the spread can be looked into. */
  readonly samples: Measured['samples']
}

/** Load of the last minute. */
export function loadNow(): number {
  return Number((loadavg()[0] ?? 0).toFixed(2))
}

/** Builds the report. */
export function reportOf(measured: Measured, loadBefore: number): Report {
  return {
    machine: machineOf(loadBefore),
    plan: measured.plan,
    bytes_per_superstep: measured.account.bytesEach,
    durable: measured.durable,
    flushes: measured.flushes,
    rates: rateRows(measured),
    turns: turnRows(measured),
    message_bytes: measured.turns?.messageBytes ?? null,
    peer_turns: measured.peerTurns,
    restores: measured.restores,
    parts: measured.parts,
    checks: checksOf(measured),
    aims: aimsOf(measured),
    samples: measured.samples,
  }
}

function rateRows({ samples, durable, plan }: Measured): RateRow[] {
  return LINES.flatMap((line) =>
    durable.flatMap(({ subject }) =>
      (plan.work[line] ?? []).flatMap(({ runs }) => {
        const own = samples.filter((one) => one.line === line && one.subject === subject && one.runs === runs)
        if (own.length === 0) return []
        const rate = spread(
          own.map((one) => one.rate),
          0,
        )
        const place = { subject, runs, line }
        const over = subject === OURS ? null : ratio(samples, { subject: OURS, runs, line }, place)
        return [{ line, subject, runs, rate, ours_over_it: over }]
      }),
    ),
  )
}

function turnRows({ turns }: Measured): Report['turns'] {
  const pairs = turns?.pairs ?? []
  return [...new Set(pairs.map(({ turn }) => turn))].map((turn) => {
    const own = pairs.filter((pair) => pair.turn === turn)
    return {
      turn,
      first_ms: spread(own.map((pair) => pair.early)),
      ms: spread(own.map((pair) => pair.late)),
      ratio: spread(own.map((pair) => pair.late / pair.early)),
      bytes: spread(
        own.map((pair) => pair.bytes),
        0,
      ),
    }
  })
}

/** The machine as it is now. */
export function machineOf(loadBefore: number): Machine {
  const db = new DatabaseSync(':memory:')
  const sqlite = String(db.prepare('SELECT sqlite_version() AS version').get()?.version)
  db.close()
  return {
    date: new Date().toISOString(),
    node: process.version,
    sqlite,
    system: type(),
    cpu: cpus()[0]?.model ?? 'unknown',
    threads: availableParallelism(),
    memory_gb: Math.round(totalmem() / 2 ** 30),
    folder: fileSystem(),
    load_before: loadBefore,
    load_after: loadNow(),
  }
}

/** File system of the folder in which the files lay, where the system tells. */
function fileSystem(): string {
  const mounts = existsSync('/proc/mounts') ? readFileSync('/proc/mounts', 'utf8').split('\n') : []
  const fitting = mounts
    .map((line) => line.split(' '))
    .filter(([, at = '-']) => `${tmpdir()}/`.startsWith(at === '/' ? '/' : `${at}/`))
    .sort(([, a = ''], [, b = '']) => b.length - a.length)
  return fitting[0]?.[2] ?? 'unknown'
}

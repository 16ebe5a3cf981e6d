/** The results as a file and as a table. */
import { existsSync, readFileSync } from 'node:fs'
import { availableParallelism, cpus, loadavg, tmpdir, totalmem, type } from 'node:os'
import { DatabaseSync } from 'node:sqlite'
import { aimsOf, type Check, checksOf, type Ratios, ratiosOf } from './checks.ts'
import type { Measured } from './measure.ts'
import { type Spread, spread } from './stats.ts'

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

/** What is written as JSON. Rates are supersteps or rows a second, times are milliseconds, sizes are bytes. */
export interface Report {
  readonly machine: Machine
  readonly plan: Measured['plan']
  readonly bytes_per_superstep: number
  readonly rates: {
    readonly raw_single: Spread
    readonly one_run: Spread
    readonly raw_shared: Spread
    readonly many_runs: Spread
  }
  readonly commits_of_many_runs: Spread
  readonly turn_ms: { readonly turn_10: Spread; readonly turn_500: Spread }
  readonly turn_bytes: { readonly turn_10: number; readonly turn_500: number }
  readonly ratios: Ratios
  /** Every round and pair, so that the spread can be looked into. */
  readonly rounds: Measured['rounds']
  readonly turns: Measured['turns']
  readonly checks: readonly Check[]
  readonly aims: readonly Check[]
}

/** Load of the last minute. */
export function loadNow(): number {
  return Number((loadavg()[0] ?? 0).toFixed(2))
}

/** Builds the report. */
export function reportOf(measured: Measured, loadBefore: number): Report {
  const { plan, rounds, onRecord, turns, turnBytes } = measured
  return {
    machine: machine(loadBefore),
    plan,
    bytes_per_superstep: onRecord.bytesEach,
    rates: {
      raw_single: spread(
        rounds.map((round) => round.rawSingle),
        0,
      ),
      one_run: spread(
        rounds.map((round) => round.one.rate),
        0,
      ),
      raw_shared: spread(
        rounds.map((round) => round.rawShared),
        0,
      ),
      many_runs: spread(
        rounds.map((round) => round.many.rate),
        0,
      ),
    },
    commits_of_many_runs: spread(
      rounds.map((round) => round.many.commits),
      0,
    ),
    turn_ms: {
      turn_10: spread(turns.map((pair) => pair.early)),
      turn_500: spread(turns.map((pair) => pair.late)),
    },
    turn_bytes: { turn_10: turnBytes.early, turn_500: turnBytes.late },
    ratios: ratiosOf(measured),
    rounds,
    turns,
    checks: checksOf(measured),
    aims: aimsOf(measured),
  }
}

function machine(loadBefore: number): Machine {
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

/** The report as lines for people. */
export function table(report: Report): string {
  const { rates, turn_ms, turn_bytes, plan, machine } = report
  const row = (name: string, { min, median, max }: Spread): string =>
    `${name.padEnd(44)}${String(min).padStart(9)}${String(median).padStart(9)}${String(max).padStart(9)}`
  const line = (check: Check): string => `${check.ok ? 'ok    ' : 'MISSED'} ${check.name}: ${check.found}`
  return [
    `${machine.cpu}, ${machine.threads} threads, node ${machine.node}, sqlite ${machine.sqlite}, ${machine.folder}`,
    `load ${machine.load_before} before, ${machine.load_after} after; ${report.bytes_per_superstep} bytes a superstep`,
    '',
    `${''.padEnd(44)}${'min'.padStart(9)}${'median'.padStart(9)}${'max'.padStart(9)}`,
    row('raw, one commit each, rows/s', rates.raw_single),
    row('one run, supersteps/s', rates.one_run),
    row(`raw, ${plan.runs} rows a commit, rows/s`, rates.raw_shared),
    row(`${plan.runs} runs, supersteps/s`, rates.many_runs),
    row('turn 10, ms', turn_ms.turn_10),
    row('turn 500, ms', turn_ms.turn_500),
    `${'turn 10 and turn 500, bytes'.padEnd(44)}${String(turn_bytes.turn_10).padStart(9)}${String(turn_bytes.turn_500).padStart(9)}`,
    '',
    ...report.checks.map(line),
    ...report.aims.map(line),
  ].join('\n')
}

/** The report as lines for people. */
import { BARE, PARTS } from './agent-turn.ts'
import type { Check } from './checks.ts'
import { PEERS } from './peers.ts'
import type { RateRow, Report } from './report.ts'
import type { Spread } from './stats.ts'

const TITLES = { steps: 'bare supersteps a second', turns: 'turns with an effect a second' } as const

/** The whole report as text. */
export function table(report: Report): string {
  const { machine } = report
  return [
    `${machine.cpu}, ${machine.threads} threads, node ${machine.node}, sqlite ${machine.sqlite}, ${machine.folder}`,
    `load ${machine.load_before} before, ${machine.load_after} after; ${report.bytes_per_superstep} bytes a superstep`,
    ...rates(report, 'steps'),
    ...rates(report, 'turns'),
    '  Signalbox: policy, budget and ledger for every call; the others: the model answer and the tool result, no more',
    ...agentTurns(report),
    ...durable(report),
    ...turns(report),
    ...restores(report),
    '',
    ...report.checks.map(line),
    ...report.aims.map(line),
    ...missing(report),
  ].join('\n')
}

function line(check: Check): string {
  return `${check.ok ? 'ok    ' : 'MISSED'} ${check.name}: ${check.found}`
}

function ranged({ min, median, max }: Spread): string {
  return `${median} (${min} to ${max})`
}

function rates({ rates: all, plan }: Report, which: keyof typeof TITLES): string[] {
  const rows = all.filter((row) => row.line === which)
  if (rows.length === 0) return []
  const columns = (plan.work[which] ?? []).map(({ runs }) => runs)
  const head = columns.map((runs) => (runs === 1 ? '1 run' : `${runs} runs`).padEnd(26)).join('')
  const cell = (subject: string, runs: number): string => {
    const row = rows.find((one) => one.subject === subject && one.runs === runs)
    return (row ? ranged(row.rate) : '-').padEnd(26)
  }
  const names = [...new Set(rows.map((row) => row.subject))]
  const over = (subject: string): string =>
    columns
      .map((runs) => rows.find((one) => one.subject === subject && one.runs === runs)?.ours_over_it)
      .map((found) => (found ? `x ${found.median}` : '-'))
      .join('  ')
  return [
    '',
    `${TITLES[which].padEnd(26)}${head}Signalbox over it`,
    ...names.map((name) => `${name.padEnd(26)}${columns.map((runs) => cell(name, runs)).join('')}${over(name)}`),
  ]
}

/** A rate as milliseconds a unit: the fastest round first. */
function msEach({ min, median, max }: Spread): string {
  const ms = (rate: number): string => (1_000 / rate).toFixed(2)
  return `${ms(median)} ms (${ms(max)} to ${ms(min)})`
}

function agentTurns({ rates: all, parts }: Report): string[] {
  const turns = all.filter(({ line }) => line === 'agent')
  const chunks = all.filter(({ line }) => line === 'chunks')
  if (turns.length === 0) return []
  const bare = chunks.find(({ subject }) => subject === BARE)
  const added = ({ rate }: RateRow): string =>
    bare ? `${(1e6 / rate.median - 1e6 / bare.rate.median).toFixed(1)} µs added a piece` : '-'
  return [
    '',
    'one turn: a model that answers at once and one read-only call',
    ...turns.map(({ subject, rate }) => `${subject.padEnd(26)}${msEach(rate)}`),
    ...(parts
      ? [
          `  of it here: ${(Object.keys(PARTS) as (keyof typeof PARTS)[]).map((part) => `${PARTS[part]} ${parts[part].toFixed(2)}`).join('; ')} ms`,
        ]
      : []),
    '',
    'one answer in 2,000 pieces',
    ...chunks.map(
      (row) =>
        `${row.subject.padEnd(26)}${row.subject === BARE ? `${(1e6 / row.rate.median).toFixed(1)} µs a piece` : added(row)}`,
    ),
  ]
}

function durable({ durable: texts, flushes }: Report): string[] {
  const count = (subject: string): string => {
    const found = flushes.find((one) => one.subject === subject)
    return found ? `; ${found.flushes} flushes for ${found.steps} steps` : ''
  }
  return [
    '',
    'on disk when a step is over',
    ...texts.map(({ subject, text }) => `${subject}: ${text}${count(subject)}`),
  ]
}

function turns({ turns: rows, message_bytes, peer_turns }: Report): string[] {
  if (rows.length === 0) return []
  const own = rows.map(
    ({ turn, first_ms, ms, ratio, bytes }) =>
      `turn ${String(turn).padEnd(6)}${String(ms.median).padStart(8)} ms, ${ratio.median} times turn 10 (${first_ms.median} ms), ${bytes.median} bytes a turn`,
  )
  const peers = peer_turns.slice(1).map((mark, i) => {
    const before = peer_turns[i]
    if (!before) return ''
    const count = mark.turn - before.turn
    const ms = ((mark.ms - before.ms) / count).toFixed(2)
    return `LangGraph turns ${before.turn} to ${mark.turn}: ${ms} ms, ${Math.round((mark.bytes - before.bytes) / count)} bytes a turn; ${mark.bytes} bytes in all`
  })
  return ['', `one conversation, messages of ${message_bytes} bytes a turn`, ...own, ...peers]
}

function restores({ restores: rows }: Report): string[] {
  if (rows.length === 0) return []
  const told = (found: Spread | null): string => (found ? `${found.median} ms (${found.min} to ${found.max})` : '-')
  return [
    '',
    'restore, from the request until the node begins again',
    ...rows.map(
      ({ checkpoints, runs, warm, cold, loading, recordsRead }) =>
        `${`${checkpoints} checkpoints, ${runs} runs`.padEnd(36)}warm ${told(warm)}; fresh process ${told(cold)}, after ${loading?.median ?? '-'} ms to load the code; ${recordsRead} records read`,
    ),
  ]
}

/** Products that were to be compared and are not there are named, loudly: no line of theirs is an equal one. */
function missing({ durable: texts }: Report): string[] {
  const absent = PEERS.filter(({ name }) => !texts.some(({ subject }) => subject === name)).map(({ name }) => name)
  return absent.length === 0
    ? []
    : ['', `NOT MEASURED: ${absent.join(', ')}. \`npm run bench:peers\` installs and measures them.`]
}

/**
 * What a measurement must be before its numbers mean anything, and what the numbers should be. A failed check makes the
 * benchmark fail; a missed aim is told.
 */
import { BARE, type PartTimes } from './agent-turn.ts'
import type { TurnPair, TurnsFound } from './conversation.ts'
import type { Flushes } from './flushes.ts'
import type { Measured } from './measure.ts'
import { OURS } from './ours.ts'
import { LANGGRAPH_AGENT } from './peers.ts'
import { RAW } from './raw.ts'
import type { Restored } from './restore.ts'
import { type Spread, spread } from './stats.ts'
import type { Line, Sample } from './subject.ts'

/** One line of the verdict. */
export interface Check {
  readonly name: string
  readonly ok: boolean
  readonly found: string
}

/** How much a late turn may cost, relative to turn 10. */
export const TURN_GROWTH = 1.25
/** Records more that a restore of the long run may read: branches of the restores before it. */
const FEW_RECORDS = 10
/** What a turn may take beside Cedar, the disk and the call itself. */
const STAGES_MS = 0.3
const OUR_PARTS = ['reserved', 'sent', 'outcome_recorded', 'acknowledged'] as const
const CHUNK_US = 5
const WARM_MS = 50
const COLD_MS = 150
/** The number of concurrent runs that the comparisons are about. */
const MANY = 64

interface Place {
  readonly subject: string
  readonly runs: number
  readonly line?: Line
}

/** One rate divided by another of the same round; null when one of them was not measured. */
export function ratio(samples: readonly Sample[], over: Place, under: Place): Spread | null {
  const at = ({ subject, runs, line = 'steps' }: Place): Map<number, number> =>
    new Map(
      samples
        .filter((one) => one.subject === subject && one.runs === runs && one.line === line)
        .map((one) => [one.round, one.rate]),
    )
  const below = at(under)
  const values = [...at(over)].flatMap(([round, rate]) => {
    const other = below.get(round)
    return other === undefined ? [] : [rate / other]
  })
  return values.length === 0 ? null : spread(values)
}

/** Checks of the measurement itself. */
export function checksOf({ account, turns, flushes, restores }: Measured): readonly Check[] {
  return [
    {
      name: 'every superstep that was reported is in the file',
      ok: account.acknowledged === account.onRecord,
      found: `${account.acknowledged} reported, ${account.onRecord} in the file`,
    },
    {
      name: 'one run commits each superstep by itself',
      ok: account.commitsAStep >= 1,
      found: `at least ${account.commitsAStep} commits a superstep`,
    },
    {
      name: 'every turn called the outside system once',
      ok: account.turns === account.executed,
      found: `${account.turns} turns, ${account.executed} calls`,
    },
    ...(turns === null ? [] : [bytesCheck(turns.pairs)]),
    ...(restores.length === 0 ? [] : [restoreCheck(restores)]),
    ...flushes.map(flushCheck),
  ]
}

/** The file grows by whole pages, so that blocks of one mark are taken together. */
function bytesCheck(pairs: readonly TurnPair[]): Check {
  const at = (turn: number | undefined): number =>
    spread(pairs.filter((pair) => pair.turn === turn).map((pair) => pair.bytes)).median
  const early = at(pairs[0]?.turn)
  const growth = Math.max(...pairs.map(({ turn }) => at(turn))) / early
  return {
    name: 'bytes a turn do not grow with the conversation',
    ok: growth <= TURN_GROWTH,
    found: `a late turn writes up to ${growth.toFixed(2)} times the ${early} bytes of the first`,
  }
}

function restoreCheck(restores: readonly Restored[]): Check {
  const short = Math.min(...restores.map((one) => one.recordsRead))
  const long = Math.max(...restores.map((one) => one.recordsRead))
  return {
    name: 'a restore reads no more of a long run than of a short one',
    ok: long <= short + FEW_RECORDS,
    found: `${short} records of the shortest, ${long} of the longest`,
  }
}

/** A product whose steps are not flushed is not compared with one whose steps are. */
export function flushCheck({ subject, steps, flushes }: Flushes): Check {
  return {
    name: `${subject} flushes every step`,
    ok: flushes >= steps,
    found: `${flushes} flushes for ${steps} steps of one run`,
  }
}

/** What the runtime should reach, by the median of the rounds. */
export function aimsOf({ samples, turns, restores, parts }: Measured): readonly Check[] {
  const one = { subject: OURS, runs: 1 }
  const many = { subject: OURS, runs: MANY }
  const rawOne = { subject: RAW, runs: 1 }
  const of = (subject: string): Place => ({ subject, runs: MANY })
  return [
    ...least('one run: at least 0.5 of raw single commits', ratio(samples, one, rawOne), 0.5),
    ...least('64 runs: at least 2 times raw single commits', ratio(samples, many, rawOne), 2),
    ...least('64 runs: at least 10 times LangGraph', ratio(samples, many, of('LangGraph')), 10),
    ...least('64 runs: at least 3 times Restate', ratio(samples, many, of('Restate')), 3),
    ...(turns === null ? [] : turnAims(turns)),
    ...restoreAims(restores),
    ...agentAims(samples, parts),
  ]
}

function least(name: string, found: Spread | null, aim: number): Check[] {
  if (found === null) return []
  return [{ name, ok: found.median >= aim, found: `${found.median} (${found.min} to ${found.max})` }]
}

function turnAims({ pairs, messageBytes }: TurnsFound): Check[] {
  const last = pairs.at(-1)?.turn
  const late = pairs.filter(({ turn }) => turn === last)
  const growth = spread(late.map((pair) => pair.late / pair.early))
  const bytes = spread(late.map((pair) => pair.bytes))
  const allowed = 3 * messageBytes + 1_024
  return [
    {
      name: `turn ${last} takes at most ${TURN_GROWTH} times turn 10`,
      ok: growth.median <= TURN_GROWTH,
      found: `${growth.median} (${growth.min} to ${growth.max})`,
    },
    {
      name: `turn ${last}: at most 3 times its messages plus 1 KB on disk`,
      ok: bytes.median <= allowed,
      found: `${bytes.median} bytes for messages of ${messageBytes}, ${allowed} allowed`,
    },
  ]
}

function restoreAims(restores: readonly Restored[]): Check[] {
  const worst = (kind: 'warm' | 'cold', limit: number): Check[] => {
    const found = restores.flatMap((one) => (one[kind] === null ? [] : [one[kind].median]))
    if (found.length === 0) return []
    const max = Math.max(...found)
    return [
      {
        name: `a ${kind} restore takes less than ${limit} ms whatever the size`,
        ok: max < limit,
        found: `${max} ms, the slowest of ${found.length} sizes`,
      },
    ]
  }
  return [...worst('warm', WARM_MS), ...worst('cold', COLD_MS)]
}

/** A turn with everything on disk against one of LangGraph with nothing, and what is neither Cedar nor the disk. */
function agentAims(samples: readonly Sample[], parts: PartTimes | null): Check[] {
  const ours = { subject: OURS, runs: 1 } as const
  const perTurn = ratio(samples, { ...ours, line: 'agent' }, { subject: LANGGRAPH_AGENT, runs: 1, line: 'agent' })
  const rest = parts ? OUR_PARTS.reduce((sum, part) => sum + parts[part], 0) : null
  const added = addedUs(samples)
  return [
    ...least('a governed turn on disk takes less time than one of LangGraph in memory', perTurn, 1),
    ...(rest === null
      ? []
      : [
          {
            name: `a turn without Cedar and the disk takes less than ${STAGES_MS} ms`,
            ok: rest < STAGES_MS,
            found: `${rest.toFixed(2)} ms`,
          },
        ]),
    ...(added === null
      ? []
      : [
          {
            name: `a streamed piece costs at most ${CHUNK_US} µs more`,
            ok: added.median <= CHUNK_US,
            found: `${added.median} (${added.min} to ${added.max})`,
          },
        ]),
  ]
}

/** Microseconds that the runtime adds to a piece of a streamed answer, by round. */
function addedUs(samples: readonly Sample[]): Spread | null {
  const of = (subject: string): Map<number, number> =>
    new Map(
      samples.filter((one) => one.line === 'chunks' && one.subject === subject).map(({ round, rate }) => [round, rate]),
    )
  const bare = of(BARE)
  const added = [...of(OURS)].flatMap(([round, rate]) => {
    const alone = bare.get(round)
    return alone === undefined ? [] : [1e6 / rate - 1e6 / alone]
  })
  return added.length === 0 ? null : spread(added, 1)
}

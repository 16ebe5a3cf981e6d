/**
 * What a measurement must be before its numbers mean anything, and what the numbers should be. A failed check makes the
 * benchmark fail; a missed aim is told.
 */
import type { Measured } from './measure.ts'
import { ratios, type Spread, spread } from './stats.ts'

/** One line of the verdict. */
export interface Check {
  readonly name: string
  readonly ok: boolean
  readonly found: string
}

/** The ratios that the aims are about. */
export interface Ratios {
  readonly oneToRaw: Spread
  readonly manyToRaw: Spread
  readonly turnTime: Spread
  readonly turnBytes: number
}

/** The ratios of a measurement: each round or pair is divided by itself before the middle is taken. */
export function ratiosOf({ rounds, turns, turnBytes }: Measured): Ratios {
  const raw = rounds.map((round) => round.rawSingle)
  const over = (rate: (round: (typeof rounds)[number]) => number): Spread => spread(ratios(rounds.map(rate), raw))
  return {
    oneToRaw: over((round) => round.one.rate),
    manyToRaw: over((round) => round.many.rate),
    turnTime: spread(turns.map(({ early, late }) => late / early)),
    turnBytes: Number((turnBytes.late / turnBytes.early).toFixed(3)),
  }
}

/** How much a late turn may cost, relative to turn 10. */
export const TURN_GROWTH = 1.25

/** Checks of the measurement itself. */
export function checksOf(measured: Measured): readonly Check[] {
  const { acknowledged, onRecord, rounds, plan, turnBytes } = measured
  const growth = turnBytes.late / turnBytes.early
  const fewest = Math.min(...rounds.map((round) => round.one.commits))
  return [
    {
      name: 'every superstep that was reported is in the file',
      ok: acknowledged === onRecord.supersteps,
      found: `${acknowledged} reported, ${onRecord.supersteps} in the file`,
    },
    {
      name: 'one run commits each superstep by itself',
      ok: fewest >= plan.steps,
      found: `at least ${fewest} commits for ${plan.steps} supersteps`,
    },
    {
      name: 'bytes a turn do not grow with the conversation',
      ok: growth <= TURN_GROWTH,
      found: `turn 500 writes ${growth.toFixed(3)} times the bytes of turn 10`,
    },
  ]
}

/** What the runtime should reach, by the median of the rounds. */
export function aimsOf(measured: Measured): readonly Check[] {
  const { oneToRaw, manyToRaw, turnTime } = ratiosOf(measured)
  const aim = (name: string, { min, median, max }: Spread, ok: boolean): Check => ({
    name,
    ok,
    found: `${median} (${min} to ${max})`,
  })
  return [
    aim('one run: at least 0.5 of raw single commits', oneToRaw, oneToRaw.median >= 0.5),
    aim('64 runs: at least 2 times raw single commits', manyToRaw, manyToRaw.median >= 2),
    aim('turn 500 takes at most 1.25 times turn 10', turnTime, turnTime.median <= TURN_GROWTH),
  ]
}

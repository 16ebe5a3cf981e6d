/** Small statistics over rounds. */

/** Smallest, middle and largest value of the rounds. */
export interface Spread {
  readonly min: number
  readonly median: number
  readonly max: number
}

/** The spread of at least one value, rounded to `digits`. */
export function spread(values: readonly number[], digits = 2): Spread {
  const sorted = [...values].sort((a, b) => a - b)
  const at = (place: number): number => Number((sorted[place] ?? Number.NaN).toFixed(digits))
  return { min: at(0), median: at(Math.floor(sorted.length / 2)), max: at(sorted.length - 1) }
}

/** The middle of values, and two values between which the true middle lies with at least 95 % certainty. */
export interface Interval {
  readonly low: number
  readonly median: number
  readonly high: number
}

/**
 * The median with an interval that assumes nothing of how the values are spread: the ranks of a sign test. With less than
 * six values no ranks are certain enough, and the interval is the smallest and the largest.
 */
export function medianInterval(values: readonly number[]): Interval {
  const sorted = [...values].sort((a, b) => a - b)
  const n = sorted.length
  const at = (place: number): number => sorted[place] ?? Number.NaN
  // Chance that at most `rank` values lie below the true middle.
  let [rank, below, chance] = [0, 0.5 ** n, 0.5 ** n]
  while (2 * (below + (chance * (n - rank)) / (rank + 1)) <= 0.05) {
    chance *= (n - rank) / (rank + 1)
    rank += 1
    below += chance
  }
  return { low: at(rank), median: (at((n - 1) >> 1) + at(n >> 1)) / 2, high: at(n - 1 - rank) }
}

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

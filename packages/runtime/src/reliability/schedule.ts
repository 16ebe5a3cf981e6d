/** Which due times of a schedule fire. Pure: due times come from a function, the time is an argument. */

/** The first due time after a time, both in milliseconds since 1970; null when there is none any more. */
export type NextDue = (after: number) => number | null

/** What happens to due times that passed while nobody could fire them. */
export type CatchUp = 'all' | 'last' | 'skip'

/** What a decision is about. */
export interface DueQuestion {
  readonly next: NextDue
  /** Due times up to here are decided already. */
  readonly decidedThrough: number
  readonly now: number
  readonly catchUp: CatchUp
  /** A due time that passed no longer ago than this is on time. */
  readonly graceMs: number
  /** At most so many are fired at once; older ones are skipped. */
  readonly limit: number
}

/** Due times to fire, oldest first, and those that are passed over. */
export interface DueDecision {
  readonly fire: readonly number[]
  /** Null when nothing was passed over. `count` is null when there were too many to count. */
  readonly skipped: { readonly count: number | null; readonly first: number; readonly last: number } | null
  /** Everything up to here is decided now; never before what was decided. */
  readonly decidedThrough: number
}

/** Due times after `from` up to `to`, at most `limit`. */
function dueBetween(next: NextDue, from: number, to: number, limit: number): number[] {
  const found: number[] = []
  for (let at = next(from); at !== null && at <= to && found.length < limit; at = next(at)) found.push(at)
  return found
}

/** A bound for patterns that are dense for a while and then silent for long. */
const MOST_WALKED = 50_000

/** The newest due times up to `now`, found from the end, so that a year's absence is not walked through. */
function newestDue({ next, decidedThrough, now, limit }: DueQuestion): number[] {
  let window = 60_000
  for (;;) {
    const from = Math.max(decidedThrough, now - window)
    const found = dueBetween(next, from, now, MOST_WALKED)
    if (from === decidedThrough || found.length >= limit) return found.slice(-limit)
    window *= 2
  }
}

/**
 * Decides what fires. A due time at or before `decidedThrough` never fires again, whatever the clock does: when it was set
 * back, nothing is due until it has passed that time once more.
 */
export function decideDue(question: DueQuestion): DueDecision {
  const { next, decidedThrough, now, catchUp, graceMs, limit } = question
  const first = next(decidedThrough)
  if (first === null || first > now) return { fire: [], skipped: null, decidedThrough }
  const near = dueBetween(next, decidedThrough, now, limit + 1)
  const all = near.length <= limit ? near : newestDue(question)
  const last = all.at(-1) ?? first
  const fire =
    catchUp === 'all' ? all : catchUp === 'last' ? all.slice(-1) : all.filter((at) => now - at <= graceMs).slice(-1)
  const kept = new Set(fire)
  const passed = all.filter((at) => !kept.has(at))
  const uncounted = near.length > limit
  if (passed.length === 0 && !uncounted) return { fire, skipped: null, decidedThrough: last }
  const lastSkipped = passed.at(-1) ?? Math.max(first, (fire[0] ?? first) - 1)
  return {
    fire,
    skipped: { count: uncounted ? null : passed.length, first, last: lastSkipped },
    decidedThrough: last,
  }
}

/** Due times at whole multiples of an interval since 1970 (UTC), so that every process has the same ones. */
export function everyInterval(intervalMs: number): NextDue {
  return (after) => (Math.floor(after / intervalMs) + 1) * intervalMs
}

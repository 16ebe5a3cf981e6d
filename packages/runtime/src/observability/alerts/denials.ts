/** Whether denials rose: a window of an hour against what was usual, per tenant and workflow. Pure arithmetic. */

/** What one workflow asked for and was denied. */
export interface DenialStream {
  readonly tenant: string
  readonly workflow: string
  /** What was usual: older counts weigh less. `at` in milliseconds since 1970. */
  readonly usual: { readonly asks: number; readonly denied: number; readonly at: number }
  /** The window, in steps of five minutes by their start. */
  readonly steps: readonly { readonly at: number; readonly asks: number; readonly denied: number }[]
  /** Runs with denials in the window: how many, and the newest record of one. */
  readonly runs: Readonly<Record<string, { readonly at: number; readonly denied: number; readonly seq: number }>>
}

/** How far back denials are counted. */
export const DENIAL_WINDOW_MS = 3_600_000
const STEP_MS = 300_000
/** What was usual counts half after this long. */
const HALF_LIFE_MS = 84 * 3_600_000
/** What is supposed of a workflow that nobody has watched: one denial in twenty asks, weighing as much as twenty asks. */
const PRIOR = { denied: 1, allowed: 19 }
/** Denials of one run are not independent of each other: so many of it count. */
const MOST_OF_A_RUN = 3

/** A workflow that was not seen before. */
export function newStream(tenant: string, workflow: string, at: number): DenialStream {
  return { tenant, workflow, usual: { asks: 0, denied: 0, at }, steps: [], runs: {} }
}

/** The stream after one ask that ended. */
export function countAsk(
  stream: DenialStream,
  ask: { readonly at: number; readonly denied: boolean; readonly run: string; readonly seq: number },
): DenialStream {
  const start = Math.floor(ask.at / STEP_MS) * STEP_MS
  const before = stream.runs[ask.run]?.denied ?? 0
  const counts = ask.denied && before < MOST_OF_A_RUN
  const step = stream.steps.find((each) => each.at === start) ?? { at: start, asks: 0, denied: 0 }
  const grown = { at: start, asks: step.asks + (ask.denied && !counts ? 0 : 1), denied: step.denied + (counts ? 1 : 0) }
  const steps = [...stream.steps.filter((each) => each.at !== start), grown].sort((a, b) => a.at - b.at)
  if (!ask.denied) return { ...stream, steps }
  const runs = { ...stream.runs, [ask.run]: { at: ask.at, denied: before + 1, seq: ask.seq } }
  return { ...stream, steps, runs }
}

/**
 * The stream as of now: what left the window becomes part of what is usual, unless it is frozen, which it is while an alert
 * about it is open and nobody has taken it up: a spike must not become the usual by itself.
 */
export function advance(stream: DenialStream, now: number, isFrozen: boolean): DenialStream {
  const from = now - DENIAL_WINDOW_MS
  const isOld = (at: number): boolean => at + STEP_MS <= from
  const old = stream.steps.filter((each) => isOld(each.at))
  const runs = Object.fromEntries(Object.entries(stream.runs).filter(([, { at }]) => at > from))
  if (old.length === 0)
    return Object.keys(runs).length === Object.keys(stream.runs).length ? stream : { ...stream, runs }
  const steps = stream.steps.filter((each) => !isOld(each.at))
  if (isFrozen) return { ...stream, steps, runs }
  const weight = 2 ** (-Math.max(0, now - stream.usual.at) / HALF_LIFE_MS)
  const sum = (of: 'asks' | 'denied'): number =>
    old.reduce((total, each) => total + each[of], stream.usual[of] * weight)
  return { ...stream, steps, runs, usual: { asks: sum('asks'), denied: sum('denied'), at: now } }
}

/** True when nothing is left of it that could be told. */
export function isForgotten({ steps, usual }: DenialStream): boolean {
  return steps.length === 0 && usual.asks < 0.01
}

/** The window against what is usual. */
export interface DenialView {
  readonly asks: number
  readonly denied: number
  /** Denied in a hundred asks, in the window and usually. */
  readonly percent: number
  readonly usualPercent: number
  /** How probable so many denials, or more, would be if nothing had changed. */
  readonly chance: number
  /** The run with the most denials in the window. */
  readonly worst: { readonly run: string; readonly denied: number } | null
}

/** What the stream shows. */
export function viewOf({ steps, usual, runs }: DenialStream): DenialView {
  const [asks, denied] = [total(steps, 'asks'), total(steps, 'denied')]
  const [a, b] = [usual.denied + PRIOR.denied, Math.max(0, usual.asks - usual.denied) + PRIOR.allowed]
  const worst = Object.entries(runs).sort(([, x], [, y]) => y.denied - x.denied)[0]
  return {
    asks,
    denied,
    percent: asks === 0 ? 0 : (100 * denied) / asks,
    usualPercent: (100 * a) / (a + b),
    chance: chanceOf(denied, asks, a, b),
    worst: worst ? { run: worst[0], denied: worst[1].denied } : null,
  }
}

function total(steps: DenialStream['steps'], of: 'asks' | 'denied'): number {
  return steps.reduce((sum, each) => sum + each[of], 0)
}

/**
 * The chance of `least` or more denials among `asks`, when `a` denials to `b` allowed ones is what was seen before: the
 * upper tail of the beta-binomial distribution. It is exact for small counts and knows how little a short history says,
 * so that a quiet workflow raises no alarm by one bad hour.
 */
export function chanceOf(least: number, asks: number, a: number, b: number): number {
  if (least <= 0) return 1
  let term = Math.exp(logChoose(asks, least) + logBeta(least + a, asks - least + b) - logBeta(a, b))
  let sum = term
  for (let k = least; k < asks; k++) {
    // The next term from this one; the terms fall fast once they are far out.
    term *= ((asks - k) / (k + 1)) * ((k + a) / (asks - k - 1 + b))
    sum += term
    if (term < sum * 1e-12 && k > (asks * a) / (a + b)) break
  }
  return Math.min(1, sum)
}

function logChoose(n: number, k: number): number {
  return logGamma(n + 1) - logGamma(k + 1) - logGamma(n - k + 1)
}

function logBeta(a: number, b: number): number {
  return logGamma(a) + logGamma(b) - logGamma(a + b)
}

const LANCZOS = [
  676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059, 12.507343278686905,
  -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
]

/** Logarithm of the gamma function for positive numbers, to about 14 digits (Lanczos' approximation). */
function logGamma(x: number): number {
  if (x < 0.5) return Math.log(Math.PI / Math.sin(Math.PI * x)) - logGamma(1 - x)
  const at = x - 1
  const series = LANCZOS.reduce((sum, each, i) => sum + each / (at + i + 1), 0.99999999999980993)
  const t = at + LANCZOS.length - 0.5
  return 0.5 * Math.log(2 * Math.PI) + (at + 0.5) * Math.log(t) - t + Math.log(series)
}

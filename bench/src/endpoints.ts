/** The endpoints of the console over a store with many runs, as a table. */
import { type CheckTime, type EndpointTime, measureEndpoints } from '@signalbox/server'
import type { Check } from './checks.ts'

/** The most that an endpoint may take, in milliseconds, for 95 of 100 calls. */
const MOST_MS = 200

/** Measures every endpoint and gives a check for each: answered, and in time; and what the checks of all runs take and find. */
export async function endpoints(
  plan: { readonly runs: number; readonly rounds: number },
  log: (line: string) => void,
): Promise<{
  readonly times: readonly EndpointTime[]
  readonly whole: readonly CheckTime[]
  readonly checks: readonly Check[]
}> {
  const { times, whole } = await measureEndpoints({ ...plan, seed: 1, log })
  const checks = times.map(({ name, p95, refused }) => ({
    name: `${name} answers within ${MOST_MS} ms`,
    ok: refused === null && p95 !== null && p95 < MOST_MS,
    found: refused ?? `${p95} ms`,
  }))
  const sound = whole.map(({ name, found }) => ({
    name: `${name} finds nothing`,
    ok: found === 0,
    found: `${found} runs`,
  }))
  return { times, whole, checks: [...checks, ...sound] }
}

/** The times as lines of text. */
export function endpointTable(times: readonly EndpointTime[]): string {
  const lines = times.map(({ name, p50, p95, refused }) => {
    const told = refused ?? `${String(p50).padStart(8)} ${String(p95).padStart(8)}`
    return `${name.padEnd(30)} ${told}`
  })
  return [`${'endpoint'.padEnd(30)} ${'p50 ms'.padStart(8)} ${'p95 ms'.padStart(8)}`, ...lines].join('\n')
}

/** What the checks of all runs took, as lines of text. */
export function wholeTable(whole: readonly CheckTime[]): string {
  const heads = ['runs', 'seconds', 'slowest ms', 'MB']
  const lines = whole.map(({ name, runs, seconds, slowestMs, peakMb }) =>
    [name.padEnd(30), ...[runs, seconds, slowestMs, peakMb].map((each) => String(each).padStart(10))].join(' '),
  )
  return [['check'.padEnd(30), ...heads.map((head) => head.padStart(10))].join(' '), ...lines].join('\n')
}

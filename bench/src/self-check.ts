/** Plants each fault and sees whether the checks find it. */
import { honestStore, type OpenStore } from './box.ts'
import { type Check, checksOf } from './checks.ts'
import { canTrace, countFlushes, TRACED_STEPS } from './flushes.ts'
import { measure, type Plan } from './measure.ts'
import { acknowledgesOnly, historySized } from './plants.ts'

/** Small enough for a few seconds: the checks are about counts, not about time. */
const SMALL: Plan = { rounds: 1, steps: 20, runs: 8, stepsEach: 5, turnPairs: 0 }

/** Measures a little on this store and gives the names of the checks that failed. */
export async function failedChecks(open: OpenStore): Promise<readonly string[]> {
  const checks = checksOf(await measure(open, SMALL))
  return checks.filter((check) => !check.ok).map((check) => check.name)
}

/** Runs the checks on the honest store and on each planted fault; a line is not ok when a fault was not found. */
export async function selfCheck(): Promise<readonly Check[]> {
  const honest = await failedChecks(honestStore)
  const acknowledged = await failedChecks(acknowledgesOnly)
  const history = await failedChecks(historySized)
  return [
    found('honest store: no check fails', honest.length === 0, honest),
    found('planted: a commit that is acknowledged and not stored', acknowledged.length > 0, acknowledged),
    found(
      'planted: a checkpoint that holds its history',
      history.some((name) => name.startsWith('bytes a turn')),
      history,
    ),
    ...(canTrace() ? await flushChecks() : []),
  ]
}

function found(name: string, ok: boolean, names: readonly string[]): Check {
  return { name, ok, found: names.length === 0 ? 'no check failed' : `failed: ${names.join('; ')}` }
}

/** Flushes counted from outside, with and without the planted fault. Needs `strace`. */
export async function flushChecks(): Promise<readonly Check[]> {
  const honest = await countFlushes('honest')
  const planted = await countFlushes('without-flush')
  return [
    {
      name: 'honest store: at least one flush a commit',
      ok: honest >= TRACED_STEPS,
      found: `${honest} flushes for ${TRACED_STEPS} supersteps`,
    },
    {
      name: 'planted: commits that are not flushed',
      ok: planted < TRACED_STEPS / 10,
      found: `${planted} flushes for ${TRACED_STEPS} supersteps`,
    },
  ]
}

import type { Ask, Ended } from './ask.ts'
import { endOnRecord } from './holder.ts'
import { identityOf } from './resolve.ts'

/**
 * The end of an effect that was open at the point of a restore or fork, as it was recorded later: on the branch that was
 * left, or in the run that this one was forked from (invariant 5). Null when there is none: then it is resolved.
 */
export async function takeLaterEnd(ask: Ask): Promise<Ended | null> {
  const { run } = ask
  if (run.fold.branch === 0 && run.fold.started.parent === null) return null
  const { intents } = ask.journal()
  const places = new Set(intents.map(({ origin, seq }) => placeOf(origin?.run ?? run.runId, origin?.seq ?? seq)))
  const rows = await run.env.store.effects(run.tenant, run.rootRun)
  const row = rows.findLast((one) => places.has(placeOf(one.runId, one.intentSeq)))
  if (!row || row.outcomeSeq === null || row.state === 'open' || row.state === 'unknown') return null
  const end = await endOnRecord(ask, row)
  const intent = intents.at(-1)
  if (end && intent) ask.identity = identityOf(ask, intent)
  return end
}

function placeOf(run: string, seq: number): string {
  return `${run}#${seq}`
}

import { isoTime } from '../../base/time.ts'
import type { AskingPolicy } from '../../contracts/policy.ts'
import type { Ask, Ended } from './ask.ts'

/**
 * A no that is remembered: the same question was rejected within the time that an asking policy declares, in any run of
 * the tenant. Nobody is asked again; a person may lift it. Null where nothing is remembered.
 */
export async function declinedBefore(ask: Ask, asks: readonly AskingPolicy[], question: string): Promise<Ended | null> {
  const { run } = ask
  const seconds = Math.max(0, ...asks.map((one) => one.declined_seconds ?? 0))
  if (seconds === 0) return null
  // What was rejected a moment ago in this run is in the store before it is looked up there.
  await run.flush()
  const { store, host } = run.env
  const rows = await store.requests({ tenant: run.tenant, kind: 'approval', state: 'rejected', question, limit: 500 })
  const lifts = await store.mandates({ tenant: run.tenant, kind: 'lift', subject: question })
  const since = Math.max(host.now() - seconds * 1_000, ...lifts.map((lift) => lift.createdAt))
  const last = rows.filter((row) => (row.decidedAt ?? 0) > since).at(-1)
  if (!last) return null
  const when = isoTime(last.decidedAt ?? 0)
  return {
    status: 'denied',
    code: 'DECLINED_BEFORE',
    result: `\`${last.decidedBy ?? 'a reviewer'}\` said no to the same question on ${when}; it is not asked again`,
  }
}

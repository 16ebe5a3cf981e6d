import type { StreamItem } from '../contracts/runtime.ts'
import type { RunRow, Store } from '../contracts/store.ts'
import { isEmptied } from '../contracts/pruning.ts'
import { decodeRecord } from '../reliability/chain.ts'
import { isEnded } from '../reliability/run-machine.ts'
import type { Env } from './env.ts'

const PAGE = 200
const POLL_MS = 200

/**
 * A run's records from after a sequence, live. It reads the store by cursor, so a consumer that is slow, leaves or comes
 * back changes nothing in the run and misses nothing (invariant 1, ENGINE R17); deltas are shown as they come and
 * dropped when the consumer is behind.
 */
export async function* streamRun(
  env: Env,
  tenant: string,
  runId: string,
  options: { readonly after?: number; readonly signal?: AbortSignal } = {},
): AsyncGenerator<StreamItem> {
  let after = options.after ?? 0
  const deltas: StreamItem[] = []
  let nudge: (() => void) | null = null
  // A delta alone is no reason to look into the store: there are thousands of them in one answer.
  let look = true
  const unlisten = env.hub.listen(runId, (item) => {
    if (item.kind === 'record') look = true
    else if (deltas.length < env.limits.streamBuffer) deltas.push(item)
    nudge?.()
  })
  const stop = (): void => nudge?.()
  const woken = (): Promise<void> =>
    new Promise((resolve) => {
      const cancel = env.host.after(POLL_MS, () => {
        look = true
        resolve()
      })
      nudge = () => {
        nudge = null
        cancel()
        resolve()
      }
    })
  options.signal?.addEventListener('abort', stop)
  try {
    while (!options.signal?.aborted) {
      const looking = look
      look = false
      // Deltas that came before the records read next are older than them.
      const row = looking ? await env.store.run(tenant, runId) : null
      for (const delta of deltas.splice(0)) yield delta
      if (looking) {
        const page = await env.store.records(tenant, runId, { after, limit: PAGE })
        for (const stored of page) {
          after = stored.seq
          if (!isEmptied(stored)) yield { kind: 'record', runId, record: decodeRecord(stored) }
        }
        if (page.length === PAGE) look = true
        else if (!row || (isEnded(row.status) && after >= row.seq)) return
      }
      if (!look && deltas.length === 0) await woken()
    }
  } finally {
    unlisten()
    options.signal?.removeEventListener('abort', stop)
  }
}

/** Resolves when the run has ended, or waits for somebody, by draining its stream. */
export async function waitForRun(
  env: Env & { readonly store: Store },
  tenant: string,
  runId: string,
  options: { readonly untilWaiting?: boolean; readonly signal?: AbortSignal } = {},
): Promise<RunRow | null> {
  for await (const item of streamRun(env, tenant, runId, options)) {
    if (!options.untilWaiting || item.kind !== 'record') continue
    if (item.record.type !== 'run.waiting' && item.record.type !== 'run.parked') continue
    const row = await env.store.run(tenant, runId)
    const rests = row?.seq === item.record.seq && (row.status === 'waiting' || row.status === 'parked')
    // An answer that no worker has taken yet means that the run is about to go on.
    if (row && rests && (await env.store.inbox(tenant, runId)).length === 0) return row
  }
  return env.store.run(tenant, runId)
}

import { ENDED, type RunStatusView, type StreamEvent } from '@signalbox/protocol'
import { useQueryClient } from '@tanstack/react-query'
import { useEffect, useReducer } from 'react'
import { isPassing } from './problem.ts'
import { keys } from './queries.ts'
import { useSession } from './session.tsx'

/** State of the live view of a run. */
export interface Live {
  readonly state: 'connecting' | 'live' | 'lost' | 'ended'
  /** Text of model calls under way, by the activity that asks; provisional, the records are the truth. */
  readonly drafts: Readonly<Record<string, string>>
}

/** What changes the live view: an event of the stream, or its loss. */
export type LiveChange = StreamEvent | { readonly event: 'open' } | { readonly event: 'lost' }

/** Start of every live view. */
export const LIVE_START: Live = { state: 'connecting', drafts: {} }

/** Pure step of the live view. An outcome or a restart of an attempt voids the draft of its ask. */
export function liveStep(live: Live, change: LiveChange): Live {
  switch (change.event) {
    case 'open':
      return { ...live, state: 'live' }
    case 'lost':
      return { ...live, state: 'lost' }
    case 'end':
      return { state: 'ended', drafts: {} }
    case 'record':
      // A record means progress: whatever was drafted is stored now or void.
      return { state: 'live', drafts: change.data.type.startsWith('activity') ? {} : live.drafts }
    case 'attempt_restarted':
      return { ...live, drafts: { ...live.drafts, [change.data.ask]: '' } }
    case 'delta': {
      const { ask, delta } = change.data
      if (delta.type !== 'text-delta') return live
      return { state: 'live', drafts: { ...live.drafts, [ask]: (live.drafts[ask] ?? '') + delta.delta } }
    }
  }
}

/** Records come in bursts; the page is read again once for each burst. */
const SETTLE_MS = 150
/** After the client gave up on a server that is away. */
const AGAIN_MS = 5000

/** Follows a run's stream from `after` and makes what the page shows of it stale on every record. */
export function useLive(runId: string, after: number | undefined, status: RunStatusView | undefined): Live {
  const { client } = useSession()
  const queries = useQueryClient()
  const [live, step] = useReducer(liveStep, LIVE_START)
  const ended = status !== undefined && ENDED.includes(status)
  const ready = after !== undefined && !ended
  // biome-ignore lint/correctness/useExhaustiveDependencies: later values of `after` must not open the stream again
  useEffect(() => {
    if (!ready) return
    const stop = new AbortController()
    let timer: ReturnType<typeof setTimeout> | undefined
    let burst: ReturnType<typeof setTimeout> | undefined
    const refresh = () => {
      burst ??= setTimeout(() => {
        burst = undefined
        void queries.invalidateQueries({ queryKey: keys.run(runId) })
      }, SETTLE_MS)
    }
    let seen = after
    const follow = async () => {
      step({ event: 'open' })
      for await (const event of client.streamRun(runId, { after: seen, signal: stop.signal })) {
        if (event.event === 'record') seen = event.data.seq
        step(event)
        if (event.event === 'record' || event.event === 'end') refresh()
      }
    }
    const again = (error: unknown) => {
      if (stop.signal.aborted) return
      step({ event: 'lost' })
      if (isPassing(error)) timer = setTimeout(() => void follow().catch(again), AGAIN_MS)
    }
    void follow().catch(again)
    return () => {
      stop.abort()
      clearTimeout(timer)
      clearTimeout(burst)
    }
  }, [client, queries, runId, ready])
  return ended ? { state: 'ended', drafts: {} } : live
}

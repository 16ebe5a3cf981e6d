/** What the demo needs to see and answer of a run: its open approval, its end, its explanation, its audit. */
import {
  type AuditReport,
  auditRun,
  type ContentRef,
  explain,
  type PersonRequest,
  renderExplanation,
  type RunResult,
  type Signalbox,
  sleep,
} from 'signalbox'

/** The tenant of the demo. */
export const TENANT = 'demo'

/** Waits until the run asks for an approval, and gives the request with its packet. */
export async function openApproval({ runs, host }: Signalbox, runId: string): Promise<PersonRequest> {
  for (;;) {
    const open = await runs.requests({ tenant: TENANT, state: 'open', kind: 'approval', runId, limit: 1 })
    if (open[0]) return runs.request(TENANT, open[0].id)
    await sleep(host, 100)
  }
}

/** Waits for the end of a run. Keeps the process alive by itself. */
export function ended({ runs }: Signalbox, runId: string): Promise<RunResult> {
  return runs.wait(TENANT, runId)
}

/** The run in plain language, its contents opened: the demo's reader may see them. */
export async function explained({ runs, host }: Signalbox, runId: string): Promise<string> {
  const records = await runs.records(TENANT, runId)
  const reader = await runs.contents(TENANT, runId)
  const asked: ContentRef[] = []
  const keyOf = (ref: ContentRef): string => `${ref.r ?? ''}/${ref.s}/${ref.i}`
  // Explaining is pure, so the first time only tells which contents are needed.
  const note = (ref: ContentRef): null => {
    asked.push(ref)
    return null
  }
  explain(records, { now: host.now(), contents: note })
  const texts = new Map<string, string | null>()
  for (const ref of asked) {
    const value = await reader.read(ref).catch(() => null)
    texts.set(keyOf(ref), value === null ? null : JSON.stringify(value))
  }
  const contents = (ref: ContentRef): string | null => texts.get(keyOf(ref)) ?? null
  return renderExplanation(explain(records, { now: host.now(), contents }))
}

/** Verifies the run's history from its stored bytes. */
export async function audited({ runs, store }: Signalbox, runId: string): Promise<AuditReport> {
  const row = await runs.get(TENANT, runId)
  const stored = await store.records(TENANT, runId, {})
  return auditRun(stored, { seq: row.seq, head: row.head })
}

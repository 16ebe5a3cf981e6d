import { parseJson } from '../base/json.ts'
import { type ContentRef, OPERATOR_LABELS } from '../contracts/common.ts'
import type { StoredInboxItem } from '../contracts/store.ts'
import { findAsk } from '../reliability/fold.ts'
import { openedByAsk, takeAnswer } from './answers.ts'
import { applyReview } from './approval-inbox.ts'
import type { LiveRun, Put } from './live-run.ts'

/**
 * Turns inbox rows into records (ENGINE R3), each once, in the transaction that consumes them. A row that no longer
 * concerns anything open is consumed without a trace in the history but the row itself. While the run gives up its lease
 * nothing is drained: a row that is consumed in that very commit would wake nobody. The store refuses the release instead.
 */
export async function drainInbox(run: LiveRun): Promise<void> {
  for (const item of await run.env.store.inbox(run.tenant, run.runId)) {
    if (run.dead || run.isReleasing || run.seenInbox.has(item.row)) continue
    run.seenInbox.add(item.row)
    // What a port node is answered is consumed with the checkpoint that it makes.
    if (item.kind !== 'respond') run.with({ consumed: item.row })
    applyItem(run, item)
  }
}

function applyItem(run: LiveRun, item: StoredInboxItem): void {
  const body = bodyOf(item)
  switch (item.kind) {
    case 'decide':
    case 'review':
      applyReview(run, item, item.sealed ? run.sealer.open(item.sealed) : [])
      return
    case 'answer':
      applyAnswer(run, item, text(body, 'question_id'), text(body, 'answer'))
      return
    case 'respond':
      applyResponse(run, item, text(body, 'request_id'))
      return
    case 'cancel':
    case 'terminate':
      applyStop(run, item)
      return
    case 'resume':
      applyResume(run, item)
      return
    case 'restore':
      // A restore claims the run itself; no row of this kind is written.
      return
    case 'settled':
      // An effect of another run has ended: whoever waits for one looks again (ENGINE R5).
      // A switch that was lifted is told in the same way.
      run.waits.wakeAll(['settle', 'switch'])
      return
    default:
      item.kind satisfies never
  }
}

/** An answer that nobody waits for any more is consumed; a nested scope that waits for it goes on. */
function applyResponse(run: LiveRun, item: StoredInboxItem, requestId: string): void {
  const { row, by, createdAt } = item
  const answer = sealedText(run, item) ?? 'null'
  const asked = openedByAsk(run, requestId)
  if (asked) {
    run.with({ consumed: row })
    takeAnswer(run, asked, { text: answer, by, createdAt })
    return
  }
  const scopes = [run.fold, ...run.fold.scopes.values()]
  const asker = scopes.find(({ checkpoint, opened }) =>
    [...checkpoint.requests, ...opened].some((one) => one.request_id === requestId),
  )
  if (!asker) {
    run.with({ consumed: row })
    return
  }
  run.responses.push({ row, requestId, by, text: answer })
  for (const { request_id: id, timer } of asker.checkpoint.requests) run.waits.wake(timer ? 'timer' : 'request', id)
}

function applyAnswer(run: LiveRun, item: StoredInboxItem, id: string, answer: string): void {
  const found = findAsk(run.fold, (entry) =>
    entry.questions.some((q) => q.asked.question_id === id && q.answered === null),
  )
  if (!found || (answer !== 'happened' && answer !== 'did_not' && answer !== 'stop')) return
  run.append((put) => ({
    type: 'question.answered' as const,
    question_id: id,
    ask: found.ask,
    answer,
    by: item.by,
    reason: reasonRef(run, item, put),
  }))
  run.closeRequest(id, 'answered', item.by.id)
  run.waits.wake('question', id)
}

function applyStop(run: LiveRun, item: StoredInboxItem): void {
  const end = item.kind === 'terminate' ? 'terminated' : 'cancelled'
  run.append((put) => ({
    type: 'override.recorded' as const,
    what: item.kind === 'terminate' ? ('terminate' as const) : ('cancel' as const),
    by: item.by,
    reason: reasonRef(run, item, put),
  }))
  run.stopWith({ kind: 'stop', end, reason: { kind: 'person', code: 'CANCELLED', subject: null }, by: item.by })
  // A cancel lets calls that were sent finish; a termination breaks off what can be broken off.
  if (item.kind === 'terminate') run.abort.abort()
  run.waits.wakeAll(['approval', 'retry', 'switch', 'timer', 'request'])
}

function applyResume(run: LiveRun, item: StoredInboxItem): void {
  if (run.fold.status !== 'parked') return
  run.append((put) => ({
    type: 'override.recorded' as const,
    what: run.fold.parkedCode === 'RUN_QUARANTINED' ? ('release_quarantined' as const) : ('resume_parked' as const),
    by: item.by,
    reason: reasonRef(run, item, put),
  }))
  run.with({ code: null })
}

function reasonRef(run: LiveRun, item: StoredInboxItem, put: Put): ContentRef | null {
  const reason = sealedText(run, item)
  return reason === null ? null : put(reason, OPERATOR_LABELS)
}

function sealedText(run: LiveRun, item: StoredInboxItem): string | null {
  return item.sealed ? (run.sealer.open(item.sealed)[0] ?? null) : null
}

function bodyOf(item: StoredInboxItem): Readonly<Record<string, unknown>> {
  const value = parseJson(item.body, `inbox row ${item.row}`)
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Readonly<Record<string, unknown>>)
    : {}
}

function text(body: Readonly<Record<string, unknown>>, field: string): string {
  const value = body[field]
  return typeof value === 'string' ? value : ''
}

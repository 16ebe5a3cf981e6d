import { timeOf } from '../../base/time.ts'
import type { ApprovalDecided, ApprovalRequested } from '../../contracts/records.ts'
import { approvalTimes } from '../../policy/index.ts'
import { progressOf, termsIn } from '../approval-rows.ts'
import { drainInbox } from '../inbox.ts'
import type { Ask } from './ask.ts'
import { change, judgeEdit, list } from './edit.ts'

/** Waits until an approval is decided: by people, by its time, or because the run stops. Time does its part here. */
export async function answerTo(ask: Ask, requested: ApprovalRequested): Promise<ApprovalDecided> {
  const { run } = ask
  const terms = termsIn(run, requested)
  for (;;) {
    const approval = ask.journal().approval
    if (approval?.decided) return approval.decided
    if (ask.ending) return decideWithoutPerson(ask, requested, 'cancelled')
    const changes = approval?.changes ?? []
    let progress = progressOf(terms, changes)
    if (run.env.host.now() >= progress.deadline) {
      // An answer that was given in time counts, also when nobody read it in time.
      await drainInbox(run)
      if (ask.journal().approval?.decided) continue
      progress = progressOf(terms, ask.journal().approval?.changes ?? [])
    }
    if (run.env.host.now() >= progress.deadline) return decideWithoutPerson(ask, requested, 'expired')
    if (progress.state === 'editing') {
      await judgeEdit(ask, requested, progress)
      continue
    }
    const { due, next } = approvalTimes(terms, progress, run.env.host.now())
    for (const one of due) change(ask, requested, one)
    if (due.length === 0) await ask.wait('approval', requested.approval_id, next)
    else run.requestFlush()
  }
}

/** Silence denies; a run that stops takes its question back. */
function decideWithoutPerson(ask: Ask, requested: ApprovalRequested, answer: 'expired' | 'cancelled'): ApprovalDecided {
  const { run } = ask
  const record = run.append(
    {
      type: 'approval.decided' as const,
      approval_id: requested.approval_id,
      ask: ask.ref,
      answer,
      by: null,
      reason: null,
      seen: null,
      wait_ms: Math.max(0, run.env.host.now() - timeOf(requested.at)),
      code: answer === 'expired' ? 'APPROVAL_EXPIRED' : 'CANCELLED',
    },
    requested.seq,
  )
  list(ask)
  return record as unknown as ApprovalDecided
}

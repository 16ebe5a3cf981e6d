import type { ActivityIntent, ApprovalDecided, ApprovalRequested } from '../../contracts/records.ts'
import { mustHold } from './checks.ts'
import type { RunFacts } from './run-facts.ts'

/** A request is made once, and decided once on each branch, by somebody else than the requester (Invariant 7). */
export function checkApproval(run: RunFacts, record: ApprovalRequested | ApprovalDecided): void {
  const id = record.approval_id
  const known = run.approvals.get(id)
  if (record.type === 'approval.requested') {
    mustHold(known === undefined, 'approval', () => `approval ${id} is asked twice`)
    run.approvals.set(id, { requested: record, decided: null, usedBy: null })
    return
  }
  mustHold(known !== undefined, 'approval', () => `approval ${id} is decided and was never asked`)
  const again = known?.decided?.branch === record.branch
  mustHold(!again, 'approval', () => `approval ${id} is decided twice`)
  const bySelf = record.answer === 'approved' && record.by?.id === run.fold.started.principal.id
  mustHold(!bySelf, 'approval', () => `approval ${id} is given by the one who asked`)
  mustHold(record.answer !== 'approved' || record.by !== null, 'approval', () => `approval ${id} names no person`)
  const heard = record.by === null || run.said.some((body) => body.includes(id) && body.includes(`"${record.answer}"`))
  mustHold(heard, 'approval', () => `approval ${id} is on record as ${record.answer}, which nobody said`)
  if (known) known.decided = record
}

/** An intent that rests on an approval: given, for exactly this, and not used before (Invariant 7). */
export function checkUse(run: RunFacts, intent: ActivityIntent): void {
  const { approval_id: id, proposal, decision } = intent
  if (id === null) {
    const asked = decision.asks.length > 0 && proposal.effect !== 'none'
    mustHold(!asked, 'approval', () => `the intent ${intent.seq} has no approval, which its policy asks for`)
    return
  }
  const approval = run.approvals.get(id)
  mustHold(
    approval !== undefined,
    'approval',
    () => `the intent ${intent.seq} names approval ${id}, which nobody asked`,
  )
  if (!approval) return
  const { decided, requested } = approval
  mustHold(decided?.answer === 'approved', 'approval', () => `approval ${id} is used and was not given`)
  const same =
    requested.proposal.args_digest === proposal.args_digest &&
    requested.proposal.name === proposal.name &&
    requested.proposal.definition_hash === proposal.definition_hash
  mustHold(same, 'approval', () => `approval ${id} is used for something else than it was given for`)
  const free = approval.usedBy === null || approval.usedBy === intent.ask.key
  mustHold(free, 'approval', () => `approval ${id} is used by ${intent.ask.key} and by ${approval.usedBy}`)
  approval.usedBy = intent.ask.key
}

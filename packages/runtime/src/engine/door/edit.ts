import { isoTime } from '../../base/time.ts'
import type { ApprovalChange, EditedArguments } from '../../contracts/approval.ts'
import type { ApprovalDecided, ApprovalRequested, RecordBase } from '../../contracts/records.ts'
import { type ApprovalProgress, asVote, hasAllVotes } from '../../policy/index.ts'
import { listApproval } from '../approval-rows.ts'
import type { Ask, Ended } from './ask.ts'
import { decideEdited } from './decide.ts'
import { asPreview, readPreview, targetDigest } from './preview.ts'

type Edit = Extract<ApprovalChange, { what: 'edited' }>

/** Puts the arguments that a reviewer wrote in the place of those that were proposed. Policy decides on them anew. */
export async function takeEdit(ask: Ask, edited: EditedArguments): Promise<Ended | null> {
  const { args, args_digest, by, approval } = edited
  ask.args = ask.tool?.parseInput(await ask.run.contents.read(args)) ?? null
  ask.edited = { args, args_digest, by, approval }
  return decideEdited(ask)
}

/**
 * Judges what a reviewer made of the arguments: by the tool's schema, by policy, and by who has to say yes to it. What
 * policy denies is refused, and the approval is open as before; what the reviewer can answer alone is approved; anything
 * else is asked again, of those whom policy names for it.
 */
export async function judgeEdit(ask: Ask, requested: ApprovalRequested, progress: ApprovalProgress): Promise<void> {
  const edit = progress.edit
  if (!edit) return
  const { args, edited, decision, facts, origin, controlled } = ask
  const before = { args, edited, decision, facts, origin, controlled }
  const judged = await judge(ask, requested, edit)
  // Meanwhile somebody said no, or the time was over: that stands.
  if (ask.journal().approval?.decided) return
  if ('refused' in judged) {
    Object.assign(ask, before)
    const { by } = edit
    const given_at = isoTime(ask.run.env.host.now())
    change(ask, requested, { what: 'edit_refused', by, given_at, code: judged.refused })
    return
  }
  decideEdit(ask, requested, edit, judged)
}

interface Judged {
  readonly target_digest: string
  readonly asks: ApprovalRequested['asks']
}

async function judge(
  ask: Ask,
  requested: ApprovalRequested,
  edit: Edit,
): Promise<Judged | { readonly refused: string }> {
  const { args, args_digest, by } = edit
  try {
    const denied = await takeEdit(ask, { args, args_digest, by: by.id, approval: requested.approval_id })
    if (denied) return { refused: denied.code ?? 'POLICY_DENIED' }
  } catch (thrown) {
    // The tool's own schema; a malfunction of policy parks the run as ever.
    if (thrown instanceof Error && 'code' in thrown && thrown.code === 'TOOL_INPUT_INVALID')
      return { refused: 'TOOL_INPUT_INVALID' }
    throw thrown
  }
  const read = await readPreview(ask, 'fresh')
  const preview = 'failed' in read ? null : asPreview(read.value)
  if (!preview) return { refused: 'PREVIEW_FAILED' }
  return { target_digest: targetDigest(ask, preview), asks: ask.decision?.asks ?? [] }
}

function decideEdit(ask: Ask, requested: ApprovalRequested, edit: Edit, judged: Judged): void {
  const { run } = ask
  const { what: _, args, args_digest, ...vote } = edit
  const alone = hasAllVotes(judged.asks, [asVote(vote)])
  run.append(
    {
      type: 'approval.decided' as const,
      approval_id: requested.approval_id,
      ask: ask.ref,
      answer: alone ? ('approved' as const) : ('void' as const),
      by: alone ? vote.by : null,
      reason: vote.reason,
      seen: vote.seen,
      wait_ms: Math.max(0, Date.parse(vote.given_at) - Date.parse(requested.at)),
      code: alone ? null : 'APPROVAL_EDITED',
      ...(alone && (vote.for || vote.escalated) ? { votes: [vote] } : {}),
      edited: { args, args_digest, by: vote.by.id, approval: requested.approval_id, ...judged },
    } satisfies Omit<ApprovalDecided, keyof RecordBase>,
    requested.seq,
  )
  list(ask)
}

/** Records what happened to the approval of an ask, and lists it so. */
export function change(ask: Ask, requested: ApprovalRequested, what: ApprovalChange): void {
  ask.run.append(
    { type: 'approval.changed' as const, approval_id: requested.approval_id, ask: ask.ref, change: what },
    requested.seq,
  )
  list(ask)
}

/** Lists the approval of an ask as it stands. */
export function list(ask: Ask): void {
  const { approval } = ask.journal()
  if (approval) listApproval(ask.run, approval)
}

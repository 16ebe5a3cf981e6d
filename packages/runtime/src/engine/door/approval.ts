import { newId } from '../../base/ids.ts'
import { canonicalJson, type JsonValue } from '../../base/json.ts'
import { isoTime, timeOf } from '../../base/time.ts'
import type { ApprovalPacket } from '../../contracts/packets.ts'
import type { ApprovalDecided, ApprovalRequested } from '../../contracts/records.ts'
import type { Preview } from '../../contracts/tool.ts'
import { approvalBinding, isStillBound } from '../../policy/index.ts'
import { upwards } from '../../reliability/fold-scopes.ts'
import { sentenceOf } from '../chain.ts'
import { drainInbox } from '../inbox.ts'
import type { Ask, Ended } from './ask.ts'
import { type ChildRead, freshRead, recordedRead } from './child.ts'
import { decide } from './decide.ts'
import { listRequest } from '../person-request.ts'

/**
 * Where the policy asks for a person: shows the action, waits for the answer, and derives again what was approved
 * (invariant 7). An approval that is on record already, undecided or decided, is not asked again.
 */
export async function askForApproval(ask: Ask): Promise<Ended | null> {
  const own = ask.journal().approval
  // What a person was asked, and may have refused, stands also when the policy would no longer ask.
  if (ask.decision?.verdict !== 'require_approval' && !own) return null
  const carried = own ? null : takeCarried(ask)
  const requested = own?.requested ?? carried?.requested ?? (await request(ask))
  if ('status' in requested) return requested
  const decided = carried?.decided ?? (await answerTo(ask, requested))
  switch (decided.answer) {
    case 'approved':
      return bind(ask, requested, decided)
    case 'rejected':
      return { status: 'rejected', code: 'APPROVAL_REJECTED', result: `rejected by ${decided.by?.id ?? 'a reviewer'}` }
    case 'expired':
      return { status: 'expired', code: 'APPROVAL_EXPIRED', result: 'nobody answered in time' }
    case 'cancelled':
      return { status: 'cancelled', code: 'CANCELLED', result: 'it was stopped while the approval was open' }
    case 'void':
      return { status: 'denied', code: 'APPROVAL_VOID', result: 'the approval is void' }
    default:
      return decided.answer satisfies never
  }
}

/** An approval that an earlier attempt got and did not use; taken out, so that no second call of this attempt uses it. */
function takeCarried(ask: Ask): { requested: ApprovalRequested; decided: ApprovalDecided } | null {
  const key = `${ask.name}|${ask.digest}`
  // A node around the scope may have been tried again: what its earlier attempt was given lies with it.
  for (const { carried } of upwards(ask.run.fold, ask.ref.activation)) {
    const kept = carried.get(key)
    if (carried.delete(key) && kept) return kept
  }
  return null
}

/** Stores the request before the pause (invariant 7). A preview that fails denies. */
async function request(ask: Ask): Promise<ApprovalRequested | Ended> {
  const { run, decision } = ask
  const read = await readPreview(ask, 'recorded')
  if ('failed' in read)
    return { status: 'denied', code: 'PREVIEW_FAILED', result: 'the preview for the reviewer failed' }
  const preview = asPreview(read.value)
  if (!decision || !preview)
    return { status: 'denied', code: 'PREVIEW_FAILED', result: 'the tool has no usable preview for the reviewer' }
  const id = newId(run.env.host, 'apr')
  const now = run.env.host.now()
  const deadline = now + run.env.limits.approvalSeconds * 1_000
  const packet: ApprovalPacket = {
    summary: preview.summary,
    target: preview.target,
    impact: preview.impact,
    rollback: preview.rollback,
    tool: ask.name,
    class: ask.class,
    effect: ask.effect,
    arguments: canonicalJson(ask.args),
    requested_by: run.principal.id,
    why: decision.asks.map(({ reason_code: code }) => why(sentenceOf(run.env, code), code)),
    labels: ask.labels,
  }
  const record = run.append((put) => ({
    type: 'approval.requested' as const,
    approval_id: id,
    ask: ask.ref,
    proposal: ask.proposal(put),
    decision,
    asks: decision.asks,
    packet: put(packet as unknown as JsonValue, ask.labels),
    target_digest: targetDigest(ask, preview),
    deadline: isoTime(deadline),
  }))
  const { name: tool, class: toolClass, effect } = ask
  const approvers = decision.asks.map((policy) => policy.approvers)
  listRequest(run, { id, kind: 'approval', seq: record.seq, tool, class: toolClass, effect, approvers, deadline })
  await run.flush()
  // The record was appended as exactly this type.
  return record as unknown as ApprovalRequested
}

/** The bundle's own sentence, with the code by which it is found there. */
function why(sentence: string | null, code: string): string {
  return sentence === null ? code : `${sentence} (${code})`
}

async function answerTo(ask: Ask, requested: ApprovalRequested): Promise<ApprovalDecided> {
  const { run } = ask
  for (;;) {
    const decided = ask.journal().approval?.decided
    if (decided) return decided
    if (ask.ending) return decideWithoutPerson(ask, requested, 'cancelled')
    if (run.env.host.now() >= timeOf(requested.deadline)) {
      // An answer that was given in time counts, also when nobody read it in time.
      await drainInbox(run)
      const late = ask.journal().approval?.decided
      if (late) return late
    }
    if (run.env.host.now() >= timeOf(requested.deadline)) return decideWithoutPerson(ask, requested, 'expired')
    await ask.wait('approval', requested.approval_id, timeOf(requested.deadline))
  }
}

/** Silence denies; a run that stops takes its question back. */
function decideWithoutPerson(
  ask: Ask,
  requested: ApprovalRequested,
  answer: 'expired' | 'cancelled' | 'void',
): ApprovalDecided {
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
      code: answer === 'expired' ? 'APPROVAL_EXPIRED' : answer === 'void' ? 'APPROVAL_VOID' : 'CANCELLED',
    },
    requested.seq,
  )
  run.closeRequest(requested.approval_id, answer, null)
  return record as unknown as ApprovalDecided
}

/** Derives everything that the approval binds again: target, arguments, definition, labels, asking policies (invariant 7). */
async function bind(ask: Ask, requested: ApprovalRequested, decided: ApprovalDecided): Promise<Ended | null> {
  if (!decided.by) return { status: 'denied', code: 'APPROVAL_VOID', result: 'the approval names no person' }
  const read = await readPreview(ask, 'fresh')
  const preview = 'failed' in read ? null : asPreview(read.value)
  const { bundle } = ask.run.env.policy
  const asked = approvalBinding(ask.run.runId, requested.proposal, requested.target_digest, requested.asks)
  const now =
    preview && approvalBinding(ask.run.runId, proposed(ask), targetDigest(ask, preview), decide(ask, null).asks)
  const bound = now !== null && isStillBound(asked, now)
  if (!bound) {
    ask.run.closeRequest(requested.approval_id, 'void', decided.by.id)
    return { status: 'denied', code: 'APPROVAL_VOID', result: 'what was approved has changed since; it was not done' }
  }
  ask.approval = { id: requested.approval_id, by: decided.by, decidedSeq: decided.seq, bound, fresh: true, bundle }
  return null
}

/** What is proposed now, as an approval binds it. */
function proposed(ask: Ask): Parameters<typeof approvalBinding>[1] {
  return { name: ask.name, args_digest: ask.digest, definition_hash: ask.definitionHash, labels: ask.labels }
}

function readPreview(ask: Ask, how: 'recorded' | 'fresh'): Promise<ChildRead> {
  const preview = ask.tool?.preview
  if (!preview) return Promise.resolve({ failed: 'the tool declares no preview' })
  const read = how === 'recorded' ? recordedRead : freshRead
  return read(ask, 'preview', (ctx) => preview(ask.args, ctx))
}

function asPreview(value: JsonValue): Preview | null {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null
  // Checked field by field below; a preview comes from a tool and may be anything.
  const preview = value as unknown as Partial<Preview>
  const target = preview.target
  const whole =
    typeof preview.summary === 'string' &&
    typeof preview.rollback === 'string' &&
    typeof preview.impact === 'object' &&
    typeof target === 'object' &&
    typeof target?.id === 'string' &&
    typeof target.version === 'string'
  return whole ? (preview as Preview) : null
}

function targetDigest(ask: Ask, preview: Preview): string {
  return ask.run.sealer.digest(canonicalJson([preview.target.type, preview.target.id, preview.target.version]))
}

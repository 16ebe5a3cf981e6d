import { newId } from '../../base/ids.ts'
import { canonicalJson, type JsonValue } from '../../base/json.ts'
import { isoTime } from '../../base/time.ts'
import type { ApprovalPacket } from '../../contracts/packets.ts'
import type { ApprovalRequested } from '../../contracts/records.ts'
import type { Preview } from '../../contracts/tool.ts'
import { stageSeconds, stagesOf } from '../../policy/index.ts'
import { sentenceOf } from '../chain.ts'
import type { Ask, Ended } from './ask.ts'
import { declinedBefore } from './declined.ts'
import { list } from './edit.ts'
import { asPreview, readPreview, targetDigest } from './preview.ts'
import { answerByStanding } from './standing.ts'

/** Stores the request before the pause (invariant 7). A preview that fails denies; a no that is remembered does too. */
export async function requestApproval(ask: Ask): Promise<ApprovalRequested | Ended> {
  const { run, decision } = ask
  const read = await readPreview(ask, ask.edited ? 'fresh' : 'recorded')
  if ('failed' in read)
    return { status: 'denied', code: 'PREVIEW_FAILED', result: 'the preview for the reviewer failed' }
  const preview = asPreview(read.value)
  if (!decision || !preview)
    return { status: 'denied', code: 'PREVIEW_FAILED', result: 'the tool has no usable preview for the reviewer' }
  const target = targetDigest(ask, preview)
  const question = questionDigest(ask, target)
  const declined = await declinedBefore(ask, decision.asks, question)
  if (declined) return declined
  const id = newId(run.env.host, 'apr')
  const stage = stagesOf(decision.asks)[0] ?? 1
  const seconds = stageSeconds(decision.asks, stage, run.env.limits.approvalSeconds)
  const record = run.append((put) => ({
    type: 'approval.requested' as const,
    approval_id: id,
    ask: ask.ref,
    proposal: ask.proposal(put),
    decision,
    asks: decision.asks,
    packet: put(packetOf(ask, preview) as unknown as JsonValue, ask.labels),
    target_digest: target,
    deadline: isoTime(run.env.host.now() + seconds * 1_000),
    question,
  }))
  // The record was appended as exactly this type.
  const requested = record as unknown as ApprovalRequested
  await answerByStanding(ask, requested)
  list(ask)
  await run.flush()
  return requested
}

/** The same for the same thing asked by the same requester through the same workflow, whatever run it is in. */
function questionDigest({ run, name, sentDigest }: Ask, target: string): string {
  return run.sealer.digest(canonicalJson(['question', name, sentDigest, target, run.principal.id, run.spec.name]))
}

function packetOf(ask: Ask, { summary, target, impact, rollback }: Preview): ApprovalPacket {
  const { run, decision } = ask
  return {
    summary,
    target,
    impact,
    rollback,
    tool: ask.name,
    class: ask.class,
    effect: ask.effect,
    arguments: canonicalJson(ask.args),
    requested_by: run.principal.id,
    why: (decision?.asks ?? []).map(({ reason_code: code }) => why(sentenceOf(run.env, code), code)),
    labels: ask.labels,
    ...(ask.edited ? { edited_by: ask.edited.by } : {}),
  }
}

/** The bundle's own sentence, with the code by which it is found there. */
function why(sentence: string | null, code: string): string {
  return sentence === null ? code : `${sentence} (${code})`
}

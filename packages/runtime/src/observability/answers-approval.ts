/** Who approved what, and what they saw: part of the answers about a run. */
import type { ContentRef } from '../contracts/common.ts'
import type { ApprovalDecided, ApprovalRequested, RunRecord } from '../contracts/records.ts'
import { type ContentLookup, opened } from './words.ts'

/** What the reviewer was shown; null where it is sealed here or erased. */
export interface ShownAnswer {
  readonly summary: string
  readonly target: { readonly type: string; readonly id: string; readonly version: string } | null
  readonly money: { readonly minor: number; readonly currency: string } | null
  readonly rollback: string | null
}

/** One person's yes. */
export interface VoteAnswer {
  readonly by: string
  /** In whose place; null in the own name. */
  readonly for: string | null
  /** ISO 8601. */
  readonly at: string
  /** The reason as it was given; null when there is none, or it is sealed here or erased. */
  readonly reason: string | null
  /** Keyed hash of what they saw. */
  readonly seen: string | null
}

/** One approval of a run. */
export interface ApprovalAnswer {
  readonly seqs: readonly number[]
  readonly approval: string
  readonly tool: string
  /** `open` while nobody answered. */
  readonly answer: ApprovalDecided['answer'] | 'open'
  readonly by: string | null
  /** Everybody who gave a yes. */
  readonly votes: readonly VoteAnswer[]
  /** Why it ended without a yes: closed code. */
  readonly code: string | null
  readonly wait_ms: number | null
  /** The reason as it was given; null when there is none, or it is sealed here or erased. */
  readonly reason: string | null
  /** Policies that asked, with what each demanded. */
  readonly asked_by: readonly {
    readonly policy: string
    readonly reason_code: string
    readonly approvers: readonly string[]
    readonly quorum: number
    readonly stage: number
  }[]
  /** Keyed hash of what was to be shown, and of what the one who answered saw. */
  readonly packet_hash: string
  readonly seen_hash: string | null
  readonly shown: ShownAnswer | null
  /** The standing approval that answered in place of a person. */
  readonly standing: string | null
  readonly edited_by: string | null
}

/** The approvals of a run in the order in which they were asked for. */
export function approvalAnswers(
  records: readonly RunRecord[],
  contents: ContentLookup | undefined,
): readonly ApprovalAnswer[] {
  return records.flatMap((record) =>
    record.type === 'approval.requested' ? [approvalAnswer(record, records, contents)] : [],
  )
}

function approvalAnswer(
  asked: ApprovalRequested,
  records: readonly RunRecord[],
  contents: ContentLookup | undefined,
): ApprovalAnswer {
  const of = asked.approval_id
  const changes = records.filter((one) => one.type === 'approval.changed' && one.approval_id === of)
  const end = records.find((one): one is ApprovalDecided => one.type === 'approval.decided' && one.approval_id === of)
  return {
    seqs: [asked.seq, ...changes.map((one) => one.seq), ...(end ? [end.seq] : [])],
    approval: of,
    tool: asked.proposal.name,
    answer: end?.answer ?? 'open',
    by: end?.by?.id ?? null,
    votes: votesOf(end, contents),
    code: end?.code ?? null,
    wait_ms: end?.wait_ms ?? null,
    reason: reasonOf(end?.reason ?? null, contents),
    asked_by: asked.asks.map(({ id, reason_code, approvers, quorum = 1, stage = 1 }) => ({
      ...{ policy: id, reason_code, approvers, quorum, stage },
    })),
    packet_hash: asked.packet.h,
    seen_hash: end?.seen ?? null,
    shown: shownOf(opened(asked.packet, contents)),
    standing: end?.standing?.mandate ?? null,
    edited_by: end?.edited?.by ?? null,
  }
}

/** Everybody who said yes; where one person answered alone, that one. */
function votesOf(end: ApprovalDecided | undefined, contents: ContentLookup | undefined): readonly VoteAnswer[] {
  if (!end) return []
  const alone = end.answer === 'approved' && end.by ? [{ ...end, by: end.by, given_at: end.at, for: undefined }] : []
  return (end.votes ?? alone).map((vote) => ({
    by: vote.by.id,
    for: vote.for?.id ?? null,
    at: vote.given_at,
    reason: reasonOf(vote.reason, contents),
    seen: vote.seen,
  }))
}

function reasonOf(reason: ContentRef | null, contents: ContentLookup | undefined): string | null {
  const text = opened(reason, contents)
  return typeof text === 'string' ? text : null
}

function shownOf(packet: unknown): ShownAnswer | null {
  const summary = field(packet, 'summary')
  if (typeof summary !== 'string') return null
  const target = field(packet, 'target')
  const money = field(field(packet, 'impact'), 'money')
  const minor = field(money, 'minor')
  const rollback = field(packet, 'rollback')
  const text = (part: unknown, key: string): string => String(field(part, key) ?? '')
  return {
    summary,
    target:
      target === null ? null : { type: text(target, 'type'), id: text(target, 'id'), version: text(target, 'version') },
    money: typeof minor === 'number' ? { minor, currency: text(money, 'currency') } : null,
    rollback: typeof rollback === 'string' ? rollback : null,
  }
}

/** A field of something that may be no object. */
function field(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? (Reflect.get(value, key) ?? null) : null
}

import { SignalboxError } from '../base/errors.ts'
import { canonicalJson } from '../base/json.ts'
import type { ApprovalChange } from '../contracts/approval.ts'
import type { ContentRef } from '../contracts/common.ts'
import type { ApprovalChanged, ApprovalDecided } from '../contracts/records.ts'
import type { ApprovalEvent } from '../contracts/review.ts'
import type { PersonRequestRow } from '../contracts/store.ts'
import { decodeRecord } from '../reliability/chain.ts'
import type { Contents } from './contents.ts'
import type { Env } from './env.ts'

/** What happened to an approval, in order, over all branches; its texts opened where they still can be. */
export async function approvalHistory(
  env: Env,
  row: PersonRequestRow,
  contents: Contents,
): Promise<readonly ApprovalEvent[]> {
  const types = ['approval.changed', 'approval.decided'] as const
  const records = (await env.store.records(row.tenant, row.runId, { after: row.seq, types })).map(decodeRecord)
  const own = records.filter(
    (record): record is ApprovalChanged | ApprovalDecided =>
      (record.type === 'approval.changed' || record.type === 'approval.decided') && record.approval_id === row.id,
  )
  return Promise.all(
    own.map((record) => (record.type === 'approval.changed' ? changed(record, contents) : decided(record, contents))),
  )
}

async function changed({ change }: ApprovalChanged, contents: Contents): Promise<ApprovalEvent> {
  return {
    at: change.given_at,
    what: change.what,
    by: 'by' in change ? change.by.id : null,
    for: 'for' in change && change.for ? change.for.id : null,
    text: await textOf(textRef(change), contents),
    detail: detailOf(change),
  }
}

async function decided(record: ApprovalDecided, contents: Contents): Promise<ApprovalEvent> {
  const last = record.votes?.at(-1)
  return {
    at: last?.given_at ?? record.at,
    what: record.answer,
    by: record.by?.id ?? null,
    for: last?.for?.id ?? null,
    text: await textOf(record.reason, contents),
    detail: record.standing?.mandate ?? record.code,
  }
}

function textRef(change: ApprovalChange): ContentRef | null {
  switch (change.what) {
    case 'voted':
      return change.reason
    case 'edited':
      return change.args
    case 'information_asked':
    case 'information_given':
      return change.text
    default:
      return null
  }
}

function detailOf(change: ApprovalChange): string | null {
  switch (change.what) {
    case 'claimed':
    case 'snoozed':
      return change.until
    case 'stage_begun':
      return `stage ${change.stage}`
    case 'escalated':
      return `${change.policy}: ${[...change.roles, ...change.users].join(', ')}`
    case 'edit_refused':
      return change.code
    case 'reminded':
      return change.whom
    default:
      return null
  }
}

async function textOf(ref: ContentRef | null, contents: Contents): Promise<string | null> {
  if (ref === null) return null
  try {
    const value = await contents.read(ref)
    return typeof value === 'string' ? value : canonicalJson(value)
  } catch (thrown) {
    if (thrown instanceof SignalboxError && thrown.code === 'CONTENT_ERASED') return null
    throw thrown
  }
}

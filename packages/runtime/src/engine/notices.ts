import { askedNotice } from '../contracts/notices.ts'
import type { Notice, NoticeFact, NoticeKind, NoticeSeverity } from '../contracts/outbox.ts'
import type { RunRecord } from '../contracts/records.ts'
import type { RunCommit, StoredRecord } from '../contracts/store.ts'
import { timeOf } from '../base/time.ts'

/** What a record tells people: nothing of its contents (invariant 14). */
interface News {
  /** Where several runs may tell the same: it is told once. */
  readonly id?: string
  readonly kind: NoticeKind
  readonly severity: NoticeSeverity
  readonly subject: string | null
  readonly facts: Readonly<Record<string, NoticeFact>>
  /** Who can act on it now; nobody in particular where it is absent. */
  readonly roles?: readonly string[]
}

type Teller = { readonly [T in RunRecord['type']]?: (record: RunRecord & { readonly type: T }) => News | null }

/** Records that people may want to be told of. What asks them something has a row of its own, with those who can answer. */
const TELLERS: Teller = {
  'approval.decided': ({ approval_id: subject, answer, code }) => ({
    kind: 'approval.decided',
    severity: 'info',
    subject,
    facts: { answer, code },
  }),
  'approval.changed': ({ approval_id: subject, change }) => {
    if (change.what === 'escalated')
      return { kind: 'approval.escalated', severity: 'urgent', subject, facts: {}, roles: change.roles }
    return change.what === 'reminded' ? { kind: 'approval.reminder', severity: 'warning', subject, facts: {} } : null
  },
  'question.answered': ({ question_id: subject, answer }) => ({
    kind: 'question.answered',
    severity: 'info',
    subject,
    facts: { answer },
  }),
  'request.answered': ({ request_id: subject, answer }) => ({
    kind: 'request.answered',
    severity: 'info',
    subject,
    facts: { answer },
  }),
  'response.received': ({ request_id: subject, answer }) =>
    answer === 'fired' ? null : { kind: 'request.answered', severity: 'info', subject, facts: { answer } },
  'run.parked': ({ code }) => ({ kind: 'run.parked', severity: 'urgent', subject: null, facts: { code } }),
  'budget.warning': ({ scope, limit, percent }) => ({
    ...(scope === 'run' ? {} : { id: `${scope}.${limit}.${percent}` }),
    kind: 'budget.warning',
    severity: 'warning',
    subject: scope === 'run' ? null : scope,
    facts: { limit: scope === 'run' ? limit : `${limit} of ${scope}`, percent },
  }),
  'activity.intent': ({ lowered_output: lowered }) => {
    if (!lowered) return null
    const { from, to } = lowered
    return { kind: 'budget.near_miss', severity: 'info', subject: null, facts: { limit: 'output tokens', from, to } }
  },
  'run.completed': nearMiss,
  'run.stopped': nearMiss,
  'budget.slice': ({ what, scope }) =>
    what === 'debt' ? { kind: 'budget.debt', severity: 'warning', subject: scope, facts: {} } : null,
}

function nearMiss({ near_misses: limits = [] }: { readonly near_misses?: readonly string[] }): News | null {
  if (limits.length === 0) return null
  return { kind: 'budget.near_miss', severity: 'info', subject: null, facts: { limit: limits.join(', ') } }
}

/**
 * The commit with what people are told of it, so that both are stored or neither. The ids come from what is told of: a
 * commit that is tried again tells once.
 */
export function withNotices(commit: RunCommit, workflow: string): RunCommit {
  const asked = commit.requests.filter((row) => row.state === 'open').map(askedNotice)
  const told = commit.records.flatMap((record) => tell(record, commit, workflow))
  const notices = [...asked, ...told]
  return notices.length === 0 ? commit : { ...commit, notices }
}

function tell(stored: StoredRecord, { tenant, runId }: RunCommit, workflow: string): readonly Notice[] {
  if (!(stored.type in TELLERS)) return []
  // Most records are intents, and hardly any of them tells of something: they are not read again.
  if (stored.type === 'activity.intent' && !stored.body.includes('"lowered_output"')) return []
  // The engine made this text from a record of this type a moment ago.
  const record = JSON.parse(stored.body) as RunRecord
  const teller = TELLERS[record.type] as ((one: RunRecord) => News | null) | undefined
  const news = teller?.(record) ?? null
  if (news === null) return []
  return [
    {
      ...news,
      tenant,
      id: news.id ?? `${runId}.${record.seq}`,
      runId,
      workflow,
      roles: news.roles ?? [],
      at: timeOf(record.at),
    },
  ]
}

import type { ActRow } from '../contracts/duty.ts'
import type { ActivityOutcome, RunRecord } from '../contracts/records.ts'
import type { RunCommit } from '../contracts/store.ts'
import { lineageTerms, TERM_RECORDS } from '../observability/index.ts'

/** The commit with who did what about whom, so that both are stored or neither. `principal`: on whose behalf the run acts. */
export function withActs(commit: RunCommit, principal: string): RunCommit {
  const acts = commit.records.flatMap((record): readonly ActRow[] => {
    if (record.type !== 'activity.outcome' || !record.body.includes('"duty_subjects"')) return []
    // The engine made this text from a record of this type a moment ago.
    const { name: tool, duty_subjects: subjects = [] } = JSON.parse(record.body) as ActivityOutcome
    return subjects.map((subject) => ({ tenant: commit.tenant, tool, subject, principal, runId: commit.runId }))
  })
  return acts.length === 0 ? commit : { ...commit, acts }
}

/** The commit with what its records can be looked up by, so that both are stored or neither. */
export function withTerms(commit: RunCommit): RunCommit {
  const terms = commit.records.flatMap(({ type, body }) =>
    // The engine made these texts a moment ago.
    TERM_RECORDS.has(type) && (type === 'approval.decided' || mayHaveTerms(body))
      ? lineageTerms(commit.tenant, JSON.parse(body) as RunRecord)
      : [],
  )
  return terms.length === 0 ? commit : { ...commit, terms }
}

/** False only for the many records of reads and model calls, which are not worth parsing. */
function mayHaveTerms(body: string): boolean {
  return !body.includes('"effect":"none"') || body.includes('"response_id":"')
}

import type { ActRow } from '../contracts/duty.ts'
import type { ActivityOutcome } from '../contracts/records.ts'
import type { RunCommit } from '../contracts/store.ts'

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

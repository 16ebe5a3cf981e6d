/** How approvals are reviewed: load, times, and signs of answers that are given without reading. */
import { isoTime, timeOf } from '../base/time.ts'
import type { ReviewerStats, ReviewStats } from '../contracts/review.ts'
import type { PersonRequestRow, RequestState } from '../contracts/store.ts'

/** From how many yeses on a person's numbers mean anything. */
const ENOUGH = 5
/** Share of unread yeses from which on it is said. */
const SUSPECT = 0.5

interface Answer {
  readonly reviewer: string
  readonly approved: boolean
  readonly at: number
  readonly waited: number
  readonly read: number | null
}

/** Computes the statistics from approvals as they are listed. */
export function reviewStats(
  rows: readonly PersonRequestRow[],
  { since, now, quickSeconds }: { readonly since: number; readonly now: number; readonly quickSeconds: number },
): Omit<ReviewStats, 'cut'> {
  const approvals = rows.filter((row) => row.kind === 'approval')
  const open = approvals.filter((row) => row.state === 'open')
  const decided = approvals.filter((row) => row.state !== 'open' && (row.decidedAt ?? 0) >= since)
  const answers = decided.flatMap(answersOf).sort((a, b) => a.at - b.at)
  const count = (state: RequestState): number => decided.filter((row) => row.state === state).length
  const byReviewer = Map.groupBy(answers, (answer) => answer.reviewer)
  return {
    since: isoTime(since),
    quick_seconds: quickSeconds,
    open: open.length,
    open_by_role: openByRole(open, now),
    decided: {
      approved: count('approved'),
      rejected: count('rejected'),
      expired: count('expired'),
      cancelled: count('cancelled'),
      void: count('void'),
    },
    median_decision_seconds: median(answers.map((answer) => answer.waited)),
    escalated: decided.concat(open).filter((row) => (row.life?.escalations.length ?? 0) > 0).length,
    reviewers: [...byReviewer].map(([reviewer, own]) => reviewerStats(reviewer, own, quickSeconds)).sort(byName),
  }
}

/** What people answered: each yes on the way, and the no that ended it. A standing approval is nobody's answer. */
function answersOf(row: PersonRequestRow): readonly Answer[] {
  const { life, decidedAt, decidedBy } = row
  if (life?.standing || decidedAt === null) return []
  const answer = (reviewer: string, approved: boolean, at: number): Answer => {
    const seen = life?.seen[reviewer]
    const read = seen === undefined ? null : (at - timeOf(seen)) / 1_000
    return { reviewer, approved, at, waited: (at - row.requestedAt) / 1_000, read }
  }
  const votes = (life?.votes ?? []).map((vote) => answer(vote.by, true, timeOf(vote.at)))
  const voted = votes.some((vote) => vote.reviewer === decidedBy)
  if (decidedBy !== null && row.state === 'rejected') votes.push(answer(decidedBy, false, decidedAt))
  if (decidedBy !== null && row.state === 'approved' && !voted) votes.push(answer(decidedBy, true, decidedAt))
  return votes
}

function reviewerStats(reviewer: string, answers: readonly Answer[], quickSeconds: number): ReviewerStats {
  const yes = answers.filter((answer) => answer.approved)
  const unread = yes.filter((answer) => answer.read === null || answer.waited < quickSeconds)
  const share = yes.length === 0 ? null : unread.length / yes.length
  const lastNo = answers.findLastIndex((answer) => !answer.approved)
  return {
    reviewer,
    approved: yes.length,
    rejected: answers.length - yes.length,
    median_decision_seconds: median(answers.map((answer) => answer.waited)),
    median_reading_seconds: median(answers.flatMap((answer) => answer.read ?? [])),
    unread_share: share,
    streak: answers.length - lastNo - 1,
    rubber_stamp: yes.length >= ENOUGH && (share ?? 0) >= SUSPECT,
  }
}

function openByRole(open: readonly PersonRequestRow[], now: number): ReviewStats['open_by_role'] {
  const pairs = open.flatMap((row) => [...new Set(row.approvers.flat())].map((role) => ({ role, row })))
  return [...Map.groupBy(pairs, ({ role }) => role)]
    .map(([role, own]) => ({
      role,
      open: own.length,
      oldest_seconds: Math.max(...own.map(({ row }) => Math.max(0, (now - row.requestedAt) / 1_000))),
    }))
    .sort((a, b) => (a.role < b.role ? -1 : 1))
}

function byName(a: ReviewerStats, b: ReviewerStats): number {
  return a.reviewer < b.reviewer ? -1 : 1
}

function median(values: readonly number[]): number | null {
  const sorted = values.toSorted((a, b) => a - b)
  const [low, high] = [sorted[Math.floor((sorted.length - 1) / 2)], sorted[Math.floor(sorted.length / 2)]]
  return low === undefined || high === undefined ? null : (low + high) / 2
}

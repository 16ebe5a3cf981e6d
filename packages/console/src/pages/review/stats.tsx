import type { ReviewStatsView } from '@signalbox/protocol'
import { duration } from '../../lib/format.ts'
import { count, type Phrase } from '../../lib/words.ts'
import { Card, Facts, State } from '../../ui/basics.tsx'
import { Empty } from '../../ui/states.tsx'
import { type Column, Table } from '../../ui/table.tsx'

type Reviewer = ReviewStatsView['reviewers'][number]
type Load = ReviewStatsView['open_by_role'][number]

/** Load, decision times, and signs of answers that are given without reading. */
export function ReviewStats({ stats, days }: { stats: ReviewStatsView; days: number }) {
  const { decided } = stats
  return (
    <>
      <Card title={`Reviewers, last ${days} days`} flush>
        {stats.reviewers.length === 0 ? (
          <Empty title="Nobody has answered anything in this time" icon="clock" />
        ) : (
          <Table
            label="Reviewers"
            columns={reviewerColumns(stats.quick_seconds)}
            rows={stats.reviewers}
            rowKey={(row) => row.reviewer}
          />
        )}
      </Card>
      <Card title="Load">
        <Facts
          rows={[
            ['Open now', stats.open],
            [
              'Decided',
              `${decided.approved} approved, ${decided.rejected} rejected, ${decided.expired} expired, ${decided.cancelled} taken back, ${decided.void} void`,
            ],
            ['Median time to a decision', seconds(stats.median_decision_seconds)],
            ['Escalated', stats.escalated],
          ]}
        />
        {stats.cut ? <p className="mt-2 text-sm text-muted">There are more than are counted here.</p> : null}
        {stats.open_by_role.length > 0 ? (
          <Table label="Open by role" columns={LOAD} rows={stats.open_by_role} rowKey={(row) => row.role} />
        ) : null}
      </Card>
    </>
  )
}

function seconds(value: number | null): string {
  return value === null ? 'none yet' : duration(value * 1000)
}

const LOAD: readonly Column<Load>[] = [
  { name: 'Role', cell: (row) => row.role.replace(/^role:/, '') },
  { name: 'Open', cell: (row) => row.open, num: true },
  { name: 'Oldest', cell: (row) => seconds(row.oldest_seconds), num: true },
]

function phraseOf(row: Reviewer): Phrase {
  return row.rubber_stamp
    ? { word: 'Seems not to read', tone: 'bad', icon: 'warning' }
    : { word: 'No sign of it', tone: 'ok', icon: 'check' }
}

function reviewerColumns(quick: number): readonly Column<Reviewer>[] {
  return [
    { name: 'Reviewer', cell: (row) => <strong className="breakable">{row.reviewer}</strong> },
    { name: 'Yes', cell: (row) => row.approved, num: true },
    { name: 'No', cell: (row) => row.rejected, num: true },
    { name: 'Answered in', cell: (row) => seconds(row.median_decision_seconds), num: true },
    { name: 'Read for', cell: (row) => seconds(row.median_reading_seconds), num: true },
    {
      name: 'Not read',
      cell: (row) => (row.unread_share === null ? 'none yet' : `${Math.round(row.unread_share * 100)} %`),
      num: true,
    },
    {
      name: 'Rubber stamp',
      cell: (row) => (
        <span>
          <State phrase={phraseOf(row)} />
          <span className="block text-xs text-muted">
            {count(row.streak, 'yes', 'yeses')} since the last no; not read means a yes without the details opened, or
            in under {quick} s; times are medians
          </span>
        </span>
      ),
    },
  ]
}

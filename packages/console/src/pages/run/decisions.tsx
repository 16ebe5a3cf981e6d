import type { Activity, RunDetail } from '@signalbox/protocol'
import { VERDICT } from '../../lib/words.ts'
import { State, Tag } from '../../ui/basics.tsx'
import { Empty } from '../../ui/states.tsx'
import { type Column, Table } from '../../ui/table.tsx'

interface Row {
  readonly activity: Activity
  readonly decision: NonNullable<Activity['decision']>
  readonly superstep: number
}

/** Every verdict of policy in the run, with the policies that led to it. */
export function DecisionsView({ detail }: { detail: RunDetail }) {
  const rows = detail.timeline.flatMap((step) =>
    step.activities.flatMap((activity): Row[] =>
      activity.decision ? [{ activity, decision: activity.decision, superstep: step.superstep }] : [],
    ),
  )
  return (
    <div className="card">
      {rows.length === 0 ? (
        <Empty title="No decision yet" icon="ban">
          Policy decides before each call leaves the process.
        </Empty>
      ) : (
        <Table label="Policy decisions" columns={COLUMNS} rows={rows} rowKey={(row) => row.decision.id} />
      )}
    </div>
  )
}

const COLUMNS: readonly Column<Row>[] = [
  { name: 'Verdict', cell: (row) => <State phrase={VERDICT[row.decision.verdict]} /> },
  {
    name: 'Action',
    cell: (row) => (
      <span className="flex flex-wrap items-center gap-x-2">
        <span className="font-mono text-xs font-semibold breakable">{row.activity.name}</span>
        <Tag mono>{row.activity.class}</Tag>
      </span>
    ),
  },
  { name: 'Reason', cell: (row) => <code className="text-xs breakable">{row.decision.reason_code}</code> },
  {
    name: 'Policies',
    cell: (row) => <span className="text-xs breakable">{row.decision.policies.join(', ') || 'none named'}</span>,
  },
  { name: 'Superstep', num: true, cell: (row) => row.superstep },
  { name: 'Record', num: true, cell: (row) => `#${row.activity.seq}` },
]

import type { ShadowReport, ShadowView } from '@signalbox/protocol'
import { Link } from 'react-router'
import { useShadowReport } from '../../api/policy.ts'
import { useSignedIn } from '../../api/queries.ts'
import { shortId } from '../../lib/format.ts'
import { policyProposeBlocked } from '../../lib/permissions.ts'
import type { Phrase } from '../../lib/words.ts'
import { paths } from '../../paths.ts'
import { Card, GuardedButton, State } from '../../ui/basics.tsx'
import { Empty, Loaded } from '../../ui/states.tsx'
import { Table } from '../../ui/table.tsx'
import { Age } from '../../ui/time.tsx'
import type { Order } from './order.tsx'

type Finding = ShadowReport['findings'][number]

const OUTCOMES: Record<Finding['outcome'], Phrase> = {
  would_block: { word: 'Would have blocked', tone: 'bad', icon: 'ban' },
  would_allow: { word: 'Would have allowed', tone: 'warn', icon: 'warning' },
  would_ask: { word: 'Would have asked', tone: 'info', icon: 'person' },
  error: { word: 'Failed', tone: 'bad', icon: 'cross' },
}

/** The draft that is evaluated beside the bundle in force, and what it would have done otherwise. */
export function Shadow({ shadow, onOrder }: { shadow: ShadowView | null; onOrder: (order: Order) => void }) {
  const me = useSignedIn()
  return (
    <Card
      title="Shadow"
      flush
      extra={
        shadow ? (
          <GuardedButton
            showWhy={false}
            blocked={policyProposeBlocked(me)}
            onClick={() => onOrder({ act: 'stopShadow', bundle: shadow.bundle, changes: null })}
          >
            Stop the shadow…
          </GuardedButton>
        ) : null
      }
    >
      {shadow ? (
        <>
          <p className="px-4 pt-3 text-sm">
            <code className="text-xs breakable">{shadow.bundle}</code> since <Age at={shadow.since} />:{' '}
            {shadow.counts.same} the same, {shadow.counts.would_block} would have been blocked,{' '}
            {shadow.counts.would_allow} allowed, {shadow.counts.would_ask} asked, {shadow.counts.error} failed
            {shadow.counts.dropped > 0 ? `, ${shadow.counts.dropped} not compared` : ''}.
          </p>
          <Findings />
        </>
      ) : (
        <Empty title="No draft is in shadow">
          A draft in shadow is asked every question beside the bundle in force, and decides nothing.
        </Empty>
      )}
    </Card>
  )
}

function Findings() {
  const query = useShadowReport()
  return (
    <Loaded query={query} what="the report">
      {({ findings }) =>
        findings.length === 0 ? (
          <Empty title="No difference yet" icon="check" />
        ) : (
          <Table
            label="What the draft would have done otherwise"
            rows={findings}
            rowKey={(row) => `${row.run_id} ${row.at} ${row.action} ${row.point}`}
            columns={[
              { name: 'When', cell: (row) => <Age at={row.at} /> },
              { name: 'Draft', cell: (row) => <State phrase={OUTCOMES[row.outcome]} /> },
              { name: 'About', cell: (row) => <span className="font-mono text-xs breakable">{row.action}</span> },
              {
                name: 'Reasons',
                cell: (row) => (
                  <code className="text-2xs breakable">{`${row.now.reason_code} → ${row.draft.reason_code}`}</code>
                ),
              },
              {
                name: 'Run',
                cell: (row) => (
                  <Link className="link" to={paths.run(row.run_id, 'decisions')}>
                    {shortId(row.run_id)}
                  </Link>
                ),
              },
            ]}
          />
        )
      }
    </Loaded>
  )
}

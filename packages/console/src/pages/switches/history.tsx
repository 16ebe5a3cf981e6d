import type { SwitchHistoryView } from '@signalbox/protocol'
import { useSwitchHistory } from '../../api/switches.ts'
import { Card, State } from '../../ui/basics.tsx'
import { Empty, Loaded } from '../../ui/states.tsx'
import { Table } from '../../ui/table.tsx'
import { Age } from '../../ui/time.tsx'

type Event = SwitchHistoryView['events'][number]

const WHAT: Readonly<Record<Event['kind'], string>> = {
  thrown: 'thrown',
  lift_asked: 'lift asked for',
  lifted: 'lifted',
  override_asked: 'override asked for',
  override_confirmed: 'override confirmed',
  override_used: 'override used',
  override_reviewed: 'override looked at',
}
const CHANNELS: Readonly<Record<Event['channel'], string>> = {
  api: '',
  file: ', by the file STOP',
  signal: ', by a signal',
}

/** Who threw, lifted and passed switches, and whether the chain of this history holds. */
export function SwitchHistory() {
  const query = useSwitchHistory()
  return (
    <Card title="History" flush extra={query.data ? <Chain history={query.data} /> : null}>
      <Loaded query={query} what="the history">
        {({ events, findings }) => (
          <>
            {findings.length > 0 ? (
              <div role="alert" className="m-4 rounded-md bg-bad-soft px-4 py-2 text-sm">
                <ul>
                  {findings.map((finding) => (
                    <li key={finding}>{finding}</li>
                  ))}
                </ul>
              </div>
            ) : null}
            {events.length === 0 ? (
              <Empty title="Nothing was thrown yet" />
            ) : (
              <Table
                label="History of kill switches"
                rows={events.toReversed()}
                rowKey={(row) => String(row.seq)}
                columns={[
                  { name: 'When', cell: (row) => <Age at={row.at} /> },
                  {
                    name: 'What',
                    cell: (row) => `${WHAT[row.kind]}${CHANNELS[row.channel]}`,
                  },
                  {
                    name: 'Switch',
                    cell: (row) => (
                      <span className="font-mono text-xs breakable">{`${row.scope} ${row.target}, ${row.mode}`}</span>
                    ),
                  },
                  { name: 'By', cell: (row) => row.by },
                  { name: 'Reason', cell: (row) => <span className="untrusted">{row.reason}</span> },
                ]}
              />
            )}
          </>
        )}
      </Loaded>
    </Card>
  )
}

function Chain({ history }: { history: SwitchHistoryView }) {
  return history.ok ? (
    <State phrase={{ word: 'The chain holds', tone: 'ok', icon: 'check' }} />
  ) : (
    <State phrase={{ word: 'The chain is broken', tone: 'bad', icon: 'warning' }} />
  )
}

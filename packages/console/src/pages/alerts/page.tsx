import type { AlertSummaryView, AlertView } from '@signalbox/protocol'
import { Link, useParams } from 'react-router'
import { useAlertKinds, useAlertSummary, useAlerts } from '../../api/alerts.ts'
import { useAddressFilter } from '../../lib/address.ts'
import { capital } from '../../lib/format.ts'
import { useTitle } from '../../lib/hooks.ts'
import { useListKeys } from '../../lib/list-keys.ts'
import { ALERT_SEVERITY, ALERT_STATE, count } from '../../lib/words.ts'
import { paths } from '../../paths.ts'
import { Button, State } from '../../ui/basics.tsx'
import { Icon } from '../../ui/icon.tsx'
import { Empty, Loaded } from '../../ui/states.tsx'
import { type Column, Table } from '../../ui/table.tsx'
import { Age } from '../../ui/time.tsx'
import { Choice } from '../policy/fields.tsx'
import { OneAlert } from './alert.tsx'

/** Alerts: what must not happen and did; one of them with what it saw, its history and what can be done. */
export function AlertsPage() {
  const { id } = useParams()
  return id === undefined ? <AlertList /> : <OneAlert id={id} />
}

const FILTERS = ['state', 'severity', 'kind'] as const
const STATES: readonly (readonly [string, string])[] = [
  ['', 'Not resolved'],
  ...Object.entries(ALERT_STATE).map(([name, { word }]) => [name, word] as const),
  ['all', 'Every state'],
]
const SEVERITIES: readonly (readonly [string, string])[] = [
  ['', 'Every severity'],
  ...Object.entries(ALERT_SEVERITY).map(([name, { word }]) => [name, word] as const),
]

function AlertList() {
  useTitle('Alerts')
  const { values, given, set } = useAddressFilter(FILTERS)
  const query = useAlerts(given)
  const kinds = useAlertKinds()
  useListKeys('[data-alert-link]')
  return (
    <>
      <h1 className="text-xl font-semibold tracking-tight">Alerts</h1>
      <Standing />
      <search aria-label="Filter of alerts" className="my-3 grid grid-cols-1 gap-3 sm:grid-cols-3">
        <Choice label="State" value={values.state} options={STATES} onChange={(state) => set({ state })} />
        <Choice
          label="Severity"
          value={values.severity}
          options={SEVERITIES}
          onChange={(severity) => set({ severity })}
        />
        <Choice
          label="Kind"
          value={values.kind}
          options={[['', 'Every kind'], ...kinds.map((kind) => [kind, kind] as const)]}
          onChange={(kind) => set({ kind })}
        />
      </search>
      <div className="card">
        <Loaded query={query} what="alerts">
          {({ pages }) => (
            <Rows
              rows={pages.flatMap(({ alerts }) => alerts)}
              filtered={Object.values(given).some((value) => value !== 'all')}
            />
          )}
        </Loaded>
      </div>
      {query.hasNextPage ? (
        <div className="mt-3 flex justify-center">
          <Button onClick={() => void query.fetchNextPage()} aria-disabled={query.isFetchingNextPage}>
            {query.isFetchingNextPage ? 'Loading…' : 'Older alerts'}
          </Button>
        </div>
      ) : null}
    </>
  )
}

/** Whether anybody evaluates, and when it was done last: no alert is good news only then. */
function Standing() {
  const { data } = useAlertSummary()
  if (!data) return null
  if (data.blind !== null) {
    return (
      <p role="status" className="mt-1 flex items-center gap-2 rounded-md bg-bad-soft px-3 py-2 text-sm text-bad">
        <Icon name="warning" />
        <span>
          <strong>Nobody looks for alerts:</strong> {data.blind}. No alert does not mean that nothing is wrong.
        </span>
      </p>
    )
  }
  return (
    <p className="text-sm text-muted">
      {openWords(data)}
      {data.evaluated_at === null ? (
        'not looked for yet'
      ) : (
        <>
          looked for <Age at={data.evaluated_at} />
        </>
      )}
      .
    </p>
  )
}

function openWords({ open, silenced }: AlertSummaryView): string {
  return `${open.page} to page, ${count(open.ticket, 'ticket')}, ${open.info} for information, ${silenced} silenced; `
}

function Rows({ rows, filtered }: { rows: readonly AlertView[]; filtered: boolean }) {
  if (rows.length > 0) return <Table label="Alerts" columns={COLUMNS} rows={rows} rowKey={(row) => row.id} />
  if (filtered) return <Empty title="No such alert">A wider filter shows more.</Empty>
  return (
    <Empty title="No alert is open" icon="check">
      What must not happen is looked for all the time; whatever is found is listed here.
    </Empty>
  )
}

const COLUMNS: readonly Column<AlertView>[] = [
  { name: 'State', cell: (row) => <State phrase={ALERT_STATE[row.state]} /> },
  { name: 'Severity', cell: (row) => <State phrase={ALERT_SEVERITY[row.severity]} /> },
  {
    name: 'What is wrong',
    cell: (row) => (
      <span className="breakable">
        <Link data-alert-link className="link font-semibold" to={paths.alert(row.id)}>
          {capital(row.title)}
        </Link>
        <code className="block text-2xs text-muted">{row.kind}</code>
      </span>
    ),
  },
  { name: 'Workflow', cell: (row) => row.workflow ?? <span className="text-muted">none</span> },
  {
    name: 'Holds',
    cell: (row) => (row.holds ? <strong>still holds</strong> : <span className="text-muted">gone</span>),
  },
  { name: 'Found', num: true, cell: (row) => count(row.count, 'time') },
  { name: 'Opened', num: true, cell: (row) => <Age at={row.opened_at} /> },
  { name: 'Last seen', num: true, cell: (row) => <Age at={row.last_seen_at} /> },
]

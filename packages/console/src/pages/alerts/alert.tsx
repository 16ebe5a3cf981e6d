import type { AlertDetailView, AlertEventView, AlertInputsView } from '@signalbox/protocol'
import type { ReactNode } from 'react'
import { Link } from 'react-router'
import { useAlert } from '../../api/alerts.ts'
import { hasCode } from '../../api/problem.ts'
import { capital, duration, shortId } from '../../lib/format.ts'
import { useTitle } from '../../lib/hooks.ts'
import { ALERT_SEVERITY, ALERT_STATE, count } from '../../lib/words.ts'
import { paths } from '../../paths.ts'
import { Badge, Card, Facts } from '../../ui/basics.tsx'
import { Icon } from '../../ui/icon.tsx'
import { RecordLink } from '../../ui/record-link.tsx'
import { Empty, Loaded } from '../../ui/states.tsx'
import { Table } from '../../ui/table.tsx'
import { Age, Clock } from '../../ui/time.tsx'
import { AlertActs } from './acts.tsx'

/** One alert: what is wrong, what was seen, the records behind it, what to do, and everything that happened to it. */
export function OneAlert({ id }: { id: string }) {
  useTitle(`Alert ${shortId(id)}`)
  const query = useAlert(id)
  return (
    <>
      <Link to={paths.alerts()} className="link mb-3 inline-flex items-center gap-1 text-sm">
        <Icon name="back" /> Alerts
      </Link>
      {query.data === undefined && hasCode(query.error, 'NOT_FOUND') ? (
        <div className="card">
          <h1 className="sr-only">Alert not found</h1>
          <Empty title="There is no such alert" icon="question">
            No alert with the id <code className="breakable">{id}</code> is stored for your tenant.
          </Empty>
        </div>
      ) : (
        <Loaded query={query} what="the alert">
          {(alert) => <Alert alert={alert} />}
        </Loaded>
      )}
    </>
  )
}

function Alert({ alert }: { alert: AlertDetailView }) {
  return (
    <div className="flex flex-col gap-4">
      <header className="card px-4 py-4 sm:px-5">
        <div className="flex flex-wrap items-center gap-2">
          <Badge phrase={ALERT_STATE[alert.state]} />
          <Badge phrase={ALERT_SEVERITY[alert.severity]} />
          <span className="text-xs text-muted">
            opened <Age at={alert.opened_at} />, last seen <Age at={alert.last_seen_at} />,{' '}
            {alert.holds ? 'still holds' : 'gone at the last look'}
          </span>
        </div>
        <h1 className="untrusted mt-1.5 text-xl font-semibold tracking-tight">{capital(alert.title)}</h1>
        <p className="mt-1 text-sm text-muted">Looks at {alert.about}.</p>
        <AlertActs alert={alert} />
      </header>
      <div className="grid items-start gap-4 lg:grid-cols-2">
        <Runs alert={alert} />
        <About alert={alert} />
        <Inputs title="What opened it" inputs={alert.inputs} />
        <Inputs title="What was seen last" inputs={alert.latest} />
      </div>
      <History events={alert.events} />
    </div>
  )
}

/** The runs behind it, each with its explanation and its newest record. */
function Runs({ alert: { latest, inputs } }: { alert: AlertDetailView }) {
  const refs = [...latest.refs, ...inputs.refs]
  const named = [latest.values.run, inputs.values.run].filter((run) => typeof run === 'string')
  const runs = [...new Set([...refs.map((each) => each.run_id), ...named])]
  const seqsOf = (run: string) => [...new Set(refs.filter((each) => each.run_id === run).map((each) => each.seq))]
  return (
    <Card title="Runs behind it">
      {runs.length === 0 ? (
        <p className="text-sm text-muted">None: it is about the server, not about a run.</p>
      ) : (
        <ul className="flex flex-col gap-2 text-sm">
          {runs.map((run) => (
            <li key={run} className="flex flex-wrap items-center gap-x-3 gap-y-0.5">
              <Link className="link font-semibold breakable" to={paths.explain(run)}>
                Explain run <span className="font-mono">{run}</span>
              </Link>
              <span className="flex flex-wrap gap-x-1.5 text-xs text-muted">
                {seqsOf(run).map((seq) => (
                  <RecordLink key={seq} run={run} seq={seq} />
                ))}
              </span>
            </li>
          ))}
        </ul>
      )}
    </Card>
  )
}

function About({ alert }: { alert: AlertDetailView }) {
  const { kill_switch: thrown, silenced_until: until } = alert
  const rows: [string, ReactNode][] = [
    ['Runbook', <code key="r">{alert.runbook}</code>],
    ['In the terminal', <code key="t">signalbox alerts show {alert.id}</code>],
    ['Kind', <code key="k">{alert.kind}</code>],
    ['About', <code key="a">{alert.key}</code>],
    ['Workflow', alert.workflow ?? 'none'],
    ...Object.entries(alert.labels).map(([name, value]): [string, ReactNode] => [capital(name), value]),
    ['Found', `${count(alert.count, 'time')}, opened ${count(alert.openings, 'time')}`],
  ]
  if (alert.acknowledged_by) rows.push(['Taken up by', alert.acknowledged_by])
  if (alert.state === 'silenced' && until) rows.push(['Silenced until', <Clock key="u" at={until} />])
  if (alert.resolved_by) rows.push(['Resolved by', alert.resolved_by])
  if (alert.escalated_at) rows.push(['Told again', <Age key="e" at={alert.escalated_at} />])
  if (thrown)
    rows.push([
      'Kill switch',
      <span key="s">
        {
          { wanted: 'is being thrown', thrown: 'was thrown', held_back: 'not thrown: one as strict stands' }[
            thrown.state
          ]
        }{' '}
        by rule {thrown.rule},{' '}
        <Link className="link" to={paths.killSwitches()}>
          look
        </Link>
      </span>,
    ])
  return (
    <Card title="What to do, and what it is about">
      <Facts rows={rows} />
    </Card>
  )
}

function Inputs({ title, inputs }: { title: string; inputs: AlertInputsView }) {
  const window = inputs.window_seconds === null ? 'that moment' : `the last ${duration(inputs.window_seconds * 1000)}`
  return (
    <Card title={title}>
      <Facts
        rows={[
          ['Seen', <Clock key="at" at={inputs.at} />],
          ['Looked at', window],
          ...Object.entries(inputs.values).map(
            ([name, value]) => [capital(words(name)), <Value key={name} {...{ name, value }} />] as const,
          ),
          ...Object.entries(inputs.limits).map(([name, value]) => [`Limit ${words(name)}`, String(value)] as const),
          ['Evaluation', `version ${inputs.version}`],
        ]}
      />
    </Card>
  )
}

function Value({ name, value }: { name: string; value: AlertInputsView['values'][string] }) {
  const text = String(value ?? 'none')
  if (name === 'run')
    return (
      <Link to={paths.explain(text)} className="link font-mono text-xs">
        {text}
      </Link>
    )
  if (name === 'approval')
    return (
      <Link to={paths.approval(text)} className="link font-mono text-xs">
        {text}
      </Link>
    )
  return <span className="untrusted">{text}</span>
}

/** `oldest_seconds` and `olderThanSeconds` as words. */
function words(name: string): string {
  return name.replaceAll('_', ' ').replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
}

const WHAT: Record<AlertEventView['kind'], string> = {
  opened: 'Opened',
  reopened: 'Opened again',
  escalated: 'Told again, nobody had taken it up',
  acknowledged: 'Acknowledged',
  silenced: 'Silenced',
  resolved: 'Resolved',
  switch_thrown: 'Kill switch thrown',
  switch_held_back: 'Kill switch held back',
}

function History({ events }: { events: readonly AlertEventView[] }) {
  return (
    <Card title="History" flush>
      <Table
        label="History"
        rows={events}
        rowKey={(row) => String(row.seq)}
        columns={[
          { name: 'When', cell: (row) => <Clock at={row.at} /> },
          { name: 'What', cell: (row) => WHAT[row.kind] },
          { name: 'By', cell: (row) => <span className="breakable">{row.by}</span> },
          {
            name: 'Reason',
            cell: (row) => <span className="untrusted">{row.reason || 'none given'}</span>,
          },
          {
            name: 'Until',
            cell: (row) => (row.until ? <Clock at={row.until} /> : <span className="text-muted">no end</span>),
          },
          { name: 'Entry', num: true, cell: (row) => `#${row.seq}` },
        ]}
      />
    </Card>
  )
}

import type { RequestSummary, RunStatusView, RunSummary } from '@signalbox/protocol'
import { useId, useMemo, useState } from 'react'
import { Link, useSearchParams } from 'react-router'
import { useApprovals, useQuestions, useRuns } from '../api/queries.ts'
import { dollars, shortId } from '../lib/format.ts'
import { useTitle } from '../lib/hooks.ts'
import { useListKeys } from '../lib/list-keys.ts'
import { count, RUN_STATUS } from '../lib/words.ts'
import { paths } from '../paths.ts'
import { Badge, Button } from '../ui/basics.tsx'
import { Icon } from '../ui/icon.tsx'
import { Empty, Loaded } from '../ui/states.tsx'
import { type Column, Table } from '../ui/table.tsx'
import { Age } from '../ui/time.tsx'

/** Groups of states that people filter by. */
const FILTERS = {
  all: { label: 'All', statuses: [] },
  active: { label: 'Active', statuses: ['queued', 'running', 'waiting', 'parked', 'stopping'] },
  waiting: { label: 'Waiting', statuses: ['waiting'] },
  parked: { label: 'Parked', statuses: ['parked'] },
  completed: { label: 'Completed', statuses: ['completed'] },
  ended: { label: 'Stopped or cancelled', statuses: ['stopped', 'cancelled', 'terminated'] },
} as const satisfies Record<string, { label: string; statuses: readonly RunStatusView[] }>
type Filter = keyof typeof FILTERS

/** All runs of the tenant: state, for whom, age, cost, and what each waits for. */
export function RunsPage() {
  useTitle('Runs')
  const [params, setParams] = useSearchParams()
  const named = params.get('status') ?? 'all'
  const filter = Object.hasOwn(FILTERS, named) ? (named as Filter) : 'all' // an own key of the table
  const [text, setText] = useState('')
  const query = useRuns(FILTERS[filter].statuses)
  useListKeys('[data-run-link]')
  return (
    <>
      <div className="mb-4 flex flex-wrap items-end justify-between gap-3">
        <h1 className="text-xl font-semibold tracking-tight">Runs</h1>
        <SearchField value={text} onChange={setText} />
      </div>
      <StatusFilter
        value={filter}
        onChange={(next) => setParams(next === 'all' ? {} : { status: next }, { replace: true })}
      />
      <div className="card mt-3">
        <Loaded query={query} what="runs">
          {(data) => (
            <RunsTable
              runs={data.pages.flatMap((page) => page.runs)}
              text={text}
              filtered={filter !== 'all'}
              onClear={() => {
                setText('')
                setParams({}, { replace: true })
              }}
            />
          )}
        </Loaded>
      </div>
      {query.hasNextPage ? (
        <div className="mt-3 flex justify-center">
          <Button onClick={() => void query.fetchNextPage()} aria-disabled={query.isFetchingNextPage}>
            {query.isFetchingNextPage ? 'Loading…' : 'Older runs'}
          </Button>
        </div>
      ) : null}
    </>
  )
}

function SearchField({ value, onChange }: { value: string; onChange: (text: string) => void }) {
  const id = useId()
  return (
    <div className="relative w-full sm:w-72">
      <label htmlFor={id} className="sr-only">
        Filter by id, workflow, person or request
      </label>
      <Icon name="search" className="pointer-events-none absolute top-2.5 left-2.5 text-muted" />
      <input
        id={id}
        type="search"
        className="field pl-8!"
        placeholder="Filter by id, workflow, person"
        value={value}
        onChange={(event) => onChange(event.target.value)}
      />
    </div>
  )
}

function StatusFilter({ value, onChange }: { value: Filter; onChange: (next: Filter) => void }) {
  return (
    <fieldset className="flex flex-wrap gap-1.5">
      <legend className="sr-only">Filter by status</legend>
      {Object.entries(FILTERS).map(([name, { label }]) => (
        <button
          key={name}
          type="button"
          aria-pressed={name === value}
          onClick={() => onChange(name as Filter)} // a key of the table
          className={`rounded-full border px-3 py-0.5 text-sm font-medium ${name === value ? 'border-accent bg-accent-soft text-accent' : 'border-line bg-surface text-muted hover:text-ink'}`}
        >
          {label}
        </button>
      ))}
    </fieldset>
  )
}

/** Whether a run matches what was typed: every word must be found in one of its texts. */
function matches(run: RunSummary, text: string): boolean {
  const hay = [run.run_id, run.workflow, run.version, run.principal, run.request_id, run.code ?? '', run.status]
  const all = hay.join('\n').toLowerCase()
  return text
    .toLowerCase()
    .split(/\s+/)
    .every((word) => all.includes(word))
}

interface RunsTableProps {
  readonly runs: readonly RunSummary[]
  readonly text: string
  readonly filtered: boolean
  readonly onClear: () => void
}

function RunsTable({ runs, text, filtered, onClear }: RunsTableProps) {
  const waits = useWaits()
  const rows = runs.filter((run) => matches(run, text.trim()))
  const columns = useMemo(() => runColumns(waits), [waits])
  if (rows.length === 0) {
    if (!filtered && text.trim() === '') {
      return (
        <Empty title="No runs yet" icon="play">
          Start one in the terminal, such as <code>signalbox run payables --input @invoice.json</code>.
        </Empty>
      )
    }
    return (
      <Empty title="No run matches" icon="search">
        <Button className="mt-2" onClick={onClear}>
          Show all runs
        </Button>
      </Empty>
    )
  }
  return (
    <>
      <p role="status" className="sr-only">
        {count(rows.length, 'run')} shown
      </p>
      <Table label="Runs" columns={columns} rows={rows} rowKey={(run) => run.run_id} />
    </>
  )
}

/** What runs wait for, by run: open approvals and questions. */
function useWaits(): ReadonlyMap<string, readonly RequestSummary[]> {
  const approvals = useApprovals().data?.approvals
  const questions = useQuestions().data?.questions
  return useMemo(() => {
    const open = [...(approvals ?? []), ...(questions ?? [])].filter((each) => each.state === 'open')
    return Map.groupBy(open, (each) => each.run_id)
  }, [approvals, questions])
}

function runColumns(waits: ReadonlyMap<string, readonly RequestSummary[]>): readonly Column<RunSummary>[] {
  return [
    { name: 'Status', cell: (run) => <Badge phrase={RUN_STATUS[run.status]} /> },
    {
      name: 'Run',
      cell: (run) => (
        <Link data-run-link to={paths.run(run.run_id)} className="link font-mono font-semibold" title={run.run_id}>
          {shortId(run.run_id)}
        </Link>
      ),
    },
    {
      name: 'Workflow',
      cell: (run) => (
        <span>
          <span className="font-medium">{run.workflow}</span> <span className="text-muted">{run.version}</span>
        </span>
      ),
    },
    { name: 'Request', cell: (run) => <span className="text-muted breakable">{run.request_id}</span> },
    { name: 'For', cell: (run) => <span className="breakable">{run.principal}</span> },
    { name: 'Waits for', cell: (run) => <WaitsFor run={run} waits={waits.get(run.run_id) ?? []} /> },
    { name: 'Step', num: true, cell: (run) => run.superstep },
    { name: 'Cost', num: true, cell: (run) => dollars(run.cost_nano_usd) },
    { name: 'Started', num: true, cell: (run) => <Age at={run.created_at} /> },
    { name: 'Changed', num: true, cell: (run) => <Age at={run.updated_at} /> },
  ]
}

function WaitsFor({ run, waits }: { run: RunSummary; waits: readonly RequestSummary[] }) {
  const first = waits[0]
  if (first) {
    const to = first.kind === 'question' ? paths.question(first.id) : paths.approval(first.id)
    const what = first.kind === 'question' ? 'answer about' : 'approval of'
    return (
      <span className="breakable">
        <Link to={to} className="link">
          {what} {first.tool}
        </Link>
        {waits.length > 1 ? <span className="text-muted"> and {count(waits.length - 1, 'more', 'more')}</span> : null}
      </span>
    )
  }
  if (run.code) return <code className="text-xs breakable">{run.code}</code>
  if (run.wake_at && run.status === 'waiting') {
    return (
      <span>
        a timer, <time dateTime={run.wake_at}>{new Date(run.wake_at).toLocaleTimeString('en-GB')}</time>
      </span>
    )
  }
  return <span className="text-muted">nothing</span>
}

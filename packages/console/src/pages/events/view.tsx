import type { EventRow } from '@signalbox/protocol'
import { useRef } from 'react'
import { useSearchParams } from 'react-router'
import { rowsOnce, useEvents } from '../../api/record.ts'
import { useAddressFilter } from '../../lib/address.ts'
import { capital, shortId } from '../../lib/format.ts'
import { useKeys, useTitle } from '../../lib/hooks.ts'
import { count } from '../../lib/words.ts'
import { Button } from '../../ui/basics.tsx'
import { Empty, Loaded, StillReading } from '../../ui/states.tsx'
import { Clock } from '../../ui/time.tsx'
import { EVENT_FILTERS, EventFilter, useEventsFilter } from './filter.tsx'
import { RecordPane } from './record.tsx'

/** Records of all runs of the tenant. */
export function EventsPage() {
  useTitle('Events')
  return (
    <>
      <h1 className="mb-3 text-xl font-semibold tracking-tight">Events</h1>
      <EventsView run={null} />
    </>
  )
}

interface Place {
  readonly run: string
  readonly seq: number
}

/** Which record is open, from the address: `at`, and `in` where the list is of all runs. */
function useOpened(run: string | null): readonly [Place | null, (row: Place) => void] {
  const [params, setParams] = useSearchParams()
  const seq = Number(params.get('at') ?? '')
  const of = run ?? params.get('in')
  const opened = of !== null && Number.isSafeInteger(seq) && seq > 0 ? { run: of, seq } : null
  const open = (row: Place) =>
    setParams(
      (before) => {
        const next = new URLSearchParams(before)
        next.set('at', String(row.seq))
        if (run === null) next.set('in', row.run)
        return next
      },
      { replace: opened !== null },
    )
  return [opened, open]
}

/** A list of records, newest first, with a filter, and the one that is open beside it. */
export function EventsView({ run }: { run: string | null }) {
  const filter = useAddressFilter(EVENT_FILTERS)
  const query = useEvents(useEventsFilter(filter, run))
  const [opened, open] = useOpened(run)
  return (
    <>
      <EventFilter filter={filter} run={run} />
      <div className="grid items-start gap-4 lg:grid-cols-[minmax(0,26rem)_minmax(0,1fr)]">
        <div className="card min-w-0 order-last lg:order-none">
          <Loaded query={query} what="events">
            {({ pages }) => (
              <>
                {pages.at(-1)?.complete === false ? <StillReading /> : null}
                <RecordList
                  rows={rowsOnce(pages.flatMap(({ events }) => events))}
                  run={run}
                  opened={opened}
                  onOpen={open}
                />
              </>
            )}
          </Loaded>
          {query.hasNextPage ? (
            <div className="flex justify-center border-t border-line p-2">
              <Button onClick={() => void query.fetchNextPage()} aria-disabled={query.isFetchingNextPage}>
                {query.isFetchingNextPage ? 'Loading…' : 'Older records'}
              </Button>
            </div>
          ) : null}
        </div>
        {opened ? (
          <RecordPane {...opened} onOpen={open} />
        ) : (
          <div className="card hidden lg:block">
            <Empty title="No record is open" icon="search">
              Choose one in the list. The arrow keys, <kbd>j</kbd> and <kbd>k</kbd> go through it.
            </Empty>
          </div>
        )}
      </div>
    </>
  )
}

interface ListProps {
  readonly rows: readonly EventRow[]
  readonly run: string | null
  readonly opened: Place | null
  readonly onOpen: (row: Place) => void
}

/** The rows as buttons. Up and down within the list, `j` and `k` on the page, open the next one. */
function RecordList({ rows, run, opened, onOpen }: ListProps) {
  const list = useRef<HTMLOListElement>(null)
  const at = rows.findIndex((row) => row.run_id === opened?.run && row.seq === opened.seq)
  const move = (by: number) => {
    const place = at < 0 ? (by > 0 ? 0 : rows.length - 1) : Math.min(rows.length - 1, Math.max(0, at + by))
    const row = rows[place]
    if (!row) return
    onOpen({ run: row.run_id, seq: row.seq })
    list.current?.querySelectorAll('button')[place]?.focus()
  }
  useKeys({ j: () => move(1), k: () => move(-1) })
  if (rows.length === 0)
    return (
      <Empty title="No such record">Nothing is on record that the filter lets through. Fewer words show more.</Empty>
    )
  return (
    <>
      <p role="status" className="sr-only">
        {count(rows.length, 'record')} shown
      </p>
      <ol
        ref={list}
        aria-label="Records"
        className="max-h-[70dvh] overflow-y-auto"
        onKeyDown={(event) => {
          if (event.key !== 'ArrowDown' && event.key !== 'ArrowUp') return
          event.preventDefault()
          move(event.key === 'ArrowDown' ? 1 : -1)
        }}
      >
        {rows.map((row, place) => (
          <li key={`${row.run_id}~${row.seq}`} className="border-b border-line last:border-b-0">
            <RecordRow row={row} run={run} current={place === at} onOpen={onOpen} />
          </li>
        ))}
      </ol>
    </>
  )
}

interface RowProps {
  readonly row: EventRow
  readonly run: string | null
  readonly current: boolean
  readonly onOpen: (row: Place) => void
}

function RecordRow({ row, run, current, onOpen }: RowProps) {
  const about = [row.name, row.node === null ? null : `node ${row.node}`, row.actor].filter((each) => each !== null)
  return (
    <button
      type="button"
      aria-current={current ? 'true' : undefined}
      onClick={() => onOpen({ run: row.run_id, seq: row.seq })}
      className="block w-full px-3 py-1.5 text-left text-sm hover:bg-sunken focus-visible:-outline-offset-2 aria-[current=true]:bg-accent-soft"
    >
      <span className="flex flex-wrap items-baseline justify-between gap-x-3">
        <span className="font-mono text-xs font-semibold">
          #{row.seq} {row.type}
        </span>
        <span className="text-xs text-muted">
          <Clock at={row.at} />
        </span>
      </span>
      <span className="block text-xs text-muted breakable">
        {run === null ? `${row.workflow} ${shortId(row.run_id)} · ` : ''}
        {capital(about.join(', ')) || 'the run'}
        {row.code === null ? null : <code className="ml-1.5 text-bad">{row.code}</code>}
      </span>
    </button>
  )
}

import type { RecordView } from '@signalbox/protocol'
import { Link } from 'react-router'
import { hasCode } from '../../api/problem.ts'
import { useRecord } from '../../api/record.ts'
import { paths } from '../../paths.ts'
import { CodeBlock, Facts, GuardedButton } from '../../ui/basics.tsx'
import { RecordLink } from '../../ui/record-link.tsx'
import { Empty, Loaded } from '../../ui/states.tsx'
import { Clock } from '../../ui/time.tsx'

interface PaneProps {
  readonly run: string
  readonly seq: number
  readonly onOpen: (row: { run: string; seq: number }) => void
}

/** One stored record: its place in the chain, what it is part of, and all that is stored of it. */
export function RecordPane({ run, seq, onOpen }: PaneProps) {
  const query = useRecord(run, seq)
  const isLast = query.data?.next === null
  return (
    <section aria-label={`Record ${seq}`} className="card min-w-0">
      <header className="flex flex-wrap items-center justify-between gap-2 border-b border-line px-4 py-2">
        <h2 className="font-mono text-sm font-semibold breakable">
          #{seq} {query.data?.record?.type}
        </h2>
        <div className="flex flex-wrap gap-2">
          <GuardedButton
            showWhy={false}
            blocked={seq <= 1 ? 'It is the first record.' : null}
            onClick={() => onOpen({ run, seq: seq - 1 })}
          >
            Previous record
          </GuardedButton>
          <GuardedButton
            showWhy={false}
            blocked={isLast ? 'It is the last record.' : null}
            onClick={() => onOpen({ run, seq: seq + 1 })}
          >
            Next record
          </GuardedButton>
        </div>
      </header>
      {query.data === undefined && hasCode(query.error, 'RUN_NOT_FOUND') ? (
        <NoRecord run={run} seq={seq} />
      ) : (
        <Loaded query={query} what="the record">
          {({ record, next }) =>
            record === null ? <NoRecord run={run} seq={seq} /> : <OneRecord run={run} record={record} next={next} />
          }
        </Loaded>
      )}
    </section>
  )
}

function NoRecord({ run, seq }: { run: string; seq: number }) {
  return (
    <Empty title="There is no such record" icon="question">
      Run <code className="breakable">{run}</code> has no record #{seq}, or its history was pruned.
    </Empty>
  )
}

interface OneProps {
  readonly run: string
  readonly record: RecordView
  readonly next: RecordView | null
}

function OneRecord({ run, record, next }: OneProps) {
  const { seq } = record
  return (
    <div className="flex flex-col gap-3 px-4 py-3">
      <p className="flex flex-wrap gap-x-4 gap-y-1 text-sm">
        <Link className="link" to={paths.explain(run, seq)}>
          Told in the explanation
        </Link>
        <Link className="link" to={paths.run(run)}>
          The run
        </Link>
        <Link className="link" to={paths.move(run, seq)}>
          Take it up from here
        </Link>
      </p>
      <Facts
        rows={[
          ['Written', <Clock key="at" at={record.at} />],
          ['Run', <code key="run">{run}</code>],
          ['Branch, segment', `${record.branch}, ${record.segment}`],
          [
            'Caused by',
            record.cause === null ? 'nothing before it' : <RecordLink key="c" run={run} seq={record.cause} />,
          ],
          [
            'Hash',
            next ? (
              <span key="hash">
                <code className="text-xs">{next.prev}</code> <span className="text-muted">as record</span>{' '}
                <RecordLink run={run} seq={next.seq} /> <span className="text-muted">holds it</span>
              </span>
            ) : (
              <span key="hash" className="text-muted">
                not held by another record yet: it is the last one
              </span>
            ),
          ],
          [
            'Hash before it',
            seq === 1 ? (
              <span key="prev" className="text-muted">
                none: the chain begins here
              </span>
            ) : (
              <code key="prev" className="text-xs">
                {record.prev}
              </code>
            ),
          ],
        ]}
      />
      <CodeBlock label={`Record ${seq} as it is stored`} text={JSON.stringify(record, null, 2)} />
      <p className="text-xs text-muted">
        Contents are not part of a record: it holds references to them. <code>signalbox audit verify</code> checks the
        chain.
      </p>
    </div>
  )
}

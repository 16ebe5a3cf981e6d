import type { RunDetail } from '@signalbox/protocol'
import { Tabs } from 'radix-ui'
import type { ReactNode } from 'react'
import { Link, useNavigate, useParams } from 'react-router'
import { type Live, useLive } from '../../api/live.ts'
import { hasCode } from '../../api/problem.ts'
import { useRun } from '../../api/queries.ts'
import { shortId } from '../../lib/format.ts'
import { useTitle } from '../../lib/hooks.ts'
import { paths, RUN_VIEWS, type RunView, runViewOf } from '../../paths.ts'
import { Icon } from '../../ui/icon.tsx'
import { Empty, Loaded } from '../../ui/states.tsx'
import { CheckpointsView } from './checkpoints.tsx'
import { ContentView } from './content.tsx'
import { CostView } from './cost.tsx'
import { DecisionsView } from './decisions.tsx'
import { ExplainView } from './explain/view.tsx'
import { EventsView } from '../events/view.tsx'
import { GraphView } from './graph.tsx'
import { RunHeader } from './header.tsx'
import { RunSide } from './side.tsx'
import { TimelineView } from './timeline.tsx'

const LABELS: Record<RunView, string> = {
  timeline: 'Timeline',
  explain: 'Explain',
  events: 'Events',
  graph: 'Graph',
  checkpoints: 'Checkpoints',
  decisions: 'Decisions',
  cost: 'Cost',
  content: 'Input and output',
}

/** Views that need the whole width. */
const WIDE: readonly RunView[] = ['explain', 'events']

/** One run: what state it is in and why, what it did, what it may still use, and from where it can go on. */
export function RunPage() {
  const { runId = '', view } = useParams()
  useTitle(`Run ${shortId(runId)}`)
  const query = useRun(runId)
  const live = useLive(runId, query.data?.run.seq, query.data?.run.status)
  return (
    <>
      <Link to={paths.runs()} className="link mb-3 inline-flex items-center gap-1 text-sm">
        <Icon name="back" /> Runs
      </Link>
      {query.data === undefined && hasCode(query.error, 'RUN_NOT_FOUND') ? (
        <div className="card">
          <h1 className="sr-only">Run not found</h1>
          <Empty title="There is no such run" icon="question">
            Nothing with the id <code className="breakable">{runId}</code> is stored for your tenant.
          </Empty>
        </div>
      ) : (
        <>
          <Loaded query={query} what="the run">
            {(detail) => <Run detail={detail} live={live} view={runViewOf(view)} />}
          </Loaded>
          {/* Of a pruned history the explanation is all that is left. */}
          {query.data === undefined && hasCode(query.error, 'CONTENT_ERASED') ? <ExplainView id={runId} /> : null}
        </>
      )}
    </>
  )
}

function Run({ detail, live, view }: { detail: RunDetail; live: Live; view: RunView }) {
  const navigate = useNavigate()
  const id = detail.run.run_id
  const beside = !WIDE.includes(view)
  const bodies: Record<RunView, () => ReactNode> = {
    timeline: () => <TimelineView detail={detail} live={live} />,
    explain: () => <ExplainView id={id} />,
    events: () => <EventsView run={id} />,
    graph: () => <GraphView detail={detail} />,
    checkpoints: () => <CheckpointsView detail={detail} />,
    decisions: () => <DecisionsView detail={detail} />,
    cost: () => <CostView detail={detail} />,
    content: () => <ContentView detail={detail} />,
  }
  return (
    <>
      <RunHeader detail={detail} live={live} />
      <div className={`mt-4 grid items-start gap-4 ${beside ? 'xl:grid-cols-[minmax(0,1fr)_20rem]' : ''}`}>
        <Tabs.Root
          value={view}
          onValueChange={(next) => navigate(paths.run(id, runViewOf(next)), { replace: true })}
          activationMode="manual"
          className="min-w-0"
        >
          <Tabs.List aria-label="Views of the run" className="mb-3 flex flex-wrap gap-x-1 border-b border-line">
            {RUN_VIEWS.map((name) => (
              <Tabs.Trigger
                key={name}
                value={name}
                className="-mb-px border-b-2 border-transparent px-2.5 py-2 text-sm font-semibold text-muted hover:text-ink data-[state=active]:border-accent data-[state=active]:text-ink"
              >
                {LABELS[name]}
              </Tabs.Trigger>
            ))}
          </Tabs.List>
          {RUN_VIEWS.map((name) => (
            <Tabs.Content key={name} value={name} tabIndex={-1}>
              {bodies[name]()}
            </Tabs.Content>
          ))}
        </Tabs.Root>
        {beside ? <RunSide detail={detail} /> : null}
      </div>
    </>
  )
}

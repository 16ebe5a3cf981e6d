import type { RunDetail, Superstep } from '@signalbox/protocol'
import type { Live } from '../../api/live.ts'
import { capital, dollars, duration } from '../../lib/format.ts'
import { Icon } from '../../ui/icon.tsx'
import { Prose } from '../../ui/prose.tsx'
import { Empty } from '../../ui/states.tsx'
import { Clock } from '../../ui/time.tsx'
import { ActivityRow, childrenOf } from './activity.tsx'
import { FromHere } from './from-here.tsx'

type Milestone = RunDetail['milestones'][number]
type Entry = { readonly at: string; readonly milestone: Milestone } | { readonly at: string; readonly step: Superstep }

/** What happened, in order: supersteps with their activities, and between them starts, waits, parks and restores. */
export function TimelineView({ detail, live }: { detail: RunDetail; live: Live }) {
  const entries = inOrder(detail)
  if (entries.length === 0) {
    return (
      <div className="card">
        <Empty title="Nothing has happened yet" icon="clock">
          The run is {detail.run.status}. It appears here as soon as a worker takes it up.
        </Empty>
      </div>
    )
  }
  return (
    <ol aria-label="Timeline" className="flex flex-col gap-3">
      {entries.map((entry) =>
        'step' in entry ? (
          <li key={`step-${entry.step.branch}-${entry.step.superstep}`}>
            <StepCard step={entry.step} />
          </li>
        ) : (
          <li key={`milestone-${entry.milestone.seq}`}>
            <MilestoneLine milestone={entry.milestone} />
          </li>
        ),
      )}
      <Drafts live={live} />
    </ol>
  )
}

function inOrder(detail: RunDetail): Entry[] {
  const steps = detail.timeline.map((step) => ({ at: step.started_at, step }))
  const milestones = detail.milestones.map((milestone) => ({ at: milestone.at, milestone }))
  // Equal times keep this order: what opened a superstep stands before it.
  return [...milestones, ...steps].sort((a, b) => Date.parse(a.at) - Date.parse(b.at))
}

function MilestoneLine({ milestone }: { milestone: Milestone }) {
  return (
    <div className="flex items-start gap-2 px-4 text-sm text-muted">
      <Icon name="flag" className="mt-1" />
      <span className="untrusted grow">
        <Prose text={capital(milestone.text)} />
      </span>
      <span className="shrink-0 text-xs">
        <FromHere seq={milestone.seq} /> · <Clock at={milestone.at} />
      </span>
    </div>
  )
}

function StepCard({ step }: { step: Superstep }) {
  const own = step.activities.filter((each) => each.parent === null)
  const cost = step.activities.reduce((sum, each) => sum + BigInt(each.cost_nano_usd), 0n)
  const took = step.ended_at ? duration(Date.parse(step.ended_at) - Date.parse(step.started_at)) : null
  const title = `Superstep ${step.superstep}`
  return (
    <section aria-label={step.current ? title : `${title} on branch ${step.branch}`} className="card overflow-clip">
      <header className="flex flex-wrap items-center gap-x-3 gap-y-0.5 border-b border-line bg-sunken px-4 py-2 text-sm">
        <h2 className="font-semibold">{title}</h2>
        <span className="font-mono text-xs breakable">{step.nodes.join(', ')}</span>
        {step.current ? null : (
          <span className="rounded border border-dashed border-line-strong px-1.5 text-2xs font-semibold text-muted">
            branch {step.branch}, left by a restore
          </span>
        )}
        <span className="ml-auto flex flex-wrap gap-x-3 text-xs text-muted tabular-nums">
          <span>{took ? took : 'open'}</span>
          {cost > 0n ? <span>{dollars(cost.toString())}</span> : null}
          {step.checkpoint_seq === null ? (
            <span>no checkpoint yet</span>
          ) : (
            <span>
              checkpoint <FromHere seq={step.checkpoint_seq} />
            </span>
          )}
          {step.save_points.length > 0 ? (
            <span className="flex flex-wrap gap-x-1">
              {step.save_points.length === 1 ? 'save point' : 'save points'}
              {step.save_points.map((point) => (
                <span key={point.seq} title={`${point.node} turn ${point.position}`}>
                  <FromHere seq={point.seq} />
                </span>
              ))}
            </span>
          ) : null}
        </span>
      </header>
      {own.length === 0 ? <p className="px-4 py-2.5 text-sm text-muted">No call left the process.</p> : null}
      <ul aria-label={`Activities of superstep ${step.superstep}`}>
        {own.map((activity) => (
          <ActivityRow key={`${activity.key}-${activity.seq}`} activity={activity} reads={childrenOf(step, activity)} />
        ))}
      </ul>
      {step.notes.map((note) => (
        <p key={note.seq} className="untrusted flex gap-2 border-t border-line px-4 py-2 text-sm text-warn">
          <Icon name="warning" className="mt-0.5" />{' '}
          <span>
            <Prose text={note.text} />
          </span>
        </p>
      ))}
    </section>
  )
}

function Drafts({ live }: { live: Live }) {
  const drafts = Object.entries(live.drafts).filter(([, text]) => text !== '')
  return drafts.map(([ask, text]) => (
    <li key={ask} className="card border-dashed px-4 py-3">
      <p className="eyebrow mb-1">Model is answering · provisional, not stored yet</p>
      <p className="untrusted text-sm">{text}</p>
    </li>
  ))
}

import type { BudgetBar, RunDetail } from '@signalbox/protocol'
import type { ReactNode } from 'react'
import { amount, dollars } from '../../lib/format.ts'
import { BUDGET, rolesOf } from '../../lib/words.ts'
import { Card, Facts } from '../../ui/basics.tsx'
import { Age, Clock } from '../../ui/time.tsx'

/** What is true of the whole run: budgets, cost, for whom, under which rules. */
export function RunSide({ detail }: { detail: RunDetail }) {
  return (
    <aside aria-label="About the run" className="flex min-w-0 flex-col gap-4">
      <Card
        title="Budgets"
        extra={<span className="text-xs text-muted">cost so far {dollars(detail.cost_nano_usd)}</span>}
      >
        <ul className="flex flex-col gap-3">
          {detail.budget.map((bar) => (
            <Budget key={bar.name} bar={bar} />
          ))}
        </ul>
      </Card>
      <AboutCard detail={detail} />
    </aside>
  )
}

const NEAR = 0.8

function Budget({ bar }: { bar: BudgetBar }) {
  const share = Math.min(1, bar.fraction)
  const limit = Number(bar.limit)
  const spent = limit > 0 ? Math.min(1, Number(bar.spent) / limit) : share
  const held = BigInt(bar.held) > 0n
  const tone = bar.fraction >= 1 ? 'bg-bad' : bar.fraction >= NEAR ? 'bg-warn' : 'bg-accent'
  const text = `${amount(bar.spent, bar.unit)} of ${amount(bar.limit, bar.unit)}`
  return (
    <li>
      <div className="mb-1 flex flex-wrap justify-between gap-x-2 text-sm">
        <span>{BUDGET[bar.name]}</span>
        <span className="text-muted tabular-nums">
          {text}
          {bar.fraction >= 1 ? <strong className="text-bad"> used up</strong> : null}
          {bar.fraction >= NEAR && bar.fraction < 1 ? <strong className="text-warn"> nearly used</strong> : null}
        </span>
      </div>
      {/* biome-ignore lint/a11y/useSemanticElements: two bars in one, which `meter` cannot draw */}
      <div
        role="meter"
        aria-label={BUDGET[bar.name]}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={Math.round(share * 100)}
        aria-valuetext={held ? `${text}, ${amount(bar.held, bar.unit)} reserved` : text}
        className="relative h-1.5 overflow-hidden rounded-full bg-sunken ring-1 ring-line ring-inset"
      >
        <div
          className={`absolute inset-y-0 left-0 rounded-full opacity-40 ${tone}`}
          style={{ width: `${share * 100}%` }}
        />
        <div className={`absolute inset-y-0 left-0 rounded-full ${tone}`} style={{ width: `${spent * 100}%` }} />
      </div>
      {held ? (
        <p className="mt-0.5 text-xs text-muted">{amount(bar.held, bar.unit)} reserved for calls under way</p>
      ) : null}
    </li>
  )
}

function AboutCard({ detail }: { detail: RunDetail }) {
  const { run } = detail
  return (
    <Card title="About">
      <Facts
        rows={[
          ['For', `${detail.principal.id} (${rolesOf(detail.principal)})`],
          ['Started', <Clock key="at" at={run.created_at} />],
          ['Changed', <Age key="at" at={run.updated_at} />],
          ['Superstep', run.superstep],
          ['Branch', run.branch === 0 ? '0, never restored' : `${run.branch}, after a restore`],
          ['Worker', run.worker ?? 'none holds it now'],
          ['Mode', detail.mode],
          ['Request id', <Mono key="id" text={run.request_id} />],
          ['Policy bundle', <Mono key="id" text={detail.bundle} />],
          ['Graph', <Mono key="id" text={detail.signature} />],
          ...buildRows(detail.build),
          ['Trace', <Mono key="id" text={detail.trace_id} />],
        ]}
      />
    </Card>
  )
}

/** What it was started with, and where it went on with something else. */
function buildRows(build: RunDetail['build']): [string, ReactNode][] {
  if (!build) return []
  const agents = Object.entries(build.models).map(([agent, model]): [string, ReactNode] => [
    `Agent ${agent}`,
    <Mono key={agent} text={`${model}, prompt ${(build.prompts[agent] ?? '?').slice(0, 12)}`} />,
  ])
  const changes = build.changes.map(({ segment, seq, what }): [string, ReactNode] => [
    `Segment ${segment}`,
    `record ${seq}: ${what}`,
  ])
  return [['Runtime', build.runtime], ...agents, ['Tools', `${Object.keys(build.tools).length} defined`], ...changes]
}

function Mono({ text }: { text: string }) {
  return <span className="font-mono text-xs">{text}</span>
}

import type { Activity, RunCostView, RunDetail } from '@signalbox/protocol'
import { useRunCost, useScripted } from '../../api/queries.ts'
import { dollars, duration, grouped } from '../../lib/format.ts'
import { ScriptedTag } from '../../ui/basics.tsx'
import { Empty } from '../../ui/states.tsx'
import { type Column, Table } from '../../ui/table.tsx'

interface Line {
  readonly name: string
  readonly kind: Activity['kind']
  readonly calls: number
  readonly tokens: number
  readonly latencyMs: number
  readonly nanoUsd: bigint
}

/** Where the money went: one line for each model and tool, dearest first. */
export function CostView({ detail }: { detail: RunDetail }) {
  const scripted = useScripted()
  const lines = costLines(detail.timeline.flatMap((step) => step.activities))
  if (lines.length === 0) {
    return (
      <div className="card">
        <Empty title="No cost yet">Calls appear here with their tokens and price once they are settled.</Empty>
      </div>
    )
  }
  const columns: readonly Column<Line>[] = [
    {
      name: 'Model or tool',
      cell: (line) => (
        <span className="flex flex-wrap items-center gap-x-2">
          <span className="font-mono text-xs font-semibold breakable">{line.name}</span>
          {line.kind === 'model' && scripted(line.name) ? <ScriptedTag /> : null}
        </span>
      ),
    },
    { name: 'Kind', cell: (line) => line.kind },
    { name: 'Calls', num: true, cell: (line) => line.calls },
    { name: 'Tokens', num: true, cell: (line) => grouped(String(line.tokens)) },
    { name: 'Time', num: true, cell: (line) => duration(line.latencyMs) },
    { name: 'Cost', num: true, cell: (line) => dollars(line.nanoUsd.toString()) },
  ]
  return (
    <div className="card">
      <Table
        label="Cost by model and tool"
        columns={columns}
        rows={lines}
        rowKey={(line) => `${line.kind} ${line.name}`}
      />
      <p className="border-t border-line px-4 py-2.5 text-right text-sm">
        Total <strong className="ml-2 tabular-nums">{dollars(detail.cost_nano_usd)}</strong>
      </p>
      <HowItCame detail={detail} />
    </div>
  )
}

/** Estimate against actual, what had to be assumed, and the price tables; nothing while it is not known. */
function HowItCame({ detail }: { detail: RunDetail }) {
  const { data } = useRunCost(detail.run.run_id, detail.run.seq)
  if (!data || data.attempts.length === 0) return null
  const facts: readonly (readonly [string, string])[] = [
    ['Estimate before', dollars(data.total.estimate_nano_usd)],
    ['Actual', dollars(data.total.actual_nano_usd)],
    ['Of which estimated', dollars(data.total.estimated_nano_usd)],
    ...(data.corrected_nano_usd === null ? [] : [['Corrected', dollars(data.corrected_nano_usd)] as const]),
    ['Prices', pricesOf(data)],
  ]
  return (
    <dl className="flex flex-wrap gap-x-6 gap-y-1 border-t border-line px-4 py-2.5 text-sm">
      {facts.map(([name, value]) => (
        <div key={name} className="flex flex-wrap gap-x-2">
          <dt className="text-muted">{name}</dt>
          <dd className="tabular-nums breakable">{value}</dd>
        </div>
      ))}
    </dl>
  )
}

/** Tables and own prices that the calls were settled at, without the rows in them. */
function pricesOf({ attempts }: RunCostView): string {
  const ids = attempts.flatMap(({ price, overlay }) => [price, overlay]).flatMap((id) => id?.split('#')[0] ?? [])
  return [...new Set(ids)].join(', ') || 'not known yet'
}

function costLines(activities: readonly Activity[]): Line[] {
  const groups = Map.groupBy(
    activities.filter((each) => each.kind === 'tool' || each.kind === 'model'),
    (each) => `${each.kind} ${each.name}`,
  )
  const lines = [...groups.values()].flatMap((group): Line[] => {
    const first = group[0]
    if (!first) return []
    return [
      {
        name: first.name,
        kind: first.kind,
        calls: group.length,
        tokens: group.reduce((sum, each) => sum + each.tokens, 0),
        latencyMs: group.reduce((sum, each) => sum + (each.latency_ms ?? 0), 0),
        nanoUsd: group.reduce((sum, each) => sum + BigInt(each.cost_nano_usd), 0n),
      },
    ]
  })
  return lines.sort((a, b) => (a.nanoUsd === b.nanoUsd ? b.latencyMs - a.latencyMs : a.nanoUsd < b.nanoUsd ? 1 : -1))
}

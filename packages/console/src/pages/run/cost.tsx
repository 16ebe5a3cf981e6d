import type { Activity, RunDetail } from '@signalbox/protocol'
import { useScripted } from '../../api/queries.ts'
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
    </div>
  )
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

import type { Graph, RunDetail } from '@signalbox/protocol'
import { useMemo } from 'react'
import { useWorkflows } from '../../api/queries.ts'
import { type NodeRun, nodeRuns, type PlacedArrow, type PlacedNode, place } from '../../lib/graph.ts'
import { NODE_STATE, type Tone } from '../../lib/words.ts'
import { Card, State } from '../../ui/basics.tsx'
import { Empty, Loaded } from '../../ui/states.tsx'
import { type Column, Table } from '../../ui/table.tsx'

/** The workflow's graph, drawn from its definition, with what the run did at each node laid over it. */
export function GraphView({ detail }: { detail: RunDetail }) {
  const query = useWorkflows()
  return (
    <Loaded query={query} what="the workflow">
      {({ workflows }) => {
        const found = workflows.find((one) => one.signature === detail.signature)
        if (found === undefined)
          return (
            <div className="card">
              <Empty title="The graph of this run is not here" icon="question">
                The server has no definition of {detail.run.workflow} {detail.run.version} with this graph.
              </Empty>
            </div>
          )
        return <Overlay graph={found.graph} detail={detail} />
      }}
    </Loaded>
  )
}

const COLUMNS: readonly Column<NodeRun>[] = [
  { name: 'Node', cell: (row) => <span className="font-mono text-xs font-semibold breakable">{row.name}</span> },
  { name: 'State', cell: (row) => <State phrase={NODE_STATE[row.state]} /> },
  { name: 'Supersteps', num: true, cell: (row) => row.times },
]

function Overlay({ graph, detail }: { graph: Graph; detail: RunDetail }) {
  const runs = nodeRuns(graph, detail)
  return (
    <div className="flex flex-col gap-4">
      <Card title={`${detail.run.workflow} ${detail.run.version}`}>
        <Picture graph={graph} runs={runs} name={detail.run.workflow} />
      </Card>
      <div className="card">
        <Table label="Nodes" columns={COLUMNS} rows={runs} rowKey={(row) => row.name} />
      </div>
    </div>
  )
}

const FILL: Record<Tone, string> = {
  ok: 'fill-ok-soft stroke-ok',
  warn: 'fill-warn-soft stroke-warn',
  bad: 'fill-bad-soft stroke-bad',
  info: 'fill-accent-soft stroke-accent',
  idle: 'fill-surface stroke-line-strong',
}
const INK: Record<Tone, string> = {
  ok: 'fill-ok',
  warn: 'fill-warn',
  bad: 'fill-bad',
  info: 'fill-accent',
  idle: 'fill-ink',
}

/** The drawing; the table beside it says the same in words. */
function Picture({ graph, runs, name }: { graph: Graph; runs: readonly NodeRun[]; name: string }) {
  const placed = useMemo(() => place(graph), [graph])
  const byName = new Map(runs.map((run) => [run.name, run]))
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a wide drawing is scrolled by keyboard too
    <section aria-label="Graph" tabIndex={0} className="overflow-x-auto">
      <svg
        role="img"
        aria-label={`Graph of ${name}: ${graph.nodes.length} nodes, states in the table below`}
        width={placed.width}
        height={placed.height}
        viewBox={`0 0 ${placed.width} ${placed.height}`}
        className="mx-auto text-xs"
      >
        <defs>
          <marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">
            <path d="M0 0 L8 4 L0 8 z" className="fill-line-strong" />
          </marker>
        </defs>
        {placed.arrows.map((arrow) => (
          <Way key={arrow.id} arrow={arrow} />
        ))}
        {placed.nodes.map((node) => (
          <Box key={node.name} node={node} run={byName.get(node.name)} />
        ))}
      </svg>
    </section>
  )
}

function Way({ arrow }: { arrow: PlacedArrow }) {
  const path = arrow.points.map(({ x, y }, i) => `${i === 0 ? 'M' : 'L'}${x.toFixed(1)} ${y.toFixed(1)}`).join(' ')
  return (
    <g>
      <path
        d={path}
        markerEnd="url(#arrow)"
        strokeDasharray={arrow.dashed ? '4 3' : undefined}
        className="fill-none stroke-line-strong"
      />
      {arrow.label === '' ? null : (
        <text
          x={arrow.at.x}
          y={arrow.at.y}
          textAnchor="middle"
          dominantBaseline="middle"
          paintOrder="stroke"
          strokeWidth={5}
          className="fill-muted stroke-surface text-2xs"
        >
          {arrow.label}
        </text>
      )}
    </g>
  )
}

const ROUND: Record<string, number> = { end: 20, timer: 20, agent: 10, port: 2 }
const LINE_PX = 16

function Box({ node, run }: { node: PlacedNode; run: NodeRun | undefined }) {
  const phrase = NODE_STATE[run?.state ?? 'untouched']
  const top = node.y - ((node.lines.length - 1) * LINE_PX) / 2
  return (
    <g>
      <rect
        x={node.x - node.width / 2}
        y={node.y - node.height / 2}
        width={node.width}
        height={node.height}
        rx={ROUND[node.kind] ?? 4}
        strokeWidth={run?.state === 'running' || run?.state === 'waiting' ? 2 : 1}
        strokeDasharray={node.kind === 'port' ? '5 3' : undefined}
        className={FILL[phrase.tone]}
      />
      {node.lines.map((line, i) => (
        <text
          // biome-ignore lint/suspicious/noArrayIndexKey: the lines of a label have no other name
          key={i}
          x={node.x}
          y={top + i * LINE_PX}
          textAnchor="middle"
          dominantBaseline="central"
          className={`${i === 0 ? `font-semibold ${INK[phrase.tone]}` : 'fill-muted'}`}
        >
          {line}
        </text>
      ))}
      {run !== undefined && run.times > 1 ? (
        <text
          x={node.x + node.width / 2 - 4}
          y={node.y - node.height / 2 + 9}
          textAnchor="end"
          className="fill-muted text-2xs"
        >
          ×{run.times}
        </text>
      ) : null}
    </g>
  )
}

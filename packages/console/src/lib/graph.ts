import { Graph as Drawing, layout } from '@dagrejs/dagre'
import type { Graph, RunDetail, Superstep } from '@signalbox/protocol'

/** Where a node is with the run. */
export type NodeState = 'running' | 'waiting' | 'done' | 'halted' | 'untouched'

/** What a run did at one node, on its current branch. */
export interface NodeRun {
  readonly name: string
  readonly state: NodeState
  /** Supersteps in which it took part. */
  readonly times: number
}

/** A point of the picture. */
export interface Point {
  readonly x: number
  readonly y: number
}

/** A node with its place; `x` and `y` are its middle. */
export interface PlacedNode extends Point {
  readonly name: string
  readonly kind: string
  readonly lines: readonly string[]
  readonly width: number
  readonly height: number
}

/** An arrow with the points that it goes through. */
export interface PlacedArrow {
  readonly id: string
  readonly points: readonly Point[]
  readonly label: string
  readonly dashed: boolean
  readonly at: Point
}

/** A graph laid out from top to bottom, in pixels. */
export interface Placed {
  readonly width: number
  readonly height: number
  readonly nodes: readonly PlacedNode[]
  readonly arrows: readonly PlacedArrow[]
}

const LETTER = 7.2
const LINE = 16
const PADDING = 12
const LABEL = 6.2
const ENDS = [
  { name: ':input', kind: 'end', lines: ['input'] },
  { name: ':output', kind: 'end', lines: ['output'] },
]

/** Where escalations start; drawn where there are any. */
const BARRIER = { name: ':barrier', kind: 'end', lines: ['any superstep'] }

/** Lays the graph out; the same graph gives the same picture. */
export function place({ nodes, arrows }: Graph): Placed {
  const drawing = new Drawing({ multigraph: true })
  drawing.setGraph({ rankdir: 'TB', nodesep: 28, ranksep: 38, edgesep: 14, marginx: 8, marginy: 8 })
  const escalates = arrows.some(({ from }) => from === BARRIER.name)
  const all = [...ENDS, ...(escalates ? [BARRIER] : []), ...nodes]
  for (const { name, lines } of all) {
    const width = Math.max(...lines.map((line) => line.length), 4) * LETTER + PADDING * 2
    drawing.setNode(name, { width, height: lines.length * LINE + PADDING * 2 })
  }
  arrows.forEach((arrow, i) => {
    const label = { width: arrow.label.length * LABEL + 6, height: 14, labelpos: 'c' }
    drawing.setEdge(arrow.from, arrow.to, label, String(i))
  })
  layout(drawing)
  const { width = 0, height = 0 } = drawing.graph()
  return {
    width,
    height,
    nodes: all.map((node) => {
      const at = drawing.node(node.name)
      return { ...node, x: at.x ?? 0, y: at.y ?? 0, width: at.width, height: at.height }
    }),
    arrows: arrows.map(({ from, to, label, dashed }, i) => {
      const { points = [], x = 0, y = 0 } = drawing.edge(from, to, String(i))
      return { id: String(i), points, label, dashed, at: { x, y } }
    }),
  }
}

/** What the run did at each node of its graph, in the graph's order. */
export function nodeRuns(graph: Graph, detail: RunDetail): readonly NodeRun[] {
  const steps = detail.timeline.filter((step) => step.current)
  const last = steps.at(-1)
  const open = last?.status === 'open' ? last : null
  return graph.nodes.map(({ name }) => {
    const times = steps.filter(({ nodes }) => nodes.includes(name)).length
    return { name, times, state: stateOf(name, times, detail, open) }
  })
}

const ENDED = new Set(['completed', 'stopped', 'cancelled', 'terminated'])

function stateOf(name: string, times: number, detail: RunDetail, open: Superstep | null): NodeState {
  // What lies in a nested workflow is named with the nodes around it.
  const isIn = (node: string | null): boolean => node === name || (node?.startsWith(`${name}/`) ?? false)
  if (detail.open.some(({ kind, tool }) => kind === 'request' && isIn(tool))) return 'waiting'
  if (open?.nodes.includes(name)) {
    const own = open.activities.filter((each) => isIn(each.node))
    if (own.some(({ status }) => status === 'waiting' || status === 'question')) return 'waiting'
    if (ENDED.has(detail.run.status) || detail.run.status === 'parked') return 'halted'
    return 'running'
  }
  return times > 0 ? 'done' : 'untouched'
}

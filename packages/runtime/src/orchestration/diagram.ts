import type { EdgeSpec, NodeSpec, WorkflowSpec } from '../contracts/workflow.ts'
import { escalationsOf } from './termination.ts'

/** Pictures of a workflow. In texts node names are free in labels only; ids are numbers, so that no name is a keyword. */

/** What stands in pictures and is no node; no node can be called so. */
const INPUT = ':input'
const OUTPUT = ':output'
/** Any superstep: escalations start there. */
const BARRIER = ':barrier'

/** A way that messages take. */
export interface Arrow {
  /** A node, `:input`, or `:barrier` for an escalation. */
  readonly from: string
  /** A node, or `:output`. */
  readonly to: string
  /** When it is taken, in a word; empty for always. */
  readonly label: string
  /** True for the ways that are taken when something was rejected or failed. */
  readonly dashed: boolean
}

/** A workflow's graph for somebody who draws it. */
export interface Picture {
  readonly nodes: readonly {
    readonly name: string
    readonly kind: NodeSpec['kind']
    readonly lines: readonly string[]
  }[]
  readonly arrows: readonly Arrow[]
}

/** The graph as nodes, with the lines of their labels, and arrows; `:input` and `:output` are its two ends. */
export function toPicture(spec: WorkflowSpec): Picture {
  const nodes = [...spec.nodes.values()].map((node) => ({ name: node.name, kind: node.kind, lines: labelOf(node) }))
  return { nodes, arrows: arrowsOf(spec) }
}

/** A Mermaid flowchart of the workflow. */
export function toMermaid(spec: WorkflowSpec): string {
  const ids = idsOf(spec)
  const lines = ['flowchart TD', '  input(["input"])']
  for (const node of spec.nodes.values()) lines.push(`  ${ids(node.name)}${mermaidShape(node)}`)
  lines.push('  output(["output"])')
  if (escalates(spec)) lines.push('  barrier(["any superstep"])')
  for (const { from, to, label, dashed } of arrowsOf(spec)) {
    const line = dashed ? '-.->' : '-->'
    lines.push(`  ${ids(from)} ${line}${label === '' ? '' : `|${label}|`} ${ids(to)}`)
  }
  return `${lines.join('\n')}\n`
}

function mermaidShape(node: NodeSpec): string {
  const text = `"${labelOf(node).map(escapeMermaid).join('<br/>')}"`
  if (node.kind === 'agent') return `{{${text}}}`
  if (node.kind === 'timer') return `([${text}])`
  if (node.kind === 'workflow') return `[[${text}]]`
  return node.kind === 'port' ? `[/${text}/]` : `[${text}]`
}

function escapeMermaid(text: string): string {
  return text.replace(/[&"<>#]/g, (char) => `#${char.charCodeAt(0)};`)
}

/** A Graphviz digraph of the workflow. */
export function toDot(spec: WorkflowSpec): string {
  const ids = idsOf(spec)
  const lines = [`digraph ${quote(spec.name)} {`, '  input [shape=oval, label="input"];']
  for (const node of spec.nodes.values()) {
    const shape = { function: 'box', agent: 'hexagon', port: 'parallelogram', timer: 'oval', workflow: 'box3d' }[
      node.kind
    ]
    lines.push(`  ${ids(node.name)} [shape=${shape}, label=${quote(labelOf(node).join('\n'))}];`)
  }
  lines.push('  output [shape=oval, label="output"];')
  if (escalates(spec)) lines.push('  barrier [shape=oval, label="any superstep"];')
  for (const { from, to, label, dashed } of arrowsOf(spec)) {
    const attributes = [label === '' ? '' : `label=${quote(label)}`, dashed ? 'style=dashed' : ''].filter(Boolean)
    lines.push(`  ${ids(from)} -> ${ids(to)}${attributes.length > 0 ? ` [${attributes.join(', ')}]` : ''};`)
  }
  return `${lines.join('\n')}\n}\n`
}

function quote(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&').replaceAll('\n', '\\n')}"`
}

function labelOf(node: NodeSpec): readonly string[] {
  if (node.agent !== null) return [node.name, `agent ${node.agent.name}`, node.agent.model]
  if (node.enters !== undefined) return [node.name, `workflow ${node.enters}`]
  if (node.deadlineSeconds !== null) return [node.name, `answer within ${node.deadlineSeconds} s`]
  if (node.timer) return [node.name, 'until' in node.timer ? 'until a time' : `after ${node.timer.seconds} s`]
  return [node.name, ...[...(node.ports?.keys() ?? [])].map((port) => `asks ${port}`)]
}

function escalates({ termination }: WorkflowSpec): boolean {
  return escalationsOf(termination).length > 0
}

function idsOf(spec: WorkflowSpec): (name: string) => string {
  const ids = new Map([...spec.nodes.keys()].map((name, i) => [name, `n${i}`]))
  ids.set(INPUT, 'input').set(OUTPUT, 'output').set(BARRIER, 'barrier')
  return (name) => ids.get(name) ?? 'unknown'
}

function arrowsOf(spec: WorkflowSpec): readonly Arrow[] {
  const solid = (from: string, to: string, label = ''): Arrow => ({ from, to, label, dashed: false })
  return [
    solid(INPUT, spec.start),
    ...spec.edges.flatMap(edgeArrows),
    ...[...spec.rejected].map(([from, to]): Arrow => ({ from, to, label: 'rejected', dashed: true })),
    ...[...spec.failed].map(([from, to]): Arrow => ({ from, to, label: 'failed', dashed: true })),
    ...spec.outputs.map((name) => solid(name, OUTPUT)),
    ...escalationsOf(spec.termination).map(
      ({ cause, to }): Arrow => ({ from: BARRIER, to, label: cause, dashed: true }),
    ),
  ]
}

function edgeArrows(edge: EdgeSpec): readonly Arrow[] {
  if (edge.kind === 'fan_in') return edge.from.map((from) => ({ from, to: edge.to, label: 'all', dashed: false }))
  const arrow = (to: string, label: string): Arrow => ({ from: edge.from, to, label, dashed: false })
  if (edge.kind === 'multi_selection') return edge.to.map((to) => arrow(to, 'selected'))
  if (edge.kind === 'direct') return [arrow(edge.to, edge.when === null ? '' : 'condition')]
  if (edge.kind === 'fan_out') return edge.to.map((to) => arrow(to, 'each'))
  return edge.cases.map((one, i) => arrow(one.to, one.when === null ? 'default' : `case ${i + 1}`))
}

import type { EdgeSpec, FieldSpec, NodeSpec, WorkflowSpec } from '../contracts/workflow.ts'
import { sourcesOf } from '../contracts/workflow.ts'
import { toMermaid } from './diagram.ts'
import { CONTRACT_QUESTIONS, reviewWorkflow } from './review.ts'

/**
 * The decision record of a workflow as Markdown, written from its definition: contract, superstep boundaries, event
 * model, state ownership, termination and side effects. Equal definitions give equal text, so that a committed record
 * can be compared with the code.
 */
export function decisionRecord(spec: WorkflowSpec): string {
  const review = reviewWorkflow(spec)
  return [
    `# Workflow \`${spec.name}\` ${spec.version}`,
    `Graph \`${spec.signature.slice(0, 16)}\`, state \`${spec.shape.slice(0, 16)}\`. Written from the code; do not edit.`,
    '## Contract',
    contract(spec),
    '## Superstep boundaries',
    BOUNDARIES,
    `\`\`\`mermaid\n${toMermaid(spec)}\`\`\``,
    table(
      ['node', 'kind', 'goes to', 'attempts', 'a save point after'],
      [...spec.nodes.values()].map((node) => nodeRow(spec, node)),
    ),
    '## Event model',
    EVENTS,
    '## State ownership',
    spec.fields.size === 0
      ? 'There is no shared state.'
      : table(['field', 'who may write', 'how writes meet'], [...spec.fields.values()].map(fieldRow)),
    '## Termination',
    'A run ends',
    review.stops.map((line) => `- ${line}`).join('\n'),
    'Its result says which of these it was, with the partial output and what was left undone.',
    '## Side effects',
    review.sideEffects.length === 0
      ? 'No tool changes anything outside.'
      : table(
          ['tool', 'class', 'effect', 'called by', 'when its answer is lost'],
          review.sideEffects.map((one) => [one.tool, one.class, one.effect, one.nodes.join(', '), one.whenLost]),
        ),
    '## Open points',
    list([...review.missing, ...review.doubts]),
  ]
    .join('\n\n')
    .concat('\n')
}

const BOUNDARIES =
  'A checkpoint is written before the first node, after each superstep and for each answer of a port; within an agent a save point after each turn. A run goes on from the last of them, and what was done since is answered from its records.'

const EVENTS =
  'Every step is a record of the run, hash-chained and stored in the transaction of the change it tells of: start and segments, intent and outcome of each call, decisions, approvals, questions about effects, save points, the checkpoint of each superstep, dropped messages, waits, parks and ends. Telemetry is computed from the records. What wants a person is `approval.requested`, `question.asked`, `request.opened` and `run.parked`.'

function contract(spec: WorkflowSpec): string {
  const given = spec.contract
  if (given === null) return 'None is declared.'
  const rows = Object.entries(CONTRACT_QUESTIONS).map(([name, question]) => {
    const answer: unknown = Object.entries(given).find(([key]) => key === name)?.[1]
    return [question, typeof answer === 'string' ? answer : 'not said']
  })
  return table(['question', 'answer'], rows)
}

function modelsOf({ model, fallback = [] }: NonNullable<NodeSpec['agent']>): string {
  return [model, ...fallback].join(', else ')
}

function nodeRow(spec: WorkflowSpec, node: NodeSpec): string[] {
  const to = spec.edges.filter((edge) => sourcesOf(edge).includes(node.name)).map(wayOf)
  if (spec.outputs.includes(node.name)) to.push('output')
  const fallback = spec.rejected.get(node.name)
  if (fallback !== undefined) to.push(`${fallback} when rejected`)
  const failure = spec.failed.get(node.name)
  if (failure !== undefined) to.push(`${failure} when it failed`)
  const asks = [...(node.ports ?? [])].map(
    ([name, port]) => `, asks ${name} and waits ${port.deadlineSeconds} s at most`,
  )
  const kind = node.agent === null ? node.kind : `agent ${node.agent.name} on ${modelsOf(node.agent)}`
  return [
    node.name,
    `${kind}${asks.join('')}`,
    to.join('; '),
    String(node.retry.attempts),
    node.agent !== null ? 'each turn' : node.position ? 'each checkpoint' : 'the superstep',
  ]
}

function wayOf(edge: EdgeSpec): string {
  switch (edge.kind) {
    case 'direct':
      return edge.when === null ? edge.to : `${edge.to} on a condition`
    case 'switch':
      return `one of ${edge.cases.map((one) => one.to).join(', ')}`
    case 'fan_out':
      return `each of ${edge.to.join(', ')}`
    case 'multi_selection':
      return `some of ${edge.to.join(', ')}`
    case 'fan_in':
      return `${edge.to} together with ${edge.from.join(', ')}`
    default:
      return edge satisfies never
  }
}

function fieldRow(field: FieldSpec): string[] {
  const meet = {
    owned: 'the last write of its owner counts',
    appended: 'items are appended in node order',
    reduced: 'folded by its reducer in node order',
  }
  return [field.name, field.owner ?? 'every node', meet[field.kind]]
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map(cell).join(' | ')} |`
  return [line(head), `|${head.map(() => '---').join('|')}|`, ...rows.map(line)].join('\n')
}

/** A cell is one line, and its text does not end it. */
function cell(text: string): string {
  return text.replace(/\s+/g, ' ').replaceAll('|', '\\|')
}

function list(lines: readonly string[]): string {
  return lines.length === 0 ? 'None.' : lines.map((line) => `- ${line}`).join('\n')
}

import { nanoToUsd } from '../base/money.ts'
import type { TerminationSpec } from '../contracts/ending.ts'
import type { ToolSpec } from '../contracts/tool.ts'
import { type NodeSpec, toolsWithin, type WorkflowContract, type WorkflowSpec } from '../contracts/workflow.ts'

/** One tool of the inventory of side effects. */
export interface SideEffect {
  readonly tool: string
  readonly class: string
  readonly effect: 'reversible' | 'irreversible'
  /** The nodes that may call it, in declaration order. */
  readonly nodes: readonly string[]
  /** What becomes of it when its answer is lost. */
  readonly whenLost: string
}

/** What a review board reads of a workflow, derived from its definition. */
export interface Review {
  /** What production does not do without, one sentence each with the fix; empty when it may run there. */
  readonly missing: readonly string[]
  /** What is allowed and deserves a look. */
  readonly doubts: readonly string[]
  readonly sideEffects: readonly SideEffect[]
  /** Everything that ends a run, one line each. */
  readonly stops: readonly string[]
}

/** What each part of the contract answers. */
export const CONTRACT_QUESTIONS: Readonly<Record<keyof WorkflowContract, string>> = {
  objective: 'the one business objective',
  qualityMetric: 'the one measurable metric of quality',
  acceptedBy: 'who accepts or rejects the output',
  escalation: 'the one way of escalation',
  blastRadius: 'what a wrong decision may do at worst',
  adaptivity: 'whether it is mostly deterministic or mostly adaptive',
  parallelSteps: 'which steps run in parallel without conflicts of state',
  sideEffects: 'which actions have side effects and need approval',
  qualityStop: 'what stops a run when quality drops in the middle of it',
}

/** Reads a definition as a review board would. Pure; the same definition gives the same review. */
export function reviewWorkflow(spec: WorkflowSpec): Review {
  const sideEffects = toolsWithin(spec).flatMap((tool) => sideEffect(spec, tool))
  return { missing: missing(spec), doubts: doubts(spec), sideEffects, stops: stops(spec) }
}

function missing(spec: WorkflowSpec): string[] {
  const contract: Partial<WorkflowContract> = spec.contract ?? {}
  // The keys of the table are those of a contract.
  const names = Object.keys(CONTRACT_QUESTIONS) as (keyof WorkflowContract)[]
  // A declared check answers by itself what stops a run whose quality drops.
  const isAnswered = (name: keyof WorkflowContract): boolean =>
    (contract[name] ?? '').trim() !== '' || (name === 'qualityStop' && spec.termination.quality !== null)
  return names
    .filter((name) => !isAnswered(name))
    .map((name) => `\`contract.${name}\` is missing: say ${CONTRACT_QUESTIONS[name]}`)
}

function doubts(spec: WorkflowSpec): string[] {
  const found: string[] = []
  for (const tool of toolsWithin(spec)) {
    if (tool.effect === 'none') continue
    if (tool.effectKey === null)
      found.push(`tool \`${tool.name}\` has no \`effectKey\`: two runs may do the same business act`)
    if (tool.preview === null)
      found.push(
        `tool \`${tool.name}\` has no \`preview\`: an approval of it is denied, because nobody sees what happens`,
      )
    if (tool.reconcile === null && tool.repeat === 'never')
      found.push(`tool \`${tool.name}\` has no \`reconcile\`: each lost answer is put to a person`)
  }
  for (const node of spec.nodes.values())
    if (node.kind === 'function' && node.tools === null && spec.tools.size > 0)
      found.push(`node \`${node.name}\` may call every tool of the workflow; name its own with \`tools\``)
  return found
}

function sideEffect(spec: WorkflowSpec, tool: ToolSpec): SideEffect[] {
  if (tool.effect === 'none') return []
  const { name, effect } = tool
  return [{ tool: name, class: tool.class, effect, nodes: callersOf(spec, tool), whenLost: whenLost(tool) }]
}

/** The nodes that may call a tool; those of nested workflows with the nodes around them, such as `enrich/pay`. */
function callersOf(spec: WorkflowSpec, tool: ToolSpec): readonly string[] {
  const may = (node: NodeSpec, name: string): boolean =>
    node.kind !== 'port' && (node.tools === null || node.tools.includes(name))
  return [...spec.nodes.values()].flatMap((node) => [
    ...(spec.tools.has(tool.name) && may(node, tool.name) ? [node.name] : []),
    ...[...spec.scopes]
      .filter(([name]) => may(node, name))
      .flatMap(([, inner]) => callersOf(inner, tool).map((name) => `${node.name}/${name}`)),
  ])
}

function whenLost(tool: ToolSpec): string {
  const last = tool.repeat === 'same_key_is_harmless' ? 'sent again under the same key' : 'a person decides'
  if (tool.reconcile === null) return last
  return tool.lookup === 'authoritative'
    ? 'looked up; when it did not happen, sent again'
    : `looked up; when that does not tell, ${last}`
}

/** What the termination contract ends. */
function declaredStops({ until, timeoutSeconds, loop, quality, stops: own = [] }: TerminationSpec): string[] {
  const instead = (escalateTo: string | null): string => (escalateTo === null ? '' : `; goes once to \`${escalateTo}\``)
  return [
    ...(until === null ? [] : ['when `termination.until` holds']),
    ...(timeoutSeconds === null ? [] : [`after ${timeoutSeconds} s, waiting included`]),
    ...(loop === null ? [] : [`when the same situation comes about ${loop.repeats} times${instead(loop.escalateTo)}`]),
    ...(quality === null
      ? []
      : [`when \`${quality.name}\` fails ${quality.failures} times in a row${instead(quality.escalateTo)}`]),
    ...own,
  ]
}

function stops(spec: WorkflowSpec): string[] {
  const { budget } = spec
  const lines = [
    `after ${budget.max_turns} turns, ${budget.max_tool_calls} tool calls, ${budget.max_tokens} tokens or ${nanoToUsd(BigInt(budget.max_cost_nano_usd))} US dollars`,
    `after ${budget.max_runtime_seconds} s of active time`,
    `after ${spec.maxSupersteps} supersteps`,
    `when output ${spec.outputs.map((name) => `\`${name}\``).join(' or ')} was reached and nothing is left to do`,
    'when a person cancels or terminates it, or a kill switch stands',
    ...declaredStops(spec.termination),
  ]
  for (const node of spec.nodes.values()) {
    if (node.deadlineSeconds === null) continue
    const fallback = spec.rejected.get(node.name)
    const then = fallback === undefined ? '' : `; goes to \`${fallback}\` instead`
    lines.push(`when nobody answers \`${node.name}\` within ${node.deadlineSeconds} s${then}`)
  }
  return lines
}

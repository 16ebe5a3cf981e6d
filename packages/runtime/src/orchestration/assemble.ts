import { z } from 'zod'
import { type JsonObject, toJsonValue } from '../base/json.ts'
import { usdToNano } from '../base/money.ts'
import type { BudgetLimits } from '../contracts/common.ts'
import { shapeOf } from '../contracts/shape.ts'
import {
  type EdgeSpec,
  type FieldSpec,
  isScopeTool,
  type NodeSpec,
  type Shape,
  type UpgradeStep,
  type WorkflowSpec,
} from '../contracts/workflow.ts'
import { checkFields, checkHeader, checkNodes, checkPorts, checkTools, toolsOf } from './check.ts'
import { checkUpgrades } from './check-upgrades.ts'
import { checkConnected, checkEdges, warnings } from './check-graph.ts'
import { mismatch } from './compatible.ts'
import { type Condition, type Draft, type EdgeDraft, type NodeDraft, targetsOf, type UpgradeDraft } from './draft.ts'
import { agentHandler, functionHandler, timerSpec, workflowHandler } from './handler.ts'
import { REJECTION } from './rejection.ts'
import { sign } from './signature.ts'
import { hasLoop } from './termination.ts'
import { checkTermination, ESCALATED, escalatesTo, terminationSpec } from './termination-draft.ts'
import type { Budget, Validation } from './types.ts'

/** Checks a whole draft and makes the spec of it. `spec` is null exactly when there are errors. */
export function assemble(draft: Draft): Validation & { readonly spec: WorkflowSpec | null } {
  const errors = [
    ...draft.faults,
    ...checkHeader(draft),
    ...checkNodes(draft),
    ...checkFields(draft),
    ...checkTools(draft),
    ...checkPorts(draft),
    ...checkEdges(draft),
    ...checkConnected(draft),
    ...checkUpgrades(draft),
    ...checkTermination(draft),
  ]
  const shapes = shapesOf(draft, errors)
  errors.push(...checkMessages(draft, shapes))
  const found = { errors: [...new Set(errors)], warnings: warnings(draft) }
  return { ...found, spec: found.errors.length === 0 ? specOf(draft, shapes) : null }
}

interface Shapes {
  readonly input: Shape
  readonly output: Shape
  readonly nodes: ReadonlyMap<string, { readonly input: Shape; readonly output: Shape }>
  readonly fields: ReadonlyMap<string, Shape>
}

const ANYTHING: Shape = shapeOf(z.unknown())
const REJECTED: Shape = shapeOf(REJECTION)
const LIST: Shape = shapeOf(z.array(z.unknown()))

/** Shapes of all schemas, one a schema, so that two uses of one schema are seen to be the same. */
function shapesOf(draft: Draft, errors: string[]): Shapes {
  const made = new Map<z.ZodType, Shape>()
  const shape = (schema: z.ZodType, what: string): Shape => {
    const known = made.get(schema)
    if (known) return known
    try {
      // What a schema gives must be JSON that it takes again: messages are stored and read back.
      const given = toJsonValue(z.toJSONSchema(schema, { io: 'output' }), 'the schema')
      const fresh = shapeOf(schema)
      // A JSON Schema document is a JSON object.
      const why = mismatch(given as JsonObject, fresh.json)
      if (why !== null) errors.push(`the schema of ${what} does not take what it gives: ${why}`)
      made.set(schema, fresh)
      return fresh
    } catch (thrown) {
      const why = thrown instanceof Error ? thrown.message : String(thrown)
      errors.push(`the schema of ${what} has a part that JSON cannot carry: ${why}`)
      return ANYTHING
    }
  }
  const nodes = draft.nodes.map((node) => [node.name, nodeShapes(node, shape)] as const)
  const fields = Object.entries(draft.fields).map(
    ([name, field]) => [name, shape(field.schema, `state field \`${name}\``)] as const,
  )
  return {
    input: shape(draft.input, 'the workflow input'),
    output: shape(draft.output, 'the workflow output'),
    nodes: new Map(nodes),
    fields: new Map(fields),
  }
}

function nodeShapes(
  node: NodeDraft,
  shape: (schema: z.ZodType, what: string) => Shape,
): { readonly input: Shape; readonly output: Shape } {
  if (node.kind === 'agent') return node.agent
  if (node.kind === 'port') return { input: node.port.request, output: node.port.response }
  if (node.kind === 'timer') {
    const message = shape(node.message, `the message of timer \`${node.name}\``)
    return { input: message, output: message }
  }
  if (node.kind === 'workflow') {
    const { input, output } = node.tool.workflow
    return { input: node.takes ? shape(node.takes, `what node \`${node.name}\` takes`) : input, output }
  }
  return {
    input: shape(node.input, `the input of node \`${node.name}\``),
    output: shape(node.output, `the output of node \`${node.name}\``),
  }
}

/** Errors where no message of a source can ever fit its target. */
function checkMessages(draft: Draft, shapes: Shapes): string[] {
  const errors: string[] = []
  const check = (from: Shape | undefined, to: Shape | undefined, what: string): void => {
    const why = from && to ? mismatch(from.json, to.json) : null
    if (why !== null) errors.push(`${what} can never fit: ${why}`)
  }
  for (const edge of draft.edges) {
    for (const to of targetsOf(edge)) {
      const target = shapes.nodes.get(to)?.input
      if (edge.kind === 'fan_in') check(LIST, target, `the list of fan-in to \`${to}\``)
      else check(shapes.nodes.get(edge.from)?.output, target, `the message from \`${edge.from}\` to \`${to}\``)
    }
  }
  for (const name of draft.starts)
    check(shapes.input, shapes.nodes.get(name)?.input, `the workflow input to start \`${name}\``)
  for (const name of draft.outputs)
    check(shapes.nodes.get(name)?.output, shapes.output, `the message of output \`${name}\``)
  for (const { from, to } of draft.rejected)
    check(REJECTED, shapes.nodes.get(to)?.input, `the rejection of \`${from}\` to its fallback \`${to}\``)
  for (const { from, to } of draft.failed)
    check(REJECTED, shapes.nodes.get(to)?.input, `the failure of \`${from}\` to \`${to}\``)
  for (const to of escalatesTo(draft)) check(ESCALATED, shapes.nodes.get(to)?.input, `the escalation to \`${to}\``)
  return errors
}

function specOf(draft: Draft, shapes: Shapes): WorkflowSpec {
  const fields = fieldSpecs(draft, shapes)
  const nodes = draft.nodes.map((node) => [node.name, nodeSpec(node, shapes, [...fields.values()])] as const)
  const parts = {
    input: shapes.input,
    output: shapes.output,
    maxSupersteps: draft.maxSupersteps,
    nodes: new Map(nodes),
    edges: draft.edges.map(edgeSpec),
    fields,
    // A draft without errors has exactly one start.
    start: draft.starts.join(),
    outputs: draft.outputs,
    rejected: new Map(draft.rejected.map((one) => [one.from, one.to])),
    failed: new Map(draft.failed.map((one) => [one.from, one.to])),
    tools: new Map(toolsOf(draft).map((tool) => [tool.name, tool.spec])),
    scopes: new Map(toolsOf(draft).flatMap((tool) => (isScopeTool(tool) ? [[tool.name, tool.workflow] as const] : []))),
  }
  const termination = terminationSpec(draft, hasLoop(parts))
  return {
    name: draft.name,
    version: draft.version,
    budget: limitsOf(draft.budget, draft.termination.maxTurns),
    termination,
    contract: draft.contract,
    upgrades: draft.upgrades.map(upgradeStep),
    ...parts,
    ...sign({ name: draft.name, version: draft.version, termination, ...parts }),
  }
}

function upgradeStep(step: UpgradeDraft): UpgradeStep {
  const { from, to, state } = step
  return {
    from,
    to,
    state,
    was: step.was && shapeOf(step.was),
    expect: step.expect && shapeOf(step.expect),
    nodes: new Map(Object.entries(step.nodes)),
    messages: new Map(Object.entries(step.messages)),
  }
}

function fieldSpecs(draft: Draft, shapes: Shapes): ReadonlyMap<string, FieldSpec> {
  const specs = Object.entries(draft.fields).map(([name, field]): [string, FieldSpec] => {
    const { kind, owner, reduce } = field
    return [name, { name, kind, owner, reduce, shape: shapes.fields.get(name) ?? ANYTHING }]
  })
  return new Map(specs)
}

function nodeSpec(node: NodeDraft, shapes: Shapes, fields: readonly FieldSpec[]): NodeSpec {
  const { input, output } = shapes.nodes.get(node.name) ?? { input: ANYTHING, output: ANYTHING }
  const retry = { attempts: 1, ...node.retry, backoffSeconds: node.retry?.backoffSeconds ?? 1 }
  const named = { name: node.name, kind: node.kind, input, output, retry }
  const common = { ...named, ...node.limits, agent: null, deadlineSeconds: null }
  if (node.kind === 'port') return { ...common, tools: [], deadlineSeconds: node.port.deadlineSeconds, run: null }
  if (node.kind === 'timer') return { ...common, tools: [], timer: timerSpec(node, input, fields), run: null }
  if (node.kind === 'agent') {
    const agent = node.agent.spec
    return {
      ...common,
      agent,
      session: node.session,
      tools: [...agent.tools, ...(agent.reads ?? [])],
      run: agentHandler(node, fields),
    }
  }
  if (node.kind === 'workflow') {
    const { name } = node.tool
    return { ...common, tools: [name], enters: name, run: workflowHandler(node, input, fields) }
  }
  const tools = node.tools === null ? null : node.tools.map((tool) => tool.name)
  const asks = asksOf(node)
  return { ...common, ...asks, tools, run: functionHandler(node, { input, output, ...asks }, fields) }
}

/** What a function node asks and saves by itself; left out where there is nothing of it. */
function asksOf({ ports, position }: Extract<NodeDraft, { kind: 'function' }>): Pick<NodeSpec, 'ports' | 'position'> {
  return {
    ...(ports.length > 0 ? { ports: new Map(ports.map((port) => [port.name, port])) } : {}),
    ...(position ? { position: shapeOf(position) } : {}),
  }
}

/** Edge ids are made of names alone, so that the order of declaration does not change them. */
function edgeSpec(edge: EdgeDraft): EdgeSpec {
  if (edge.kind === 'direct') return { ...edge, id: `${edge.from}->${edge.to}` }
  if (edge.kind === 'fan_in') return { ...edge, id: `fan_in:${edge.to}` }
  if (edge.kind !== 'switch') return { ...edge, id: `${edge.kind}:${edge.from}` }
  const cases: { readonly when: Condition | null; readonly to: string }[] = [...edge.cases]
  if (edge.otherwise !== null) cases.push({ when: null, to: edge.otherwise })
  return { kind: edge.kind, id: `switch:${edge.from}`, from: edge.from, cases }
}

function limitsOf(budget: Budget, maxTurns: number | undefined): BudgetLimits {
  return {
    max_turns: Math.min(budget.maxTurns, maxTurns ?? budget.maxTurns),
    max_tool_calls: budget.maxToolCalls,
    max_runtime_seconds: budget.maxRuntimeSeconds,
    max_tokens: budget.maxTokens,
    max_cost_nano_usd: usdToNano(budget.maxCostUsd).toString(),
    ...(budget.warnAtPercent ? { warn_at_percent: budget.warnAtPercent } : {}),
  }
}

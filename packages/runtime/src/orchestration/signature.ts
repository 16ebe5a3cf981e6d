import { sha256Hex } from '../base/hash.ts'
import { canonicalJson, type JsonObject, type JsonValue } from '../base/json.ts'
import type { EdgeSpec, FieldSpec, NodeSpec, WorkflowSpec } from '../contracts/workflow.ts'

/**
 * What makes two builds of a workflow the same graph. The description holds names, schemas, models, prompt hashes and
 * limits. It does not hold code (handlers, conditions, prompts, reducers): a compiler changes their text without
 * changing what they do; a change of code is told by the workflow's version. It does not hold the budget either: a run
 * keeps the budget that it was started with.
 */

/** The parts of a workflow that its description is made of. */
export type Describable = Pick<
  WorkflowSpec,
  'input' | 'output' | 'maxSupersteps' | 'nodes' | 'edges' | 'fields' | 'start' | 'outputs' | 'rejected' | 'tools'
>

/** Description of a workflow with its two hashes. */
export interface Signed {
  readonly description: JsonObject
  /** SHA-256 hex over the graph. */
  readonly signature: string
  /** SHA-256 hex over the state fields. */
  readonly shape: string
}

/** Describes a workflow and hashes its graph and its state apart. Equal definitions give equal hashes in any process. */
export function sign(spec: Describable): Signed {
  const graph = describeGraph(spec)
  const state = Object.fromEntries([...spec.fields.values()].map((field) => [field.name, describeField(field)]))
  return {
    description: { graph, state },
    signature: sha256Hex(canonicalJson(graph)),
    shape: sha256Hex(canonicalJson(state)),
  }
}

function describeGraph(spec: Describable): JsonObject {
  return {
    input: spec.input.json,
    output: spec.output.json,
    max_supersteps: spec.maxSupersteps,
    start: spec.start,
    outputs: [...spec.outputs],
    node_order: [...spec.nodes.keys()],
    nodes: Object.fromEntries([...spec.nodes.values()].map((node) => [node.name, describeNode(node)])),
    edge_order: spec.edges.map((edge) => edge.id),
    edges: Object.fromEntries(spec.edges.map((edge) => [edge.id, describeEdge(edge)])),
    fallbacks: Object.fromEntries(spec.rejected),
    tools: Object.fromEntries([...spec.tools.values()].map((tool) => [tool.name, tool.definitionHash])),
  }
}

function describeNode(node: NodeSpec): JsonObject {
  return {
    kind: node.kind,
    input: node.input.json,
    output: node.output.json,
    retry: { attempts: node.retry.attempts, backoff_seconds: node.retry.backoffSeconds },
    tools: node.tools === null ? null : [...node.tools],
    deadline_seconds: node.deadlineSeconds,
    agent:
      node.agent === null
        ? null
        : {
            name: node.agent.name,
            model: node.agent.model,
            instructions: node.agent.promptHash,
            max_output_tokens: node.agent.maxOutputTokens,
            tools: [...node.agent.tools],
          },
  }
}

function describeEdge(edge: EdgeSpec): JsonObject {
  if (edge.kind === 'direct') return { kind: edge.kind, from: edge.from, to: edge.to, conditional: edge.when !== null }
  if (edge.kind === 'fan_in') return { kind: edge.kind, from: [...edge.from], to: edge.to }
  if (edge.kind !== 'switch') return { kind: edge.kind, from: edge.from, to: [...edge.to] }
  const cases = edge.cases.map((one) => ({ to: one.to, default: one.when === null }))
  return { kind: edge.kind, from: edge.from, cases }
}

function describeField(field: FieldSpec): JsonObject {
  return { kind: field.kind, owner: field.owner, schema: field.shape.json }
}

/** What a part of the description is called in a sentence. */
const WORDS: Readonly<Record<string, string>> = {
  nodes: 'node',
  edges: 'edge',
  tools: 'tool',
  fallbacks: 'fallback of node',
  state: 'state field',
}

/**
 * What changed from one description to another, one sentence each, in a fixed order; empty when nothing did.
 * Unknown parts are compared too, so that a description of an older format shows its differences.
 */
export function describeDifference(before: JsonObject, after: JsonObject): string[] {
  const lines: string[] = []
  compareParts(objectAt(before, 'graph'), objectAt(after, 'graph'), lines)
  compareNamed('state', objectAt(before, 'state'), objectAt(after, 'state'), lines)
  return lines
}

function compareParts(before: JsonObject, after: JsonObject, lines: string[]): void {
  for (const part of keysOf(before, after)) {
    const named = Object.hasOwn(WORDS, part)
    if (named) compareNamed(part, objectAt(before, part), objectAt(after, part), lines)
    else if (part.endsWith('_order')) compareOrder(part, before[part], after[part], lines)
    else compareValue(`\`${part}\``, before[part], after[part], lines)
  }
}

function compareNamed(part: string, before: JsonObject, after: JsonObject, lines: string[]): void {
  const word = WORDS[part] ?? part
  for (const name of keysOf(before, after)) {
    if (!Object.hasOwn(before, name)) lines.push(`${word} \`${name}\` was added`)
    else if (!Object.hasOwn(after, name)) lines.push(`${word} \`${name}\` was removed`)
    else if (part === 'tools') {
      if (before[name] !== after[name]) lines.push(`${word} \`${name}\` is defined differently`)
    } else compareValue(`${word} \`${name}\``, before[name], after[name], lines)
  }
}

/** Order matters only among names that both have; added and removed ones are told elsewhere. */
function compareOrder(
  part: string,
  before: JsonValue | undefined,
  after: JsonValue | undefined,
  lines: string[],
): void {
  const [old, now] = [before, after].map((list) => (Array.isArray(list) ? list.map(String) : []))
  if (!old || !now) return
  const same = (list: readonly string[], other: readonly string[]): string =>
    list.filter((name) => other.includes(name)).join(' ')
  if (same(old, now) !== same(now, old)) lines.push(`the order of the ${part.replace('_order', 's')} changed`)
}

function compareValue(
  where: string,
  before: JsonValue | undefined,
  after: JsonValue | undefined,
  lines: string[],
  path: readonly string[] = [],
): void {
  if (isObject(before) && isObject(after)) {
    for (const key of keysOf(before, after)) compareValue(where, before[key], after[key], lines, [...path, key])
  } else if (text(before) !== text(after)) {
    const place = path.length === 0 ? where : `${where}: \`${path.join('.')}\``
    lines.push(`${place} changed from ${shown(before)} to ${shown(after)}`)
  }
}

function shown(value: JsonValue | undefined): string {
  if (value === undefined) return 'nothing'
  const json = text(value)
  return /^"[0-9a-f]{64}"$/.test(json)
    ? `\`${json.slice(1, 13)}\``
    : `\`${json.length > 120 ? `${json.slice(0, 117)}...` : json}\``
}

function text(value: JsonValue | undefined): string {
  return value === undefined ? '' : canonicalJson(value)
}

function keysOf(a: JsonObject, b: JsonObject): string[] {
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].sort()
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function objectAt(object: JsonObject, key: string): JsonObject {
  const value = object[key]
  return isObject(value) ? value : {}
}

import { sha256Hex } from '../base/hash.ts'
import { canonicalJson, type JsonObject } from '../base/json.ts'
import type { DefinitionRef } from '../contracts/checkpoint.ts'
import type { TerminationSpec } from '../contracts/ending.ts'
import type { EdgeSpec, FieldSpec, NodeSpec, PortSpec, RetryPolicy, WorkflowSpec } from '../contracts/workflow.ts'

/**
 * What makes two builds of a workflow the same graph. The description holds names, schemas, models, prompt hashes and
 * limits. It does not hold code (handlers, conditions, prompts, reducers): a compiler changes their text without
 * changing what they do; a change of code is told by the workflow's version. It does not hold the budget either: a run
 * keeps the budget that it was started with.
 */

/** The parts of a workflow that its description is made of. */
export type Describable = Pick<
  WorkflowSpec,
  | 'name'
  | 'version'
  | 'input'
  | 'output'
  | 'maxSupersteps'
  | 'nodes'
  | 'edges'
  | 'fields'
  | 'start'
  | 'outputs'
  | 'rejected'
  | 'failed'
  | 'termination'
  | 'tools'
  | 'scopes'
>

/** Description of a workflow with its two hashes. */
export interface Signed {
  readonly description: JsonObject
  /** SHA-256 hex over the graph. */
  readonly signature: string
  /** SHA-256 hex over the state fields. */
  readonly shape: string
  /** SHA-256 hex over name, version, signature and shape. */
  readonly definition: string
}

/** Describes a workflow and hashes its graph and its state apart. Equal definitions give equal hashes in any process. */
export function sign(spec: Describable): Signed {
  const graph = describeGraph(spec)
  const state = Object.fromEntries([...spec.fields.values()].map((field) => [field.name, describeField(field)]))
  const [signature, shape] = [sha256Hex(canonicalJson(graph)), sha256Hex(canonicalJson(state))]
  return {
    description: { graph, state },
    signature,
    shape,
    definition: definitionId(spec.name, { version: spec.version, signature, shape }),
  }
}

/** SHA-256 hex over name, version, graph and state of a workflow: one definition, one id, in any process. */
export function definitionId(name: string, { version, signature, shape }: DefinitionRef): string {
  return sha256Hex(canonicalJson({ name, version, signature, shape }))
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
    ...(spec.failed.size > 0 ? { failure_fallbacks: Object.fromEntries(spec.failed) } : {}),
    tools: Object.fromEntries([...spec.tools.values()].map((tool) => [tool.name, tool.definitionHash])),
    // Left out where there is none, so that other graphs keep the signature that they had.
    ...(spec.scopes.size > 0
      ? { scopes: Object.fromEntries([...spec.scopes].map(([name, inner]) => [name, inner.description])) }
      : {}),
    ...describeTermination(spec.termination),
  }
}

/** What is not declared is left out: a definition without it keeps its signature. */
function describeRetry({ attempts, backoffSeconds, factor, maxBackoffSeconds, on, except }: RetryPolicy): JsonObject {
  return {
    attempts,
    backoff_seconds: backoffSeconds,
    ...(factor === undefined ? {} : { factor }),
    ...(maxBackoffSeconds === undefined ? {} : { max_backoff_seconds: maxBackoffSeconds }),
    ...(on === undefined ? {} : { on: on.toSorted() }),
    ...(except === undefined ? {} : { except: except.toSorted() }),
  }
}

/** What the workflow itself declares: the detector that every loop has is a matter of the runtime, not of the graph. */
function describeTermination({ until, timeoutSeconds, loop, quality, stops }: TerminationSpec): JsonObject {
  const declared: JsonObject = {
    ...(until === null ? {} : { until: true }),
    ...(timeoutSeconds === null ? {} : { timeout_seconds: timeoutSeconds }),
    ...(loop?.declared
      ? { loop: { repeats: loop.repeats, window: loop.window, of: loop.of !== null, escalate_to: loop.escalateTo } }
      : {}),
    ...(quality === null
      ? {}
      : { quality: { name: quality.name, failures: quality.failures, escalate_to: quality.escalateTo } }),
    ...(stops ? { stops: [...stops] } : {}),
  }
  return Object.keys(declared).length > 0 ? { termination: declared } : {}
}

function describeNode(node: NodeSpec): JsonObject {
  return {
    kind: node.kind,
    input: node.input.json,
    output: node.output.json,
    retry: describeRetry(node.retry),
    ...(node.timeoutSeconds === undefined ? {} : { timeout_seconds: node.timeoutSeconds }),
    ...(node.idleTimeoutSeconds === undefined ? {} : { idle_timeout_seconds: node.idleTimeoutSeconds }),
    tools: node.tools === null ? null : [...node.tools],
    deadline_seconds: node.deadlineSeconds,
    ...(node.timer ? { timer: 'until' in node.timer ? { until: true } : { seconds: node.timer.seconds } } : {}),
    // Only what is not the default: definitions of earlier versions keep their hashes.
    ...(node.session === 'kept' ? { session: node.session } : {}),
    ...(node.enters === undefined ? {} : { enters: node.enters }),
    ...(node.ports
      ? { ports: Object.fromEntries([...node.ports].map(([name, port]) => [name, describePort(port)])) }
      : {}),
    ...(node.position ? { position: node.position.json } : {}),
    agent:
      node.agent === null
        ? null
        : {
            name: node.agent.name,
            model: node.agent.model,
            ...(node.agent.fallback ? { fallback: [...node.agent.fallback] } : {}),
            instructions: node.agent.promptHash,
            max_output_tokens: node.agent.maxOutputTokens,
            tools: [...node.agent.tools],
          },
  }
}

function describePort({ request, response, deadlineSeconds }: PortSpec): JsonObject {
  return { request: request.json, response: response.json, deadline_seconds: deadlineSeconds }
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

import type { ToolSpec } from '../contracts/tool.ts'
import type { NodeSpec, WorkflowSpec } from '../contracts/workflow.ts'
import { sign } from './signature.ts'
import { NO_TERMINATION } from './termination.ts'

/** What is particular about a workflow of one node. */
export interface OneNode {
  readonly name: string
  readonly node: NodeSpec
  readonly tools: ReadonlyMap<string, ToolSpec>
  readonly budget: WorkflowSpec['budget']
  readonly maxSupersteps: number
  /** Default: it enters none. */
  readonly scopes?: WorkflowSpec['scopes']
}

/** The signed spec of a workflow of version 1.0.0 whose one node takes its input and gives its output. */
export function oneNodeSpec({ name, node, tools, budget, maxSupersteps, scopes = new Map() }: OneNode): WorkflowSpec {
  const parts = {
    input: node.input,
    output: node.output,
    maxSupersteps,
    nodes: new Map([[node.name, node]]),
    edges: [],
    fields: new Map(),
    start: node.name,
    outputs: [node.name],
    rejected: new Map(),
    failed: new Map(),
    termination: NO_TERMINATION,
    tools,
    scopes,
  }
  const named = { name, version: '1.0.0' }
  return { ...named, budget, contract: null, upgrades: [], ...parts, ...sign({ ...named, ...parts }) }
}

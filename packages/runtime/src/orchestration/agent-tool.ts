import { z } from 'zod'
import { SignalboxError } from '../base/errors.ts'
import { shapeOf } from '../contracts/shape.ts'
import type { Preview } from '../contracts/tool.ts'
import {
  type Agent,
  type AgentSpec,
  isScopeTool,
  type NodeSpec,
  type ScopeTool,
  type WorkflowSpec,
} from '../contracts/workflow.ts'
import { agentHandler, enterWorkflow } from './handler.ts'
import { type OwnBudget, workflowTool } from './scope-tool.ts'
import { oneNodeSpec } from './one-node.ts'
import type { Workflow } from './types.ts'

/** How an agent becomes a tool of another. */
export interface AgentToolDef<I extends z.ZodType> {
  /** Name in the policy catalogue, such as `agents.clerk`. */
  readonly name: string
  /** What policy speaks about, such as `agents.call`. */
  readonly class: string
  /** Said to the model that may call it. */
  readonly description: string
  /** What the call takes; an object where a model calls it. */
  readonly input: I
  /** The prompt of the agent. Pure. */
  readonly prompt: (args: z.output<I>) => string
  /** What a reviewer sees where policy asks a person before the agent is called. Pure. */
  readonly preview?: (args: z.output<I>) => Preview
  /** What a call of it may use of the run's budget. Default: as much as the run has. */
  readonly budget?: OwnBudget
}

/** Limits that never bind: what an agent may spend as a tool is what the run has. */
const AS_THE_RUN: WorkflowSpec['budget'] = {
  max_turns: Number.MAX_SAFE_INTEGER,
  max_tool_calls: Number.MAX_SAFE_INTEGER,
  max_runtime_seconds: Number.MAX_SAFE_INTEGER,
  max_tokens: Number.MAX_SAFE_INTEGER,
  max_cost_nano_usd: String(Number.MAX_SAFE_INTEGER),
}

/**
 * Makes an agent a tool: a call runs it as a nested scope of the run (ENGINE R20), through the one door. Its model and tool
 * calls are decided, approved, budgeted and recorded by themselves, and its effects keep their identity; calling it is
 * decided under `name` and `class`. Throws CONFIG_INVALID.
 */
export function agentTool<I extends z.ZodType, O>(
  agent: Agent<never, O>,
  def: AgentToolDef<I>,
): ScopeTool<z.output<I>, O> {
  const { name, class: toolClass, description, preview, budget } = def
  const spec = scopeOfAgent(agent, def)
  const scope: Workflow<z.output<I>, O> = { name: spec.name, version: spec.version, spec }
  return workflowTool(scope, {
    ...{ name, class: toolClass, description },
    ...(preview ? { preview } : {}),
    ...(budget ? { budget } : {}),
  })
}

/** A workflow of one node that is the agent. */
function scopeOfAgent<I extends z.ZodType>(agent: Agent<never, unknown>, def: AgentToolDef<I>): WorkflowSpec {
  const input = shapeOf(def.input)
  // The prompt is made of what `input` has checked.
  const prompt = def.prompt as (args: unknown) => string
  const draft = {
    kind: 'agent',
    name: 'agent',
    retry: null,
    agent: { ...agent, input },
    prompt,
    done: null,
    session: 'fresh',
  } as const
  const node: NodeSpec = {
    name: 'agent',
    kind: 'agent',
    input,
    output: agent.output,
    retry: { attempts: 1, backoffSeconds: 1 },
    tools: agent.spec.tools,
    agent: agent.spec,
    deadlineSeconds: null,
    run: agentHandler(draft, []),
  }
  const tools = new Map(agent.tools.map((tool) => [tool.name, tool.spec]))
  const scopes = new Map(
    agent.tools.flatMap((tool) => (isScopeTool(tool) ? [[tool.name, tool.workflow] as const] : [])),
  )
  return oneNodeSpec({ name: agent.name, node, tools, scopes, budget: AS_THE_RUN, maxSupersteps: 1 })
}

/** How a workflow stands where an agent can. */
export interface AsAgentDef<I> {
  /** Name that policy and patterns know it by. Default: the workflow's. */
  readonly name?: string
  /** The workflow's input, made of the prompt. Pure. */
  readonly input: (prompt: string) => I
  /** How entering it is called in the policy catalogue. Default: as a node of this workflow would be. */
  readonly tool?: ScopeTool<I, unknown>
}

/**
 * Makes a workflow an agent: it can stand wherever an agent can, as a node or as a participant of a pattern. Each call runs
 * it as a nested scope of the run, with its own state and the run's budget (ENGINE R20). It takes the prompt as text and
 * answers with the workflow's output. Throws CONFIG_INVALID for a name that is not lower-case letters, digits and -.
 */
export function asAgent<I, O>(nested: Workflow<I, O>, def: AsAgentDef<I>): Agent<string, O> {
  const { name = nested.name, input, tool = workflowTool(nested) } = def
  if (!/^[a-z][a-z0-9-]*$/.test(name))
    throw new SignalboxError('CONFIG_INVALID', `agent \`${name}\`: \`name\` must be lower-case letters, digits and -`)
  const spec: AgentSpec = {
    name,
    model: `workflow/${nested.name}`,
    instructions: '',
    maxOutputTokens: 0,
    tools: [tool.name],
    // What it does is told by its graph, as what an agent does is told by its prompt.
    promptHash: nested.spec.signature,
  }
  return {
    name,
    spec,
    input: shapeOf(z.string()),
    output: nested.spec.output,
    tools: [tool],
    run: async (prompt, ctx, output) => {
      const end = await enterWorkflow(ctx, tool, input(prompt))
      if (!output || end.kind !== 'message') return end
      return { ...end, message: output.parse(end.message, `the answer of \`${name}\``) }
    },
    _io: () => {
      throw new SignalboxError('INTERNAL', 'an agent runs as a node of a workflow, not directly')
    },
  }
}

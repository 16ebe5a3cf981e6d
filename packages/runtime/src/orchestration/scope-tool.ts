import { SignalboxError } from '../base/errors.ts'
import { sha256Hex } from '../base/hash.ts'
import { canonicalJson, type JsonValue } from '../base/json.ts'
import { usdToNano } from '../base/money.ts'
import { type OwnLimits, UNLABELLED } from '../contracts/common.ts'
import type { Preview, ToolSpec } from '../contracts/tool.ts'
import type { ScopeTool, WorkflowSpec } from '../contracts/workflow.ts'
import type { Budget, Workflow } from './types.ts'

/** What a nested workflow or agent may use of the run's budget; what is left out is limited by the run alone. */
export type OwnBudget = Partial<Omit<Budget, 'maxRuntimeSeconds' | 'warnAtPercent'>>

/** How a nested workflow is called, by policy and by models. */
export interface ScopeToolOptions<I> {
  /** Name in the policy catalogue. Default: `workflows.` and the workflow's name. */
  readonly name?: string
  /** What policy speaks about. Default: `workflows.enter`. */
  readonly class?: string
  /** Said to a model that may call it. */
  readonly description?: string
  /** What a reviewer sees where policy asks a person before it is entered. Default: its name, version and input. Pure. */
  readonly preview?: (input: I) => Preview
  /** What it may use of the run's budget, each limit no larger than the one around it. Default: as much as the run has. */
  readonly budget?: OwnBudget
}

const NAME = /^[a-z][a-z0-9_-]*(\.[a-z0-9][a-z0-9_-]*)*$/
const NAME_LENGTH = 60

/** One workflow, one tool, as long as nothing is said about it: two nodes may run the same one. */
const plain = new WeakMap<WorkflowSpec, ScopeTool<never, unknown>>()

/**
 * Makes a workflow a tool: an agent or a node calls it, and it runs as a nested scope of the run (ENGINE R20). Entering it
 * is decided under its own name and class; its effects are decided one by one, so its own effect is `none`. Throws
 * CONFIG_INVALID for a name or class that is not of the form `area.verb`.
 */
export function workflowTool<I, O>(nested: Workflow<I, O>, options: ScopeToolOptions<I> = {}): ScopeTool<I, O> {
  const isPlain = Object.keys(options).length === 0
  const known = isPlain ? plain.get(nested.spec) : undefined
  // What was made for this workflow takes and gives what it does.
  if (known) return known as unknown as ScopeTool<I, O>
  const { name = `workflows.${nested.name}`, class: toolClass = 'workflows.enter', description = '' } = options
  const faults = [
    ...(isName(name)
      ? []
      : [`\`name\` must be of the form area.verb in lower case, at most ${NAME_LENGTH} characters`]),
    ...(isName(toolClass) ? [] : ['`class` must be of the form area.verb in lower case']),
  ]
  if (faults.length > 0) throw new SignalboxError('CONFIG_INVALID', `workflow tool \`${name}\`: ${faults.join('; ')}`)
  const inner = options.budget ? { ...nested.spec, ownBudget: ownLimits(name, options.budget) } : nested.spec
  // The engine passes on what parseInput gave, so it has the type that the workflow's input promises.
  const shown = options.preview as ((input: unknown) => Preview) | undefined
  const tool: ScopeTool<I, O> = {
    name,
    class: toolClass,
    effect: 'none',
    workflow: inner,
    spec: specOf(inner, { name, class: toolClass, description }, shown ?? null),
    _io: () => {
      throw new SignalboxError('INTERNAL', 'a nested workflow is entered through `ctx.call`, not directly')
    },
  }
  if (isPlain) plain.set(nested.spec, tool as unknown as ScopeTool<never, unknown>)
  return tool
}

/** Checked limits. Throws CONFIG_INVALID naming the field. */
function ownLimits(tool: string, { maxTurns, maxToolCalls, maxTokens, maxCostUsd }: OwnBudget): OwnLimits {
  for (const [field, value] of Object.entries({ maxTurns, maxToolCalls, maxTokens }))
    if (value !== undefined && !(Number.isSafeInteger(value) && value >= 0))
      throw new SignalboxError(
        'CONFIG_INVALID',
        `workflow tool \`${tool}\`: \`budget.${field}\` must be a whole number from 0`,
      )
  return {
    ...(maxTurns === undefined ? {} : { max_turns: maxTurns }),
    ...(maxToolCalls === undefined ? {} : { max_tool_calls: maxToolCalls }),
    ...(maxTokens === undefined ? {} : { max_tokens: maxTokens }),
    ...(maxCostUsd === undefined ? {} : { max_cost_nano_usd: usdToNano(maxCostUsd).toString() }),
  }
}

function isName(text: string): boolean {
  return NAME.test(text) && text.length <= NAME_LENGTH
}

function specOf(
  workflow: WorkflowSpec,
  named: Pick<ToolSpec, 'name' | 'class' | 'description'>,
  shown: ((input: JsonValue) => Preview) | null,
): ToolSpec {
  const { input, output, definition, ownBudget } = workflow
  const bound = { ...named, input: input.json, output: output.json, definition, ...(ownBudget ? { ownBudget } : {}) }
  return {
    ...named,
    effect: 'none',
    inputSchema: input.json,
    // An approval binds the graph that it was given for.
    definitionHash: sha256Hex(canonicalJson(bound)),
    hosts: () => [],
    timeoutSeconds: 30,
    repeat: 'never',
    lookup: 'advisory',
    settleAfterSeconds: 0,
    labels: UNLABELLED,
    parseInput: (args) => input.parse(args, `the input of \`${named.name}\``),
    parseOutput: (value) => output.parse(value, `the output of \`${named.name}\``),
    effectKey: null,
    facts: null,
    preview: (args) => Promise.resolve(shown ? shown(args) : previewOf(workflow)),
    execute: () =>
      Promise.reject(new SignalboxError('INTERNAL', `\`${named.name}\` is a scope and is entered, not run`)),
    reconcile: null,
  }
}

function previewOf({ name, version, tools }: WorkflowSpec): Preview {
  const effects = [...tools.values()].filter((tool) => tool.effect !== 'none').map((tool) => `\`${tool.name}\``)
  const may = effects.length > 0 ? `it may call ${effects.join(', ')}` : 'it has no effects of its own'
  return {
    summary: `Run workflow \`${name}\` ${version}`,
    target: { type: 'workflow', id: name, version },
    impact: { text: `${may}; each call is decided by itself` },
    rollback: 'Nothing to roll back: each effect in it is decided by itself',
  }
}

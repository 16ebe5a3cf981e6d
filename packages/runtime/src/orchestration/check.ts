import { isErrorCode, toSignalboxError } from '../base/errors.ts'
import { usdToNano } from '../base/money.ts'
import { secondsOf } from '../base/time.ts'
import { FINAL_FAILURES, MALFUNCTIONS } from '../contracts/failures.ts'
import type { AnyTool } from '../contracts/tool.ts'
import { isScopeTool, toolsWithin, type WorkflowSpec } from '../contracts/workflow.ts'
import type { Draft, NodeDraft } from './draft.ts'
import { checkOwnBudgets } from './own-budgets.ts'
import type { AnyPort } from './types.ts'

/** Checks of everything but the edges. Each returns plain sentences that name the place and the fix. */

const NAME = /^[a-z][a-z0-9-]{0,62}$/
const FIELD_NAME = /^[a-z][A-Za-z0-9_]{0,62}$/
const VERSION = /^[0-9A-Za-z][0-9A-Za-z.+-]{0,63}$/
const NAME_RULE = 'must be a lower-case letter, then lower-case letters, digits and -, at most 63'

/** Errors in the workflow's own values: name, version, budget, limits, contract. */
export function checkHeader(draft: Draft): string[] {
  const errors: string[] = []
  if (!NAME.test(draft.name)) errors.push(`the workflow name \`${draft.name}\` ${NAME_RULE}`)
  if (!VERSION.test(draft.version))
    errors.push(`the version \`${draft.version}\` must be letters, digits, ., + and -, at most 64`)
  if (!positiveInteger(draft.maxSupersteps)) errors.push('`maxSupersteps` must be a whole number above 0')
  for (const [name, text] of Object.entries(draft.contract ?? {})) {
    if (typeof text !== 'string' || text.trim() === '')
      errors.push(`\`contract.${name}\` is empty; say it or leave the contract out`)
  }
  return [...errors, ...checkBudget(draft)]
}

function checkBudget(draft: Draft): string[] {
  // Callers without types may leave the budget or a part of it out.
  const budget: Readonly<Record<string, unknown>> = { ...draft.budget }
  const errors: string[] = []
  for (const name of ['maxTurns', 'maxToolCalls', 'maxTokens']) {
    if (!positiveInteger(budget[name])) errors.push(`\`budget.${name}\` must be a whole number above 0`)
  }
  for (const percent of draft.budget?.warnAtPercent ?? [])
    if (!positiveInteger(percent) || percent >= 100)
      errors.push('`budget.warnAtPercent` must be whole numbers from 1 to 99')
  const seconds = budget.maxRuntimeSeconds
  if (typeof seconds !== 'number' || !Number.isFinite(seconds) || seconds <= 0)
    errors.push('`budget.maxRuntimeSeconds` must be a number of seconds above 0')
  if (!positiveUsd(budget.maxCostUsd))
    errors.push('`budget.maxCostUsd` must be a text of US dollars above 0, such as `0.50`')
  return errors
}

function positiveUsd(value: unknown): boolean {
  if (typeof value !== 'string') return false
  try {
    return usdToNano(value) > 0n
  } catch {
    return false
  }
}

function positiveInteger(value: unknown): boolean {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0
}

/** Errors in the nodes themselves: names, retries, ports, agents. */
export function checkNodes(draft: Draft): string[] {
  const errors: string[] = []
  const seen = new Set<string>()
  const agents = new Map<string, Extract<NodeDraft, { kind: 'agent' }>['agent']>()
  if (draft.nodes.length === 0) errors.push('there is no node; add one with `.node`, `.agent` or `.port`')
  for (const node of draft.nodes) {
    if (!NAME.test(node.name)) errors.push(`the node name \`${node.name}\` ${NAME_RULE}`)
    if (seen.has(node.name)) errors.push(`node \`${node.name}\` is declared twice`)
    seen.add(node.name)
    errors.push(...checkRetry(node), ...checkLimits(node))
    if (node.kind === 'agent') {
      const other = agents.get(node.agent.name)
      if (other && other.spec !== node.agent.spec)
        errors.push(`two different agents are named \`${node.agent.name}\`; policy tells agents apart by name`)
      agents.set(node.agent.name, node.agent)
    }
    if (node.kind === 'port') errors.push(...checkPort(node.port))
    if (node.kind === 'timer') errors.push(...checkTimer(node))
    if (node.kind === 'workflow') errors.push(...checkAnswers(node))
  }
  return errors
}

function checkRetry(node: NodeDraft): string[] {
  if (node.retry === null) return []
  const errors: string[] = []
  if (!positiveInteger(node.retry.attempts))
    errors.push(`node \`${node.name}\`: \`retry.attempts\` must be a whole number above 0`)
  const backoff = node.retry.backoffSeconds ?? 1
  if (!Number.isFinite(backoff) || backoff < 0)
    errors.push(`node \`${node.name}\`: \`retry.backoffSeconds\` must be 0 or more`)
  return [...errors, ...checkWaits(node), ...checkCodes(node)]
}

function checkWaits({ name, retry }: NodeDraft): string[] {
  const errors: string[] = []
  const { factor = 1, maxBackoffSeconds = 1 } = retry ?? {}
  if (!Number.isFinite(factor) || factor < 1) errors.push(`node \`${name}\`: \`retry.factor\` must be 1 or more`)
  if (!Number.isFinite(maxBackoffSeconds) || maxBackoffSeconds < 0)
    errors.push(`node \`${name}\`: \`retry.maxBackoffSeconds\` must be 0 or more`)
  return errors
}

function checkAnswers(node: Extract<NodeDraft, { kind: 'workflow' }>): string[] {
  const { nodes, name } = node.tool.workflow
  return Object.keys(node.answers)
    .filter((port) => nodes.get(port)?.kind !== 'port')
    .map((port) => `node \`${node.name}\`: \`answers\` names \`${port}\`, which is no port of \`${name}\``)
}

/** A policy for errors that no attempt can mend, or that nothing throws, is a mistake. */
function checkCodes({ name, retry }: NodeDraft): string[] {
  const errors: string[] = []
  for (const list of ['on', 'except'] as const)
    for (const code of retry?.[list] ?? [])
      if (!isErrorCode(code))
        errors.push(`node \`${name}\`: \`retry.${list}\` names \`${code}\`, which is no error code`)
      else if (list === 'on' && (FINAL_FAILURES.has(code) || MALFUNCTIONS.has(code)))
        errors.push(`node \`${name}\`: \`retry.on\` names \`${code}\`, which another attempt cannot mend`)
  return errors
}

function checkLimits({ name, limits }: NodeDraft): string[] {
  return Object.entries(limits ?? {}).flatMap(([limit, seconds]) =>
    typeof seconds === 'number' && Number.isFinite(seconds) && seconds > 0
      ? []
      : [`node \`${name}\`: \`${limit}\` must be a number of seconds above 0`],
  )
}

function checkTimer({ name, wait }: Extract<NodeDraft, { kind: 'timer' }>): string[] {
  if ('until' in wait)
    return typeof wait.until === 'function' ? [] : [`timer \`${name}\`: \`until\` must be a function`]
  try {
    secondsOf(wait.seconds, '`seconds`')
    return []
  } catch (thrown) {
    return [`timer \`${name}\`: ${toSignalboxError(thrown).message}`]
  }
}

function checkPort({ name, deadlineSeconds }: AnyPort): string[] {
  const errors: string[] = []
  if (!NAME.test(name)) errors.push(`the port name \`${name}\` ${NAME_RULE}`)
  if (!Number.isFinite(deadlineSeconds) || deadlineSeconds <= 0)
    errors.push(`port \`${name}\`: \`deadlineSeconds\` must be above 0; a request that waits for ever blocks the run`)
  return errors
}

/** Errors in the ports at which nodes ask themselves: an open request is found by the name of its port. */
export function checkPorts(draft: Draft): string[] {
  const errors: string[] = []
  const nodes = new Set(draft.nodes.map((node) => node.name))
  const byName = new Map<string, AnyPort>()
  for (const port of draft.nodes.flatMap((node) => (node.kind === 'function' ? node.ports : []))) {
    const other = byName.get(port.name)
    if (other === port) continue
    byName.set(port.name, port)
    if (other) errors.push(`two different ports are named \`${port.name}\``)
    if (nodes.has(port.name)) errors.push(`port \`${port.name}\` has the name of a node; call one of them otherwise`)
    errors.push(...checkPort(port))
  }
  return errors
}

/** Errors in the state: names and owners (invariant 8). */
export function checkFields(draft: Draft): string[] {
  const errors: string[] = []
  const nodes = new Set(draft.nodes.map((node) => node.name))
  for (const [name, field] of Object.entries(draft.fields)) {
    if (!FIELD_NAME.test(name))
      errors.push(`the state field \`${name}\` must be a lower-case letter, then letters, digits and _, at most 63`)
    if (field.owner !== null && !nodes.has(field.owner))
      errors.push(`state field \`${name}\` is owned by \`${field.owner}\`, which is not a node`)
  }
  return errors
}

/** Every tool that a run of the workflow may name, each once, in order of first mention. */
export function toolsOf(draft: Draft): readonly AnyTool[] {
  const all = [...draft.tools]
  for (const node of draft.nodes) {
    if (node.kind === 'agent') all.push(...node.agent.tools)
    if (node.kind === 'function') all.push(...(node.tools ?? []))
    if (node.kind === 'workflow') all.push(node.tool)
  }
  return [...new Set(all)]
}

/** Errors in the tools: two of one name (the door, the catalogue and the model know tools by name). */
export function checkTools(draft: Draft): string[] {
  const tools = toolsOf(draft)
  const errors: string[] = []
  const byName = new Map<string, AnyTool>()
  for (const tool of tools) {
    if (byName.has(tool.name)) errors.push(`two different tools are named \`${tool.name}\``)
    byName.set(tool.name, tool)
  }
  return [...errors, ...checkNested(tools), ...checkOwn(draft, tools)]
}

/** Errors in what nested workflows may use of this one's budget. */
function checkOwn(draft: Draft, tools: readonly AnyTool[]): string[] {
  if (checkBudget(draft).length > 0) return []
  const { maxTurns, maxToolCalls, maxTokens, maxCostUsd } = draft.budget
  const around = {
    ...{ max_turns: maxTurns, max_tool_calls: maxToolCalls, max_tokens: maxTokens },
    max_cost_nano_usd: usdToNano(maxCostUsd).toString(),
  }
  return checkOwnBudgets(new Map(tools.filter(isScopeTool).map(({ name, workflow }) => [name, workflow])), around)
}

/** So deep may workflows be nested: each level is a scope of its own in the history, and an activation that waits. */
const MOST_LEVELS = 8

/** Errors in what is nested: too deep, tools of one name, agents of one name. A workflow cannot hold itself: it is built first. */
function checkNested(tools: readonly AnyTool[]): string[] {
  const errors: string[] = []
  const scopes = tools.filter(isScopeTool)
  for (const { name, workflow } of scopes)
    if (levelsOf(workflow) >= MOST_LEVELS)
      errors.push(`\`${name}\` is nested more than ${MOST_LEVELS} levels deep; make its graph flatter`)
  const all = [...tools.map((tool) => tool.spec), ...scopes.flatMap(({ workflow }) => toolsWithin(workflow))]
  const hashes = new Map<string, string>()
  for (const { name, definitionHash } of all) {
    const known = hashes.get(name)
    if (known !== undefined && known !== definitionHash)
      errors.push(`two different tools are named \`${name}\`: a nested workflow has its own`)
    hashes.set(name, definitionHash)
  }
  return errors
}

function levelsOf(spec: WorkflowSpec): number {
  return 1 + Math.max(0, ...[...spec.scopes.values()].map(levelsOf))
}

import { toSignalboxError } from '../../base/errors.ts'
import { sha256Hex } from '../../base/hash.ts'
import { canonicalJson } from '../../base/json.ts'
import type { ModelMessage, ModelRequest } from '../../contracts/model.ts'
import type { HiddenTool, PolicyPort } from '../../contracts/policy.ts'
import type { AskSpec } from '../../contracts/workflow.ts'
import type { Ruling } from '../../policy/index.ts'
import { withDecisionId } from '../chain.ts'
import type { Ask, Ended } from './ask.ts'

/** Finds the tool or model, and checks the arguments by the tool's own schema. Unknown is denied (invariant 2). */
export function identify(ask: Ask): Ended | null {
  if (ask.spec.kind === 'tool') return identifyTool(ask, ask.spec)
  return ask.spec.kind === 'model' ? identifyModel(ask, ask.spec) : null
}

/** What was sent stays what it was, also when the tool is gone or takes other arguments now: it still has to be resolved. */
export async function identifySent(ask: Ask): Promise<null> {
  const sent = ask.journal().intents.at(-1)?.proposal
  if (identify(ask) !== null) ask.tool = null
  if (!sent) return null
  if (sent.asked_digest !== undefined) ask.change(await ask.run.contents.read(sent.args), sent.args_digest, sent.labels)
  ask.class = sent.class
  ask.kind = sent.kind
  ask.effect = sent.effect
  if (sent.edited) {
    ask.edited = sent.edited
    ask.args = await ask.run.contents.read(sent.edited.args)
  }
  return null
}

function identifyTool(ask: Ask, spec: Extract<AskSpec, { kind: 'tool' }>): Ended | null {
  const { spec: graph } = ask.owner.scope
  const tool = graph.tools.get(spec.tool)
  const { policy } = ask.run.env
  const row = policy.tool(spec.tool)
  if (!tool || !row) {
    ask.class = row?.class ?? 'unknown'
    return { status: 'denied', code: 'TOOL_UNKNOWN', result: `there is no tool \`${spec.tool}\` here` }
  }
  ask.class = row.class
  const refused = refusedInStep(ask)
  if (refused) return refused
  ask.tool = tool
  // The catalogue rules over what the tool says of itself.
  ask.effect = row.effect
  ask.definitionHash = tool.definitionHash
  try {
    ask.args = tool.parseInput(spec.args)
  } catch (thrown) {
    const error = toSignalboxError(thrown, 'TOOL_INPUT_INVALID')
    return { status: 'failed', code: error.code, result: error.message }
  }
  if (graph.scopes.has(spec.tool)) identifyScope(ask)
  else ask.worst = { turns: 0, tool_calls: 1, tokens: 0, cost_nano_usd: '0' }
  return null
}

const NOT_IN_STEP = 'TOOL_NOT_IN_STEP'

/** A tool that is not on the lists of this step, which those of the bundle in force are a part of. */
export function refusedInStep(ask: Ask): Ended | null {
  const { policy } = ask.run.env
  if (ask.spec.kind !== 'tool' || isInStep(ask.owner, policy, ask.spec.tool)) return null
  ask.decision = withDecisionId(ask.run.env, notInStep(policy))
  return { status: 'denied', code: NOT_IN_STEP, result: `this step may not call tool \`${ask.spec.tool}\`` }
}

/** True when code and catalogue both let the step call the tool; the catalogue rules over the code. */
function isInStep({ node, scope }: Ask['owner'], policy: PolicyPort, tool: string): boolean {
  const listed = policy.stepTools(scope.spec.name, node.name)
  return (node.tools?.includes(tool) ?? true) && (listed?.includes(tool) ?? true)
}

function notInStep({ bundle }: PolicyPort): Ruling {
  const point = 'pre_tool_call'
  return { point, verdict: 'deny', reason_code: NOT_IN_STEP, policies: [], asks: [], bundle }
}

/**
 * Entering a nested scope changes nothing outside and costs nothing: each call in it is decided, reserved and recorded by
 * itself (ENGINE R20). Policy decides on the effect that the catalogue tells of it.
 */
function identifyScope(ask: Ask): void {
  ask.kind = 'scope'
  ask.shownEffect = ask.effect
  ask.effect = 'none'
}

function identifyModel(ask: Ask, spec: Extract<AskSpec, { kind: 'model' }>): Ended | null {
  const model = ask.run.env.models.resolve(spec.model)
  ask.model = model
  ask.request = modelRequest(ask, spec)
  ask.definitionHash = sha256Hex(canonicalJson([model.id, model.provider, model.price.id]))
  return null
}

/** The request with its messages. A tool of which no call could be permitted is not shown, and the record says so. */
function modelRequest(ask: Ask, spec: Extract<AskSpec, { kind: 'model' }>): ModelRequest {
  ask.hidden = spec.tools.flatMap((name) => hiddenTool(ask, name) ?? [])
  const tools = spec.tools.flatMap((name) => {
    const tool = ask.owner.scope.spec.tools.get(name)
    return tool && !ask.hidden.some((one) => one.tool === name)
      ? [{ name: tool.name, description: tool.description, inputSchema: tool.inputSchema }]
      : []
  })
  const messages: readonly ModelMessage[] = shown(spec, ask.owner.conversation())
  return { messages, tools, maxOutputTokens: spec.maxOutputTokens, outputSchema: spec.outputSchema }
}

/** Why the tool is kept from the model, or null: what may be permitted for some arguments is decided at the call. */
function hiddenTool({ owner, run, agent }: Ask, tool: string): HiddenTool | null {
  const { policy, mode } = run.env
  if (!isInStep(owner, policy, tool)) return { tool, reason_code: NOT_IN_STEP, policies: [] }
  const about = { id: run.runId, workflow: run.spec.name, agent, mode }
  return policy.cannotPermit({ tool, run: about, principal: run.principal })
}

/** The messages of a request: the conversation, with what is shown beside it, or what is shown in its place. */
function shown(
  { context = [], instead }: Extract<AskSpec, { kind: 'model' }>,
  conversation: readonly ModelMessage[],
): readonly ModelMessage[] {
  if (instead) return instead.messages
  if (context.length === 0) return [...conversation]
  const after = conversation.findIndex((message) => message.role !== 'system')
  const at = after < 0 ? conversation.length : after
  return [...conversation.slice(0, at), ...context, ...conversation.slice(at)]
}

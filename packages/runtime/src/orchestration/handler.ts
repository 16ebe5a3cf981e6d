import { isErrorCode, SignalboxError } from '../base/errors.ts'
import { type JsonObject, type JsonValue, toJsonValue } from '../base/json.ts'
import { isoTime, momentOf, secondsOf } from '../base/time.ts'
import type { AnyTool } from '../contracts/tool.ts'
import type {
  AskSpec,
  FieldSpec,
  HandlerCtx,
  HandlerEnd,
  NodeSpec,
  ScopeAnswers,
  ScopeTool,
  Shape,
  TimerSpec,
} from '../contracts/workflow.ts'
import { endFor, flowCtx, onRecord, runStep } from './asking.ts'
import type { AnyNodeCtx, NodeDraft } from './draft.ts'

/**
 * Turns what a user declared into the handler that the engine runs. A message is parsed when it comes in and when it
 * goes out, so that user code sees what its types say and nothing else reaches the record.
 */

type Run = (input: JsonValue, ctx: HandlerCtx) => Promise<HandlerEnd>

/** Handler of a function node. Throws INPUT_INVALID when the returned message does not fit the declared output. */
export function functionHandler(
  node: Extract<NodeDraft, { kind: 'function' }>,
  spec: Pick<NodeSpec, 'input' | 'output' | 'ports' | 'position'>,
  fields: readonly FieldSpec[],
): Run {
  const { input, output } = spec
  return async (message, ctx) => {
    const user = userCtx(ctx, fields, spec)
    const value = await node.run(input.parse(message, `the message to node \`${node.name}\``), user)
    return { kind: 'message', message: output.parse(value, `the message of node \`${node.name}\``) }
  }
}

/** Handler of an agent node: makes the prompt, runs the agent's loop, hands the final answer to `done`. */
export function agentHandler(node: Extract<NodeDraft, { kind: 'agent' }>, fields: readonly FieldSpec[]): Run {
  return async (message, ctx) => {
    const user = userCtx(ctx, fields)
    const input = node.agent.input.parse(message, `the message to agent \`${node.name}\``)
    const end = await node.agent.run(node.prompt(input, user.state), ctx)
    if (end.kind === 'rejected') return end
    const output = node.agent.output.parse(end.message, `the answer of agent \`${node.name}\``)
    node.done?.(output, user)
    return { ...end, message: output }
  }
}

/** How long a timer node waits; what a user's `until` gives is checked here. */
export function timerSpec(
  node: Extract<NodeDraft, { kind: 'timer' }>,
  message: Shape,
  fields: readonly FieldSpec[],
): TimerSpec {
  const { wait, name } = node
  if ('seconds' in wait) return wait
  const lists = listsOf(fields)
  return {
    until: (value, state) => {
      const parsed = message.parse(value, `the message to timer \`${name}\``)
      return momentOf(wait.until(parsed, readState(state, lists)), `\`until\` of timer \`${name}\``)
    },
  }
}

function listsOf(fields: readonly FieldSpec[]): readonly string[] {
  return fields.filter((field) => field.kind === 'appended').map((field) => field.name)
}

/**
 * Handler of a node that is a workflow: one ask that enters its scope. Throws what the nested workflow failed with, so that
 * the node fails with the same code and its retries apply.
 */
export function workflowHandler(
  node: Extract<NodeDraft, { kind: 'workflow' }>,
  takes: Shape,
  fields: readonly FieldSpec[],
): Run {
  return async (message, ctx) => {
    const user = userCtx(ctx, fields)
    const { state } = user
    const taken = takes.parse(message, `the message to node \`${node.name}\``)
    const given = node.input ? node.input(taken, state) : taken
    const end = await enterWorkflow(ctx, node.tool, given, answersOf(node, state))
    if (end.kind === 'message') node.done?.(end.message, user)
    return end
  }
}

/**
 * One ask that enters the scope of a workflow, as the whole of a handler. Throws what the nested workflow failed with; a
 * person who let it not go on ends the turn where the node has a fallback for that.
 */
export async function enterWorkflow(
  ctx: HandlerCtx,
  { name, workflow }: Pick<ScopeTool<never, unknown>, 'name' | 'workflow'>,
  input: unknown,
  answers: ScopeAnswers = {},
): Promise<HandlerEnd> {
  const args = workflow.input.parse(input, `the input of \`${workflow.name}\` in node \`${ctx.node}\``)
  const { status, output, code, reason, labels } = await ctx.ask({ kind: 'tool', tool: name, args, answers })
  if (status === 'succeeded')
    return { kind: 'message', message: workflow.output.parse(output, `the output of \`${workflow.name}\``), labels }
  const person = status === 'rejected' || status === 'expired' || code === 'APPROVAL_EXPIRED'
  if (ctx.endsOnRejection && person) return { kind: 'rejected', code, reason, leftUndone: [name] }
  throw new SignalboxError(isErrorCode(code) ? code : status === 'denied' ? 'POLICY_DENIED' : 'NODE_FAILED', reason)
}

function answersOf(node: Extract<NodeDraft, { kind: 'workflow' }>, state: AnyNodeCtx['state']): ScopeAnswers {
  const answer = (port: string, give: (typeof node.answers)[string]) => (request: JsonValue) => {
    const value = give(request, state)
    if (value instanceof Promise) {
      value.catch(() => undefined)
      throw new SignalboxError('NODE_FAILED', `the answer to port \`${port}\` must not be a promise: it is pure`)
    }
    return value === undefined ? undefined : toJsonValue(value, `the answer to port \`${port}\``)
  }
  return Object.fromEntries(Object.entries(node.answers).map(([port, give]) => [port, answer(port, give)]))
}

/** The user's view of the engine's handle. Getters, because the handle's state changes with the node's own writes. */
function userCtx(
  ctx: HandlerCtx,
  fields: readonly FieldSpec[],
  spec: Pick<NodeSpec, 'ports' | 'position'> = {},
): AnyNodeCtx {
  const lists = listsOf(fields)
  return {
    ...flowCtx(ctx, spec),
    runId: ctx.runId,
    get state() {
      return readState(ctx.state, lists)
    },
    write: (values) => ctx.write(writesOf(values)),
    call: (tool, args) => call(ctx, tool, args),
    step: (name, args, body, options) => onRecord(runStep(ctx, name, args, body, options)),
    sleep: async (seconds) => pass(ctx, { seconds: secondsOf(seconds, '`ctx.sleep`') }),
    sleepUntil: async (at) => pass(ctx, { until: isoTime(momentOf(at, '`ctx.sleepUntil`')) }),
    heartbeat: () => ctx.heartbeat(),
    now: () => ctx.now(),
    random: () => ctx.random(),
  }
}

async function pass(ctx: HandlerCtx, time: Extract<AskSpec, { kind: 'timer' }>['for']): Promise<void> {
  const end = await ctx.ask({ kind: 'timer', for: time })
  // Only on a branch that goes on from where a stopped run had cut the wait off.
  if (end.status !== 'succeeded') throw new SignalboxError('CANCELLED', end.reason)
}

/** The state with an empty list for each list that nobody appended to yet. */
function readState(state: JsonObject, lists: readonly string[]): JsonObject {
  const missing = lists.filter((name) => !Object.hasOwn(state, name))
  if (missing.length === 0) return state
  return { ...Object.fromEntries(missing.map((name) => [name, []])), ...state }
}

/** Values as JSON; a field set to undefined is not written. */
function writesOf(values: Readonly<Record<string, unknown>>): JsonObject {
  const written = Object.entries(values).filter(([, value]) => value !== undefined)
  return Object.fromEntries(written.map(([name, value]) => [name, toJsonValue(value, `state field \`${name}\``)]))
}

async function call(ctx: HandlerCtx, tool: AnyTool, args: unknown): Promise<unknown> {
  const json = toJsonValue(args, `the arguments of \`${tool.name}\``)
  return endFor(await ctx.ask({ kind: 'tool', tool: tool.name, args: json }))
}

/**
 * The tool loop of an agent, as a node handler.
 *
 * It owns the order of a turn: one model call, then its tool calls, then one terminal result for each call. It owns
 * no I/O, no budget and no policy: every call goes through `ctx.ask` and `ctx.batch` (invariant 1). What it does
 * depends only on the conversation, its saved state and the outcomes delivered, so that a replay asks the same
 * (invariant 13).
 */
import { type ErrorCode, isErrorCode, SignalboxError } from '../base/errors.ts'
import type { JsonObject, JsonValue } from '../base/json.ts'
import { joinLabels, OPERATOR_LABELS } from '../contracts/common.ts'
import type { ModelAnswer, ModelMessage } from '../contracts/model.ts'
import type { AskResult, AskSpec, HandlerCtx, HandlerEnd, Shape } from '../contracts/workflow.ts'
import { compact } from './compaction.ts'
import type { Compaction } from './compact.ts'
import { type ContextProvider, contextMessages } from './context.ts'
import { NO_REPEATS, type Repeats, screen } from './limits.ts'
import {
  type AnswerCall,
  assistantMessage,
  callsOf,
  lastText,
  readAnswer,
  resultMessage,
  type TerminalResult,
  textOf,
  userMessage,
} from './messages.ts'
import { isTextShape, readOutput, repairRequest } from './output.ts'

/** What the loop needs to know of its agent. */
export interface LoopDef {
  readonly name: string
  /** The agent's model, then its fallbacks in order. */
  readonly models: readonly [string, ...string[]]
  readonly instructions: string
  readonly maxOutputTokens: number
  readonly tools: readonly string[]
  readonly output: Shape
  /** Turns in a row in which no tool call succeeded, after which the agent fails. */
  readonly maxErrorTurns: number
  /** Calls of one answer that are made. */
  readonly maxCallsPerTurn: number
  /** How often a call with the same arguments is made in a row. */
  readonly maxRepeatedCalls: number
  readonly context: readonly ContextProvider[]
  readonly compaction: Compaction | null
}

/** How often an answer that does not fit is asked for again, counted over the whole activation. */
const MAX_REPAIRS = 2

/** The handler's state at a save point: small, JSON. */
interface LoopState {
  readonly turn: number
  readonly errorTurns: number
  readonly repairs: number
  readonly repeats: Repeats
  readonly end: 'open' | 'answered' | Rejected
}

/** A person did not let a call happen, and the node has a fallback for that. */
type Rejected = { readonly code: string; readonly reason: string; readonly leftUndone: readonly string[] }

const START: LoopState = { turn: 0, errorTurns: 0, repairs: 0, repeats: NO_REPEATS, end: 'open' }

/**
 * Runs turns until the model answers with an output that fits, a save point after each. Throws BUDGET_EXHAUSTED when
 * a model call is refused, MODEL_FAILED, MODEL_OUTPUT_INVALID after the repairs, TOOL_FAILED after too many turns of
 * failed calls or when a context cannot be read, LOOP_FOUND when the model insists on a call that it made too often.
 */
export async function runLoop(def: LoopDef, prompt: string, ctx: HandlerCtx): Promise<HandlerEnd> {
  let state = ctx.resumedFrom === null ? await open(def, prompt, ctx) : readState(ctx.resumedFrom)
  while (state.end === 'open') {
    state = await turn(def, state, ctx)
    await ctx.savePoint(saved(state))
  }
  if (state.end !== 'answered') return { kind: 'rejected', ...state.end }
  const output = readOutput(def.output, lastText(ctx.conversation.messages))
  if (output.fits) return { kind: 'message', message: output.value }
  throw new SignalboxError('MODEL_OUTPUT_INVALID', `agent \`${def.name}\`: the saved answer does not fit its output`)
}

async function open(def: LoopDef, prompt: string, ctx: HandlerCtx): Promise<LoopState> {
  const schema = JSON.stringify(def.output.json)
  const content = isTextShape(def.output)
    ? def.instructions
    : `${def.instructions}\n\nYour final answer is JSON alone that fits this JSON Schema: ${schema}`
  instruct(content, ctx)
  const kept = def.context.filter((provider) => provider.keep)
  const given = await contextMessages(def.name, kept, ctx)
  if (given.length > 0) ctx.conversation.append(given, ctx.seen)
  ctx.conversation.append([userMessage(prompt)], ctx.seen)
  return START
}

/** The instructions stand first and once; in a kept session those of the version that goes on with it. */
function instruct(content: string, { conversation }: HandlerCtx): void {
  const [first] = conversation.messages
  const system = { role: 'system', content } as const
  if (!first) conversation.append([system], OPERATOR_LABELS)
  else if (first.role !== 'system') conversation.replace([system, ...conversation.messages.keys()], OPERATOR_LABELS)
  else if (first.content !== content)
    conversation.replace([system, ...[...conversation.messages.keys()].slice(1)], OPERATOR_LABELS)
}

async function turn(def: LoopDef, before: LoopState, ctx: HandlerCtx): Promise<LoopState> {
  if (def.compaction) await compact(def.compaction, def.models[0], ctx)
  const beside = def.context.filter((provider) => !provider.keep)
  const { asked, model } = await askModel(def, await contextMessages(def.name, beside, ctx), ctx)
  const state = { ...before, turn: before.turn + 1 }
  if (asked.status !== 'succeeded') return { ...state, end: modelEnd(def, model, asked, ctx) }
  const answer = readAnswer(asked.output, model)
  refuseUnusable(def, model, answer)
  const message = assistantMessage(answer, state.turn)
  if (message) ctx.conversation.append([message], asked.labels)
  const calls = callsOf(answer, state.turn)
  if (calls.length > 0) return answerCalls(def, state, calls, { answer, seq: asked.seq }, ctx)
  return answerText(def, state, answer, ctx)
}

/** Calls the agent's model, and while a provider is in trouble the next declared one: another model, another call. */
async function askModel(
  def: LoopDef,
  context: readonly ModelMessage[],
  ctx: HandlerCtx,
): Promise<{ readonly asked: AskResult; readonly model: string }> {
  const call = {
    kind: 'model',
    maxOutputTokens: def.maxOutputTokens,
    tools: def.tools,
    outputSchema: isTextShape(def.output) ? null : def.output.json,
    finalOf: (answer: JsonValue) => finalOf(def, answer),
    ...(context.length > 0 ? { context } : {}),
  } as const
  let [model] = def.models
  let asked = await ctx.ask({ ...call, model })
  for (const next of def.models.slice(1)) {
    const { status, trouble, seq } = asked
    if (status === 'succeeded' || trouble === undefined) break
    asked = await ctx.ask({ ...call, model: next, fallbackOf: { model, trouble, seq } })
    model = next
  }
  return { asked, model }
}

/** The agent's output when the answer makes no call and fits; the loop ends with exactly this. */
function finalOf(def: LoopDef, output: JsonValue): { readonly message: JsonValue } | null {
  const answer = readAnswer(output, def.name)
  if (unusable(answer) !== null || answer.finishReason === 'length' || callsOf(answer, 0).length > 0) return null
  const read = readOutput(def.output, textOf(answer))
  return read.fits ? { message: read.value } : null
}

/** What a model call that did not succeed means for the turn. Throws unless a declared fallback takes it. */
function modelEnd(def: LoopDef, model: string, asked: AskResult, ctx: HandlerCtx): Rejected {
  if (ctx.endsOnRejection && isRejection(asked)) return { code: asked.code, reason: asked.reason, leftUndone: [model] }
  const message = `agent \`${def.name}\`: the call of model \`${model}\` ended as ${asked.status}`
  const { status, code, trouble = null } = asked
  throw new SignalboxError(modelErrorCode(asked), message, { details: { status, code, trouble } })
}

function modelErrorCode(asked: AskResult): ErrorCode {
  if (asked.status === 'refused') return 'BUDGET_EXHAUSTED'
  if (asked.status === 'denied') return 'POLICY_DENIED'
  if (asked.status === 'cancelled') return 'CANCELLED'
  return isErrorCode(asked.code) ? asked.code : 'MODEL_FAILED'
}

function isRejection(result: AskResult): boolean {
  return result.status === 'rejected' || result.status === 'expired'
}

/** Refuses answers that must not be acted upon at all. */
function refuseUnusable(def: LoopDef, model: string, answer: ModelAnswer): void {
  const why = unusable(answer)
  if (why === null) return
  const message = `agent \`${def.name}\`: model \`${model}\` ${why}`
  throw new SignalboxError('MODEL_FAILED', message, { details: { finish_reason: answer.finishReason } })
}

function unusable(answer: ModelAnswer): string | null {
  if (answer.finishReason === 'content-filter') return 'withheld its answer (content filter)'
  if (answer.finishReason === 'error' || answer.finishReason === 'interrupted') return 'broke its answer off'
  // A tool that the provider ran by itself went beside the door (invariant 1); none was offered.
  const foreign = answer.content.some(
    (part) => part.type === 'tool-result' || (part.type === 'tool-call' && part.providerExecuted === true),
  )
  return foreign ? 'reports a tool that its provider ran itself' : null
}

async function answerCalls(
  def: LoopDef,
  state: LoopState,
  calls: readonly AnswerCall[],
  from: { readonly answer: ModelAnswer; readonly seq: number },
  ctx: HandlerCtx,
): Promise<LoopState> {
  // The last call of an answer that was cut may lack arguments without showing it, so none of them is acted upon.
  const cut = from.answer.finishReason === 'length'
  const { refused, repeats, insists } = screen(calls, state.repeats, def)
  const asked = calls.filter((call) => !cut && call.input.valid && !refused.has(call))
  const results = asked.length === 0 ? [] : await ctx.batch(asked.map((call) => toAsk(call, from.seq)))
  const byCall = new Map(asked.map((call, i) => [call, results[i]] as const))
  const terminal = calls.map((call) => {
    const why = cut ? undefined : refused.get(call)
    return { call, output: why ? failed(why.error, why.reason) : terminalResult(call, byCall.get(call), cut) }
  })
  const notAsked = asked.length < calls.length ? [ctx.seen] : []
  ctx.conversation.append([resultMessage(terminal)], joinLabels([...results.map((one) => one.labels), ...notAsked]))
  const rejected = ctx.endsOnRejection ? rejection(calls, byCall) : null
  if (rejected) return { ...state, end: rejected }
  if (insists !== null && !cut) {
    const message = `agent \`${def.name}\`: the model insists on \`${insists}\` with the same arguments after ${def.maxRepeatedCalls} times in a row`
    throw new SignalboxError('LOOP_FOUND', message)
  }
  const errorTurns = results.some((one) => one.status === 'succeeded') ? 0 : state.errorTurns + 1
  if (errorTurns < def.maxErrorTurns) return { ...state, errorTurns, repeats }
  const message = `agent \`${def.name}\`: no tool call succeeded in ${errorTurns} turns in a row`
  throw new SignalboxError('TOOL_FAILED', message)
}

function toAsk(call: AnswerCall, modelSeq: number): Extract<AskSpec, { kind: 'tool' }> {
  return { kind: 'tool', tool: call.tool, args: call.input.value, callId: call.id, modelSeq }
}

/** The one terminal result of a call, as the model sees it. */
function terminalResult(call: AnswerCall, result: AskResult | undefined, cut: boolean): TerminalResult {
  if (cut) return failed('MODEL_OUTPUT_INVALID', 'the answer was cut at the output limit; nothing was done')
  if (!call.input.valid) return failed('TOOL_INPUT_INVALID', 'the arguments are not a JSON object')
  if (!result) throw new SignalboxError('INTERNAL', 'the batch answered fewer calls than it was asked')
  if (result.status === 'succeeded') return { ok: true, value: shownOutput(result) }
  if (result.status === 'denied') return { ok: false, value: { error: 'POLICY_DENIED', reason_code: result.code } }
  if (result.status === 'refused') return failed('BUDGET_EXHAUSTED', result.reason)
  return failed(result.code, result.reason)
}

/** What happened without a result that may be shown (withheld by policy, confirmed by a person) says so, with its code. */
function shownOutput({ output, code }: AskResult): JsonValue {
  return output === null && code !== '' ? { status: 'succeeded', reason_code: code } : output
}

function failed(error: string, reason: string): TerminalResult {
  return { ok: false, value: { error, reason } }
}

function rejection(
  calls: readonly AnswerCall[],
  byCall: ReadonlyMap<AnswerCall, AskResult | undefined>,
): Rejected | null {
  const results = calls.map((call) => byCall.get(call))
  const first = results.find((result) => result && isRejection(result))
  if (!first) return null
  const leftUndone = calls.filter((_, i) => results[i]?.status !== 'succeeded').map((call) => call.tool)
  return { code: first.code, reason: first.reason, leftUndone }
}

const CUT = { fits: false, why: 'the answer was cut at the output limit' } as const

function answerText(def: LoopDef, state: LoopState, answer: ModelAnswer, ctx: HandlerCtx): LoopState {
  const output = answer.finishReason === 'length' ? CUT : readOutput(def.output, textOf(answer))
  if (output.fits) return { ...state, end: 'answered' }
  if (state.repairs >= MAX_REPAIRS) {
    const message = `agent \`${def.name}\`: ${output.why}, after ${MAX_REPAIRS} repairs`
    throw new SignalboxError('MODEL_OUTPUT_INVALID', message)
  }
  ctx.conversation.append([userMessage(repairRequest(def.output, output.why))], OPERATOR_LABELS)
  return { ...state, repairs: state.repairs + 1 }
}

/** The state as it is stored. */
type SavedState = Pick<LoopState, 'turn' | 'repairs' | 'end'> & {
  readonly error_turns: number
  readonly repeats?: Repeats
}

function saved(state: LoopState): JsonObject {
  const { turn, errorTurns: error_turns, repairs, repeats, end } = state
  return { turn, error_turns, repairs, repeats: { of: repeats.of, count: repeats.count }, end }
}

function readState(value: JsonValue): LoopState {
  // Written by `saved` above; the engine gives back what it stored.
  const state = value as unknown as SavedState
  // A save point of a version before limits on repeats has no count of them.
  const { turn, error_turns: errorTurns, repairs, repeats = NO_REPEATS, end } = state
  return { turn, errorTurns, repairs, repeats, end }
}

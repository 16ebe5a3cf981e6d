import type { JsonObject, JsonValue } from '../src/base/json.ts'
import { joinLabels, type Labels, OPERATOR_LABELS, UNLABELLED } from '../src/contracts/common.ts'
import type { ModelAnswer, ModelMessage } from '../src/contracts/model.ts'
import type { AskResult, AskSpec, HandlerCtx } from '../src/contracts/workflow.ts'

type ToolAsk = Extract<AskSpec, { kind: 'tool' }>
type ModelAsk = Extract<AskSpec, { kind: 'model' }>

/** What one save point holds: how much of the conversation, and the handler's state. */
export interface SavedPoint {
  readonly length: number
  readonly state: JsonValue
}

/** Everything that a handler did with its context, in order. */
export interface FakeHandler {
  readonly ctx: HandlerCtx
  readonly models: ModelAsk[]
  readonly batches: (readonly ToolAsk[])[]
  readonly saved: SavedPoint[]
  readonly appended: { readonly messages: readonly ModelMessage[]; readonly labels: Labels }[]
}

export interface FakeOptions {
  /** Answers a model call from the conversation and the number of the call, from 0. */
  readonly model: (messages: readonly ModelMessage[], call: number) => Partial<AskResult>
  /** Answers one tool call. */
  readonly tool?: (ask: ToolAsk) => Partial<AskResult>
  readonly endsOnRejection?: boolean
  readonly seen?: Labels
  /** Start from a save point of another one, with its conversation. */
  readonly resume?: { readonly from: FakeHandler; readonly point: SavedPoint }
}

/** A handler context without an engine: the test decides what each ask answers. */
export function fakeHandler(options: FakeOptions): FakeHandler {
  const { resume } = options
  const messages: ModelMessage[] = resume ? resume.from.ctx.conversation.messages.slice(0, resume.point.length) : []
  const fake: Omit<FakeHandler, 'ctx'> = { models: [], batches: [], saved: [], appended: [] }
  let seen = options.seen ?? OPERATOR_LABELS
  let seq = 10
  const deliver = (result: AskResult): AskResult => {
    seen = joinLabels([seen, result.labels])
    return result
  }
  const ctx: HandlerCtx = {
    runId: 'run_0000000000',
    node: 'clerk',
    state: {},
    write: () => undefined,
    ask: async (spec) => {
      if (spec.kind !== 'model') throw new Error('the loop asks tools as a batch, and lets no time pass')
      fake.models.push(spec)
      return deliver(outcome(++seq, options.model(messages, fake.models.length - 1)))
    },
    batch: async (specs) => {
      fake.batches.push(specs)
      return specs.map((spec) => deliver(outcome(++seq, options.tool?.(spec) ?? { output: 'done' })))
    },
    resumedFrom: resume ? resume.point.state : null,
    savePoint: async (state) => {
      fake.saved.push({ length: messages.length, state: JSON.parse(JSON.stringify(state)) as JsonValue })
    },
    conversation: {
      messages,
      append: (added, labels) => {
        fake.appended.push({ messages: added, labels })
        messages.push(...added)
      },
      replace: (next) => {
        const now = next.map((one) => (typeof one === 'number' ? messages[one] : one))
        messages.splice(0, messages.length, ...now.filter((one) => one !== undefined))
      },
    },
    get seen() {
      return seen
    },
    endsOnRejection: options.endsOnRejection ?? false,
    heartbeat: () => undefined,
    now: () => new Date(0),
    random: () => 0.5,
  }
  return { ...fake, ctx }
}

function outcome(seq: number, part: Partial<AskResult>): AskResult {
  return { status: 'succeeded', output: null, code: '', reason: '', labels: UNLABELLED, seq, ...part }
}

/** A model outcome with this answer. */
export function answered(part: Partial<ModelAnswer>): Partial<AskResult> {
  const usage = {
    input_tokens: 1,
    cache_read_tokens: null,
    cache_write_tokens: null,
    output_tokens: 1,
    reasoning_tokens: null,
  }
  const calls = part.content?.some((one) => one.type === 'tool-call') === true
  const answer: ModelAnswer = {
    content: [],
    finishReason: calls ? 'tool-calls' : 'stop',
    usage,
    responseId: null,
    responseModel: null,
    ...part,
  }
  return { output: JSON.parse(JSON.stringify(answer)) as JsonObject }
}

/** A model outcome with this final text. */
export function says(text: string): Partial<AskResult> {
  return answered({ content: [{ type: 'text', text }] })
}

/** A model outcome with these tool calls: id, tool, input text. */
export function calls(...list: readonly (readonly [string, string, string])[]): Partial<AskResult> {
  return answered({
    content: list.map(([toolCallId, toolName, input]) => ({ type: 'tool-call', toolCallId, toolName, input })),
  })
}

/** The tool results of a conversation, as [call id, output]. */
export function resultsIn(messages: readonly ModelMessage[]): [string, JsonValue][] {
  return messages.flatMap((message) =>
    message.role === 'tool'
      ? message.content.flatMap((part): [string, JsonValue][] =>
          part.type === 'tool-result' ? [[part.toolCallId, JSON.parse(JSON.stringify(part.output)) as JsonValue]] : [],
        )
      : [],
  )
}

/**
 * The language model of the agent turns, the same for every subject whose models are those of the AI SDK: it answers at
 * once, either with a call of the one read-only tool or with the text that ends the run.
 */
import type { LanguageModelV4, LanguageModelV4StreamPart } from '@ai-sdk/provider'

/** Name of the tool and of its argument. */
export const LOOKUP = 'lookup'
/** What the tool answers. */
export const foundFor = (row: number): string => `row ${row} is there`
/** The text of the last answer. */
export const DONE = 'done'
/** One piece of a streamed answer. */
export const CHUNK = 'some text '

const USAGE = {
  inputTokens: { total: 20, noCache: 20, cacheRead: 0, cacheWrite: 0 },
  outputTokens: { total: 5, text: 5, reasoning: 0 },
}

/** The parts of an answer that calls the tool. */
export function callParts(turn: number): readonly LanguageModelV4StreamPart[] {
  return [
    { type: 'stream-start', warnings: [] },
    { type: 'tool-call', toolCallId: `call-${turn}`, toolName: LOOKUP, input: JSON.stringify({ row: turn }) },
    { type: 'finish', usage: USAGE, finishReason: { unified: 'tool-calls', raw: 'tool_calls' } },
  ]
}

/** The parts of an answer of `chunks` pieces of text. */
export function textParts(chunks: number): readonly LanguageModelV4StreamPart[] {
  const piece = { type: 'text-delta', id: '0', delta: chunks === 1 ? DONE : CHUNK } as const
  return [
    { type: 'stream-start', warnings: [] },
    { type: 'text-start', id: '0' },
    ...Array.from({ length: chunks }, () => piece),
    { type: 'text-end', id: '0' },
    { type: 'finish', usage: USAGE, finishReason: { unified: 'stop', raw: 'stop' } },
  ]
}

/** A stream of parts that are all there already; one is handed out when it is asked for. */
export function streamOf(parts: readonly LanguageModelV4StreamPart[]): ReadableStream<LanguageModelV4StreamPart> {
  let next = 0
  return new ReadableStream(
    {
      pull: (controller) => {
        const part = parts[next]
        next += 1
        if (part === undefined) controller.close()
        else controller.enqueue(part)
      },
    },
    { highWaterMark: 0 },
  )
}

/** What the model does in a run: call the tool so many times, then end with a text of so many pieces. */
export interface Script {
  readonly turns: number
  readonly chunks: number
}

/** A model that counts the tool results it is shown and answers by the script that is in force. */
export function turnModel(script: () => Script): LanguageModelV4 {
  return {
    specificationVersion: 'v4',
    provider: 'bench',
    modelId: 'turns',
    supportedUrls: {},
    doGenerate: () => Promise.reject(new Error('only streams are measured')),
    doStream: async ({ prompt }) => {
      const { turns, chunks } = script()
      const results = prompt.filter(({ role }) => role === 'tool').length
      return { stream: streamOf(results < turns ? callParts(results + 1) : textParts(chunks)) }
    },
  }
}

/** OpenAI Agents with a model of our own: nothing of it is stored, tracing is off. */
import { Agent, type Model, Runner, tool, Usage } from '@openai/agents'
import { z } from 'zod'
import { serve } from './serve.ts'
import { CHUNK, DONE, foundFor, LOOKUP, type Script } from './turn-model.ts'

type Events = ReturnType<Model['getStreamedResponse']>
type Input = Parameters<Model['getStreamedResponse']>[0]['input']

let script: Script = { turns: 0, chunks: 1 }
let executed = 0
const usage = { inputTokens: 20, outputTokens: 5, totalTokens: 25 }

/** How many results of the tool the model is shown. */
function resultsIn(input: Input): number {
  return typeof input === 'string' ? 0 : input.filter((item) => item.type === 'function_call_result').length
}

async function* answer(input: Input): AsyncGenerator<Events extends AsyncIterable<infer Event> ? Event : never> {
  const { turns, chunks } = script
  const results = resultsIn(input)
  yield { type: 'response_started' }
  if (results < turns) {
    const row = results + 1
    const call = { name: LOOKUP, callId: `call-${row}`, arguments: JSON.stringify({ row }) }
    const output = [{ type: 'function_call' as const, status: 'completed' as const, ...call }]
    yield { type: 'response_done', response: { id: `answer-${row}`, usage, output } }
    return
  }
  for (let i = 0; i < chunks; i++) yield { type: 'output_text_delta', delta: chunks === 1 ? DONE : CHUNK }
  const content = [{ type: 'output_text' as const, text: chunks === 1 ? DONE : CHUNK.repeat(chunks) }]
  const message = { type: 'message' as const, role: 'assistant' as const, status: 'completed' as const, content }
  yield { type: 'response_done', response: { id: 'last', usage, output: [message] } }
}

const model: Model = {
  getResponse: async () => ({ usage: new Usage(), output: [] }),
  getStreamedResponse: ({ input }) => answer(input),
}

const lookup = tool({
  name: LOOKUP,
  description: 'looks a row up',
  parameters: z.object({ row: z.number() }),
  execute: async ({ row }) => {
    executed += 1
    return foundFor(row)
  },
})
const agent = new Agent({ name: 'bench', instructions: 'Look rows up.', model, tools: [lookup] })
const runner = new Runner({ tracingDisabled: true })

async function run(turns: number, chunks: number): Promise<number> {
  script = { turns, chunks }
  const result = await runner.run(agent, 'go', { stream: true, maxTurns: turns + 2 })
  let seen = 0
  for await (const event of result) {
    if (event.type === 'raw_model_stream_event' && event.data.type === 'output_text_delta') seen += 1
  }
  await result.completed
  return seen
}

serve({
  agent: async (_runs, each) => {
    const before = executed
    await run(each, 1)
    if (executed - before !== each) throw new Error(`${executed - before} calls of the tool in ${each} turns`)
  },
  chunks: async (_runs, each) => {
    const seen = await run(0, each)
    if (seen !== each) throw new Error(`${seen} pieces of ${each}`)
  },
  bytes: () => 0,
  close: async () => undefined,
})

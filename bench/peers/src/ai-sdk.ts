/** The AI SDK's loop of `streamText`: nothing of it is stored. */
import { isStepCount, streamText, tool } from 'ai'
import { z } from 'zod'
import { serve } from './serve.ts'
import { foundFor, LOOKUP, type Script, turnModel } from './turn-model.ts'

let script: Script = { turns: 0, chunks: 1 }
let executed = 0
const model = turnModel(() => script)
const tools = {
  [LOOKUP]: tool({
    description: 'looks a row up',
    inputSchema: z.object({ row: z.number() }),
    execute: async ({ row }) => {
      executed += 1
      return foundFor(row)
    },
  }),
}

async function run(turns: number, chunks: number): Promise<number> {
  script = { turns, chunks }
  let seen = 0
  const { textStream } = streamText({ model, tools, prompt: 'go', stopWhen: isStepCount(turns + 1), maxRetries: 0 })
  for await (const _text of textStream) seen += 1
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

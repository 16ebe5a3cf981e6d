/**
 * LangGraph's ready-made agent: without a checkpointer it stores nothing; with the word `sqlite` as third argument its
 * SQLite checkpointer writes every step, durability `sync`, each commit flushed.
 */
import { join } from 'node:path'
import type { CallbackManagerForLLMRun } from '@langchain/core/callbacks/manager'
import { BaseChatModel } from '@langchain/core/language_models/chat_models'
import { AIMessage, AIMessageChunk, type BaseMessage } from '@langchain/core/messages'
import { ChatGenerationChunk, type ChatResult } from '@langchain/core/outputs'
import { tool } from '@langchain/core/tools'
import { createReactAgent } from '@langchain/langgraph/prebuilt'
import { SqliteSaver } from '@langchain/langgraph-checkpoint-sqlite'
import { z } from 'zod'
import { serve } from './serve.ts'
import { CHUNK, DONE, foundFor, LOOKUP, type Script } from './turn-model.ts'

const [folder = '.', sync = 'full', where = 'memory'] = process.argv.slice(2)
let script: Script = { turns: 0, chunks: 1 }
let executed = 0

class TurnModel extends BaseChatModel {
  override _llmType(): string {
    return 'bench'
  }

  override bindTools(): TurnModel {
    return this
  }

  override async _generate(messages: BaseMessage[]): Promise<ChatResult> {
    const row = messages.filter((message) => message.getType() === 'tool').length + 1
    const calls = row <= script.turns ? [{ id: `call-${row}`, name: LOOKUP, args: { row } }] : []
    const message = new AIMessage({ content: calls.length > 0 ? '' : DONE, tool_calls: calls })
    return { generations: [{ text: DONE, message }] }
  }

  /** Used where somebody reads the text as it comes. */
  override async *_streamResponseChunks(
    _messages: BaseMessage[],
    _options: this['ParsedCallOptions'],
    manager?: CallbackManagerForLLMRun,
  ): AsyncGenerator<ChatGenerationChunk> {
    for (let i = 0; i < script.chunks; i++) {
      const message = new AIMessageChunk(CHUNK)
      const chunk = new ChatGenerationChunk({ text: CHUNK, message })
      yield chunk
      await manager?.handleLLMNewToken(CHUNK, undefined, undefined, undefined, undefined, { chunk })
    }
  }
}

const lookup = tool(
  async ({ row }) => {
    executed += 1
    return foundFor(row)
  },
  { name: LOOKUP, description: 'looks a row up', schema: z.object({ row: z.number() }) },
)

function saver(): SqliteSaver {
  const made = SqliteSaver.fromConnString(join(folder, 'agent.db'))
  made.db.pragma('journal_mode = WAL')
  made.db.pragma(`synchronous = ${sync === 'off' ? 'OFF' : 'FULL'}`)
  return made
}

const checkpointer = where === 'sqlite' ? saver() : null
const agent = createReactAgent({
  llm: new TurnModel({}),
  tools: [lookup],
  ...(checkpointer ? { checkpointer } : {}),
})

let threads = 0
function config(turns: number) {
  threads += 1
  const durable = checkpointer ? ({ durability: 'sync' } as const) : {}
  return { configurable: { thread_id: `t${threads}` }, recursionLimit: turns * 2 + 10, ...durable }
}

const input = { messages: [{ role: 'user', content: 'go' }] }
serve({
  agent: async (_runs, each) => {
    script = { turns: each, chunks: 1 }
    const before = executed
    await agent.invoke(input, config(each))
    if (executed - before !== each) throw new Error(`${executed - before} calls of the tool in ${each} turns`)
  },
  ...(checkpointer
    ? {}
    : {
        chunks: async (_runs: number, each: number) => {
          script = { turns: 0, chunks: each }
          let seen = 0
          for await (const _part of await agent.stream(input, { ...config(0), streamMode: 'messages' as const }))
            seen += 1
          if (seen < each) throw new Error(`${seen} pieces of ${each}`)
        },
      }),
  bytes: () => 0,
  close: async () => {
    checkpointer?.db.close()
  },
})

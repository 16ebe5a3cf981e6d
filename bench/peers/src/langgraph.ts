/**
 * LangGraph with its SQLite checkpointer and durability `sync`: a checkpoint is written before the next superstep
 * begins. Its driver leaves out the flush of each commit by default; it is switched on here (`off` leaves it out).
 */
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { AIMessage, type BaseMessage, HumanMessage, ToolMessage } from '@langchain/core/messages'
import { Annotation, END, MessagesAnnotation, START, StateGraph } from '@langchain/langgraph'
import { SqliteSaver } from '@langchain/langgraph-checkpoint-sqlite'
import { answerOf, messageOf, resultOf, stateOf } from './payload.ts'
import { serve } from './serve.ts'

const [folder = '.', sync = 'full'] = process.argv.slice(2)
const path = join(folder, 'langgraph.db')
const checkpointer = SqliteSaver.fromConnString(path)
const { db } = checkpointer
db.pragma('journal_mode = WAL')
db.pragma(`synchronous = ${sync === 'off' ? 'OFF' : 'FULL'}`)

const Work = Annotation.Root({
  left: Annotation<number>,
  step: Annotation<number>,
  text: Annotation<string>,
  work: Annotation<{ step: number; text: string }>,
})

const steps = new StateGraph(Work)
  .addNode('work_node', ({ left, step }) => ({
    left: left - 1,
    step: step + 1,
    text: messageOf(step),
    work: { step: step + 1, text: stateOf(step + 1) },
  }))
  .addEdge(START, 'work_node')
  .addConditionalEdges('work_node', ({ left }) => (left > 0 ? 'work_node' : END), ['work_node', END])
  .compile({ checkpointer })

type Begins = (turn: number) => void

/** A turn is two supersteps here: the model's answer, and the tool's result. */
function agent(turns: number, begins: Begins) {
  const turnOf = (messages: readonly BaseMessage[]): number => (messages.length - 1) / 2 + 1
  return new StateGraph(MessagesAnnotation)
    .addNode('model', ({ messages }) => {
      const turn = turnOf(messages)
      if (turn > turns) return { messages: [new AIMessage('done')] }
      begins(turn)
      const call = { id: `call-${turn}`, name: 'record', args: { row: turn, text: answerOf(turn) } }
      return { messages: [new AIMessage({ content: '', tool_calls: [call] })] }
    })
    .addNode('tool', ({ messages }) => {
      const turn = turnOf(messages.slice(1))
      return { messages: [new ToolMessage({ tool_call_id: `call-${turn}`, content: resultOf(turn) })] }
    })
    .addEdge(START, 'model')
    .addConditionalEdges('model', ({ messages }) => (messages.length <= turns * 2 ? 'tool' : END), ['tool', END])
    .addEdge('tool', 'model')
    .compile({ checkpointer })
}

let threads = 0
function config(each: number) {
  threads += 1
  return {
    configurable: { thread_id: `t${threads}` },
    durability: 'sync',
    recursionLimit: each * 2 + 10,
  } as const
}

async function together(runs: number, run: () => Promise<unknown>): Promise<void> {
  await Promise.all(Array.from({ length: runs }, run))
}

serve({
  steps: (runs, each) => together(runs, () => steps.invoke({ left: each, step: 0, text: messageOf(0) }, config(each))),
  turns: (runs, each) => {
    const graph = agent(each, () => undefined)
    return together(runs, () => graph.invoke({ messages: [new HumanMessage(String(each))] }, config(each)))
  },
  conversation: async (turns, mark) => {
    await agent(turns, mark).invoke({ messages: [new HumanMessage(String(turns))] }, config(turns))
    mark(turns + 1)
  },
  bytes: () => {
    db.pragma('wal_checkpoint(TRUNCATE)')
    return statSync(path).size
  },
  close: async () => {
    db.close()
  },
})

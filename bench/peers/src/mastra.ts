/**
 * Mastra's workflow with its libSQL storage. It writes the run's whole snapshot when a step begins, which holds what
 * the step before gave. Its storage sets `synchronous = NORMAL` for itself, which leaves out the flush of each commit;
 * the client that it is given here sets `FULL` in its place (`off` leaves flushes out).
 */
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { type Client, createClient } from '@libsql/client'
import { Mastra } from '@mastra/core/mastra'
import { createStep, createWorkflow } from '@mastra/core/workflows'
import { LibSQLStore } from '@mastra/libsql'
import { z } from 'zod'
import { answerOf, messageOf, resultOf, stateOf } from './payload.ts'
import { serve } from './serve.ts'

const [folder = '.', sync = 'full'] = process.argv.slice(2)
const path = join(folder, 'mastra.db')

/** One connection, so that what is set for it holds for every write. */
function flushing(): Client {
  const client = createClient({ url: `file:${path}`, concurrency: 1, timeout: 5_000 })
  const wanted = `PRAGMA synchronous = ${sync === 'off' ? 'OFF' : 'FULL'};`
  return new Proxy(client, {
    get: (target, name) => {
      if (name === 'execute')
        return (statement: Parameters<Client['execute']>[0]) =>
          target.execute(typeof statement === 'string' && statement.includes('synchronous') ? wanted : statement)
      const value: unknown = Reflect.get(target, name)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

const client = flushing()
const storage = new LibSQLStore({ id: 'bench', client })

const Message = z.object({ left: z.number(), step: z.number(), text: z.string() })
const Work = z.object({ step: z.number(), text: z.string() })

const step = createStep({
  id: 'step',
  inputSchema: Message,
  outputSchema: Message,
  stateSchema: Work,
  execute: async ({ inputData, setState }) => {
    const at = inputData.step
    await setState({ step: at + 1, text: stateOf(at + 1) })
    return { left: inputData.left - 1, step: at + 1, text: messageOf(at) }
  },
})

const steps = createWorkflow({ id: 'bench-steps', inputSchema: Message, outputSchema: Message, stateSchema: Work })
  .dowhile(step, async ({ inputData }) => inputData.left > 0)
  .commit()

/** A turn is two steps here: the model's answer, and the tool's result. Both loop as one nested workflow. */
const model = createStep({
  id: 'model',
  inputSchema: Message,
  outputSchema: Message,
  execute: async ({ inputData }) => ({ ...inputData, text: answerOf(inputData.step) }),
})
const tool = createStep({
  id: 'tool',
  inputSchema: Message,
  outputSchema: Message,
  execute: async ({ inputData }) => ({
    left: inputData.left - 1,
    step: inputData.step + 1,
    text: resultOf(inputData.step),
  }),
})
const turn = createWorkflow({ id: 'bench-turn', inputSchema: Message, outputSchema: Message })
  .then(model)
  .then(tool)
  .commit()
const turns = createWorkflow({ id: 'bench-turns', inputSchema: Message, outputSchema: Message })
  .dowhile(turn, async ({ inputData }) => inputData.left > 0)
  .commit()

const mastra = new Mastra({ storage, workflows: { steps, turns, turn }, logger: false })
await storage.init()

async function together(runs: number, run: () => Promise<{ status: string }>): Promise<void> {
  const ends = await Promise.all(Array.from({ length: runs }, run))
  const other = ends.find(({ status }) => status !== 'success')
  if (other) throw new Error(`a run of Mastra ended as ${JSON.stringify(other).slice(0, 500)}`)
}

serve({
  steps: (runs, each) =>
    together(runs, async () => {
      const run = await mastra.getWorkflow('steps').createRun()
      return run.start({
        inputData: { left: each, step: 0, text: messageOf(0) },
        initialState: { step: 0, text: stateOf(0) },
      })
    }),
  turns: (runs, each) =>
    together(runs, async () => {
      const run = await mastra.getWorkflow('turns').createRun()
      return run.start({ inputData: { left: each, step: 0, text: messageOf(0) } })
    }),
  bytes: () => statSync(path).size,
  close: async () => {
    client.close()
  },
})

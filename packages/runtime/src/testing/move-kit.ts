import { z } from 'zod'
import { agent } from '../agents/index.ts'
import type { RunRecord } from '../contracts/records.ts'
import { appended, owned, workflow } from '../orchestration/index.ts'
import { type BenchBox, PAUL, WIDE_BUDGET } from './bench-box.ts'
import type { PayTool } from './engine-kit.ts'

/** Three steps, the middle one an agent that pays in two turns. */
export function steps(pay: PayTool, version = '1.0.0') {
  const clerk = agent({
    name: 'clerk',
    model: 'scripted/clerk',
    instructions: 'pay',
    maxOutputTokens: 50,
    tools: [pay],
    input: z.number(),
    output: z.string(),
  })
  return workflow({
    name: 'steps',
    version,
    input: z.number(),
    output: z.string(),
    budget: WIDE_BUDGET,
    state: { notes: appended(z.string()), last: owned('close', z.string()) },
    tools: [pay],
  })
    .node('open', {
      input: z.number(),
      output: z.number(),
      run: (n, ctx) => {
        ctx.write({ notes: `opened ${n}` })
        return n
      },
    })
    .agent('clerk', clerk, { prompt: (n) => `pay ${n}` })
    .node('close', {
      input: z.string(),
      output: z.string(),
      run: async (text, ctx) => {
        const end = await ctx.call(pay, { to: 'fee', amount: 1 })
        ctx.write({ notes: 'closed', last: text })
        return `${ctx.state.notes.join(', ')}; ${text}; fee ${end.status}`
      },
    })
    .start('open')
    .edge('open', 'clerk')
    .edge('clerk', 'close')
    .output('close')
    .build()
}
/** What the model of `steps` asks for, turn by turn. */
export const turns = [
  [{ tool: 'pay.send', args: { to: 'bob', amount: 1 } }],
  [{ tool: 'pay.send', args: { to: 'eve', amount: 2 } }],
]

/** Puts a run back to a point, or makes another from it; gives the id of the run that goes on. */
export type Move = (one: BenchBox, runId: string, seq: number) => Promise<string>

/** A restore, as the operator of the box does it. */
export const restore: Move = async (one, runId, seq) => {
  await one.sb.runs.restore({ runId, seq, by: PAUL, reason: 'do it again' })
  return runId
}
/** A fork with the default plan. */
export const fork: Move = async (one, runId, seq) =>
  (await one.sb.runs.fork({ runId, seq, by: PAUL, reason: 'try it another way' })).runId

/** Both ways to take a run up again from a record. */
export const MOVES = [
  ['restore', restore],
  ['fork', fork],
] as const

/** Sequence of the last record. */
export async function lastSeq(one: BenchBox, runId: string): Promise<number> {
  return (await one.row(runId)).seq
}

/** The record after which nothing but what a test changes comes: the first that the function finds. */
export async function recordOf(one: BenchBox, runId: string, wanted: (record: RunRecord) => boolean): Promise<number> {
  const found = (await one.records(runId)).find(wanted)
  if (!found) throw new Error('the run has no such record')
  return found.seq
}

/** Waits until the run has ended or a person is asked; gives how it stands. */
export function settled(one: BenchBox, runId: string): Promise<string> {
  return one.settle(async () => {
    const { status } = await one.row(runId)
    if (status === 'completed' || status === 'stopped') return status
    const asked = [...(await one.open('question')), ...(await one.open())].filter((row) => row.runId === runId)
    return asked.length > 0 && status === 'waiting' ? 'asked' : null
  }, 'the end or a question')
}

import { z } from 'zod'
import { agent, type Script } from '../agents/index.ts'
import type { JsonValue } from '../base/json.ts'
import type { ModelHandle, ModelRequest } from '../contracts/model.ts'
import type { AnyTool } from '../contracts/tool.ts'
import type { Agent } from '../contracts/workflow.ts'
import { onTimeline, timelineRanges } from '../reliability/timeline.ts'
import { ANA, type BenchBox, type BoxOptions, PAUL } from './bench-box.ts'
import { scriptedModel } from './scripted-model.ts'

/** An agent that talks: text in, text out, on the scripted model of its own name. */
export function talker(name: string, tools: readonly AnyTool[] = []): Agent<string, string> {
  return agent({
    name,
    model: `scripted/${name}`,
    instructions: `You are ${name}.`,
    maxOutputTokens: 400,
    tools,
    input: z.string(),
    output: z.string(),
  })
}

/** Scripted models by the names of the agents that speak with them. */
export function voices(scripts: Readonly<Record<string, Script>>): ModelHandle[] {
  return Object.entries(scripts).map(([name, script]) => scriptedModel(name, script))
}

function partText(part: Exclude<ModelRequest['messages'][number]['content'], string>[number]): string {
  return 'text' in part ? part.text : ''
}

/** The last thing that was put to the model by somebody else than itself. */
export function lastAsked({ messages }: ModelRequest): string {
  const last = messages.findLast((message) => message.role === 'user')
  return last?.role === 'user' ? last.content.map(partText).join('') : ''
}

/** True when the model has the result of a call since it was last asked. */
export function hasResult({ messages }: ModelRequest): boolean {
  return messages.at(-1)?.role === 'tool'
}

/** Pays once when asked, then says so: a script for an agent with the payment tool. */
export function payer(to: string, amount: number, said = `paid ${to}`): Script {
  return (request) => (hasResult(request) ? said : { calls: [{ tool: 'pay.send', args: { to, amount } }] })
}

/** Answers of people by port, in the order in which the port asks. */
export type People = Readonly<Record<string, readonly JsonValue[]>>

/**
 * Answers whoever asks until the run has ended: approvals are approved, effects that nobody can look up did not happen,
 * ports get their next answer. What was answered before is read from the records, so that it goes on in any process.
 */
export async function finish(one: BenchBox, runId: string, people: People = {}): Promise<void> {
  await one.settle(async () => {
    const { status } = await one.row(runId)
    if (status === 'completed' || status === 'stopped') return status
    if ((await one.open()).length > 0) await one.decide('approved')
    for (const row of await one.open('request')) {
      const records = await one.records(runId)
      const line = timelineRanges(
        records.length,
        records.filter((record) => record.type === 'branch.started'),
      )
      const before = records.filter(
        ({ seq, ...record }) =>
          record.type === 'response.received' && record.node === row.tool && onTimeline(line, seq),
      )
      const value = people[row.tool ?? '']?.[before.length]
      if (value === undefined) throw new Error(`nobody answers \`${row.tool}\` the ${before.length + 1}. time`)
      await one.sb.runs.respond({ requestId: row.id, value, by: PAUL })
      await one.closed(row.id)
    }
    return null
  }, 'the end')
}

/** Reads the whole stream of a run; gives how many records came. */
export async function watched(one: BenchBox, runId: string): Promise<number> {
  let records = 0
  for await (const item of one.sb.runs.stream('acme', runId)) if (item.kind === 'record') records += 1
  return records
}

/**
 * Restores a run that has ended to each of its checkpoints and save points, twice each in a process of its own, and
 * lets it end again. Gives where it ended otherwise than before, in sentences.
 */
export async function restoredTwice(
  first: BenchBox,
  runId: string,
  changes: Partial<BoxOptions>,
  end: (one: BenchBox) => Promise<void>,
): Promise<string[]> {
  await first.kill()
  const { output } = await first.ended(runId)
  const found: string[] = []
  for (const { seq, kind } of await first.sb.runs.restorePoints(ANA.tenant, runId)) {
    for (const time of ['first', 'second']) {
      const fresh = first.another(changes)
      await fresh.sb.runs.restore({ runId, seq, by: PAUL, reason: `the ${time} time` })
      fresh.work()
      await end(fresh)
      const again = JSON.stringify((await fresh.ended(runId)).output)
      if (again !== JSON.stringify(output)) found.push(`the ${time} time from ${kind} ${seq}: ${again}`)
      await fresh.kill()
    }
  }
  return found
}

import { z } from 'zod'
import { agent } from '../agents/index.ts'
import type { ModelHandle, ModelRequest } from '../contracts/model.ts'
import type { AnyTool } from '../contracts/tool.ts'
import type { SessionKind } from '../contracts/workflow.ts'
import { draftWorkflow } from '../orchestration/builder.ts'
import { port, type Workflow } from '../orchestration/index.ts'
import { type BenchBox, PAUL, WIDE_BUDGET } from './bench-box.ts'
import { scriptedModel } from './scripted-model.ts'

/** Changes to the chat; the agent's other options may be given whole. */
export interface ChatOptions {
  readonly session?: SessionKind
  readonly version?: string
  readonly instructions?: string
  readonly tools?: readonly AnyTool[]
  readonly upgradeFrom?: string
  /** Name of the agent's node. Default `talk`. */
  readonly node?: string
  readonly more?: Partial<Parameters<typeof agent>[0]>
}

const Text = z.string()

/** A chat: the agent answers what it is told, waits at a port for the next text, and ends when it is told `bye`. */
export function chatFlow(options: ChatOptions = {}): Workflow<string, string> {
  const { session = 'kept', version = '1.0.0', instructions = 'talk', tools = [], node = 'talk', more = {} } = options
  const talker = agent({
    name: 'talker',
    model: 'scripted/talker',
    instructions,
    maxOutputTokens: 200,
    tools,
    input: Text,
    output: Text,
    ...more,
    // The schemas are those above: only limits are changed.
  } as Parameters<typeof agent<typeof Text, typeof Text>>[0])
  const built = draftWorkflow({
    name: 'chat',
    version,
    input: Text,
    output: Text,
    budget: { ...WIDE_BUDGET, maxTurns: 5_000 },
    state: {},
    maxSupersteps: 10_000,
  })
    .agent(node, talker, { prompt: (text) => String(text), session })
    .node('end', { input: Text, output: Text, run: (text) => text })
    .port('user', port({ name: 'user', request: Text, response: Text, deadlineSeconds: 86_400 }))
    .start(node)
    .switch(node, [{ when: (text) => String(text).startsWith('bye'), to: 'end' }], 'user')
    .edge('user', node)
    .output('end')
  const { upgradeFrom: from } = options
  const whole = from === undefined ? built : built.upgrade({ from, nodes: node === 'talk' ? {} : { talk: node } })
  // Every message of the graph is text.
  return whole.build() as Workflow<string, string>
}

/** A model that answers `<n> <last text>`, n being the number of user messages it was shown; and every request it got. */
export function talkerModel(): { readonly model: ModelHandle; readonly seen: readonly ModelRequest[] } {
  const seen: ModelRequest[] = []
  const model = scriptedModel('talker', (request) => {
    seen.push(request)
    const texts = userTexts(request)
    const last = texts.at(-1) ?? ''
    return last === 'bye' ? `bye after ${texts.length}` : `${texts.length} ${last}`
  })
  return { model, seen }
}

/** The texts of the user side that a model was shown, in order. */
export function userTexts(request: ModelRequest | undefined): readonly string[] {
  return (request?.messages ?? []).flatMap((message) =>
    message.role === 'user' ? message.content.flatMap((part) => (part.type === 'text' ? [part.text] : [])) : [],
  )
}

/** Says something to a chat that waits, and waits until it waits again or has ended. */
export async function say(one: BenchBox, runId: string, text: string): Promise<void> {
  const ask = async () => {
    const [open] = await one.sb.runs.requests({ tenant: 'acme', runId, state: 'open', kind: 'request', limit: 1 })
    return open ?? null
  }
  const { id } = await one.until(ask, 'a request of the chat')
  await one.sb.runs.respond({ requestId: id, value: text, by: PAUL })
  await one.until(async () => {
    const { status } = await one.row(runId)
    if (status !== 'waiting') return status === 'running' || status === 'queued' ? null : true
    const now = await ask()
    return now !== null && now.id !== id ? true : null
  }, `an answer to ${text}`)
}

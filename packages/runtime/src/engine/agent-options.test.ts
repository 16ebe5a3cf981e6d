import { afterEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { ContextProvider } from '../agents/index.ts'
import type { ModelRequest } from '../contracts/model.ts'
import { lineageGaps } from '../observability/index.ts'
import { toolResults } from '../testing/agent-kit.ts'
import { benchSet, type BenchBox } from '../testing/bench-box.ts'
import { type ChatOptions, chatFlow, say, talkerModel, userTexts } from '../testing/chat-kit.ts'
import { readTool } from '../testing/engine-kit.ts'
import { scriptedModel } from '../testing/scripted-model.ts'
import { scriptedPolicy } from '../testing/scripted-policy.ts'
import { tool } from '../tools/index.ts'

const set = benchSet()
const { box } = set
afterEach(() => set.close())

function notes(text: () => string, labels?: { integrity: 0; marks: string[] }) {
  return tool({
    name: 'notes.read',
    class: 'records.read',
    effect: 'none',
    input: z.object({ about: z.string() }),
    output: z.string(),
    ...(labels ? { labels } : {}),
    execute: async ({ about }) => `${about}: ${text()}`,
  })
}

const chat = (more: ChatOptions['more'], tools: ChatOptions['tools'] = []) =>
  chatFlow({ tools, ...(more ? { more } : {}) })

describe('a context provider', () => {
  const provider = (over: Partial<ContextProvider> = {}): ContextProvider => ({
    name: 'notes',
    reads: { tool: notes(() => 'n'.repeat(20)), args: () => ({ about: 'ana' }) },
    text: (_view, found) => String(found),
    ...over,
  })

  it('AGT-150: is shown before each call after the instructions, read through the door, and not kept in the conversation', async () => {
    let n = 0
    const { model, seen } = talkerModel()
    const read = notes(() => `note ${++n}`, { integrity: 0, marks: ['personal'] })
    const flow = chat({ context: [provider({ reads: { tool: read, args: () => ({ about: 'ana' }) } })] })
    const one = box({ workflows: [flow], models: [model] })
    one.work()
    const { runId } = await one.run('chat', 'a')
    await say(one, runId, 'b')
    expect(userTexts(seen[0])).toEqual(['[Context `notes`]\nana: note 1', 'a'])
    expect(userTexts(seen[1])).toEqual(['[Context `notes`]\nana: note 2', 'a', expect.stringContaining('b')])
    expect(seen[0]?.messages[0]?.role).toBe('system')
    expect(seen[0]?.tools).toEqual([])
    const outcomes = await one.of(runId, 'activity.outcome')
    expect(outcomes.filter((each) => each.name === 'notes.read').map((each) => each.status)).toEqual([
      'succeeded',
      'succeeded',
    ])
    const asked = (await one.of(runId, 'activity.intent')).filter((each) => each.proposal.kind === 'model')
    expect(asked.map((each) => each.proposal.labels.marks)).toEqual([['personal'], ['personal']])
    // The record tells what the model was shown.
    const contents = await one.sb.runs.contents('acme', runId)
    const [args] = await Promise.all(asked.slice(0, 1).map((each) => contents.read(each.proposal.args)))
    expect(JSON.stringify(args)).toContain('ana: note 1')
    expect(lineageGaps(await one.records(runId))).toEqual([])
    const saved = (await one.of(runId, 'position.saved'))[0]
    expect(saved?.list.length).toBe(3)
  })

  it('AGT-151: one that is kept is made once for an activation and is part of the conversation', async () => {
    const { model, seen } = talkerModel()
    const one = box({ workflows: [chat({ context: [provider({ keep: true })] })], models: [model] })
    one.work()
    const { runId } = await one.run('chat', 'a')
    expect(userTexts(seen[0])).toEqual([expect.stringContaining('[Context `notes`]\nana: n'), 'a'])
    expect((await one.of(runId, 'position.saved'))[0]?.list.length).toBe(4)
  })

  it('AGT-152: longer text is cut and says so; no text shows nothing', async () => {
    const { model, seen } = talkerModel()
    const cut = provider({ maxBytes: 10 })
    const none: ContextProvider = { name: 'none', text: () => null }
    const pure: ContextProvider = { name: 'pure', text: ({ messages }) => `${messages.length} messages` }
    const one = box({ workflows: [chat({ context: [cut, none, pure] })], models: [model] })
    one.work()
    await one.run('chat', 'a')
    expect(userTexts(seen[0])).toEqual([
      '[Context `notes`]\nana: nnnnn\n[cut at 10 bytes]',
      '[Context `pure`]\n2 messages',
      'a',
    ])
  })

  it('AGT-153: a read that is denied fails the agent before the model is called, or is skipped where that is declared', async () => {
    const policy = scriptedPolicy({
      tools: { 'notes.read': { class: 'records.read', effect: 'none' } },
      decide: ({ action }) => (action.name === 'notes.read' ? { verdict: 'deny', reason_code: 'NO_NOTES' } : undefined),
    })
    for (const onFailure of ['fail', 'skip'] as const) {
      const { model, seen } = talkerModel()
      const one = box({ workflows: [chat({ context: [provider({ onFailure })] })], models: [model], policy })
      one.work()
      const { runId, status } = await one.run('chat', 'a')
      expect(status).toBe(onFailure === 'fail' ? 'stopped' : 'waiting')
      expect(seen).toHaveLength(onFailure === 'fail' ? 0 : 1)
      if (onFailure === 'fail') expect((await one.ended(runId)).reason).toMatchObject({ code: 'TOOL_FAILED' })
    }
  })

  it('AGT-154: faults of its declaration are told with the others', () => {
    const writes = { ...notes(() => ''), effect: 'irreversible' as const }
    const wrong = provider({ reads: { tool: writes, args: () => ({}) }, maxBytes: 0 })
    expect(() =>
      chat({ context: [wrong, provider()], maxCallsPerTurn: 0, compaction: { aboveTokens: 0, steps: [] } }),
    ).toThrow(/maxCallsPerTurn.*has an effect.*maxBytes.*listed twice.*compaction/s)
  })
})

describe('compaction', () => {
  async function long(one: BenchBox, texts: number): Promise<string> {
    one.work()
    const { runId } = await one.run('chat', `t0 ${'x'.repeat(200)}`)
    for (let i = 1; i < texts; i++) await say(one, runId, `t${i} ${'x'.repeat(200)}`)
    return runId
  }

  it('AGT-163: keeps the conversation below its bound, the first and the last text of the user in it, and the rest on record', async () => {
    const { model, seen } = talkerModel()
    const flow = chat({ compaction: { aboveTokens: 2_500, steps: [{ kind: 'sliding_window', keepGroups: 2 }] } })
    const one = box({ workflows: [flow], models: [model] })
    const runId = await long(one, 12)
    const last = userTexts(seen.at(-1))
    expect(last[0]).toMatch(/^t0/)
    expect(last[1]).toBe('[Earlier messages of this conversation were left out.]')
    expect(last.at(-1)).toMatch(/^t11/)
    expect(Math.max(...seen.map((request) => JSON.stringify(request.messages).length))).toBeLessThan(6_000)
    const lists = (await one.of(runId, 'position.saved')).map((each) => each.append.before.length)
    expect(lists).toContain(0)
    // Another process reads the shorter list and goes on with it.
    await one.kill()
    const other = one.another()
    other.work()
    await say(other, runId, 't12')
    expect(userTexts(seen.at(-1)).slice(0, 2)).toEqual(last.slice(0, 2))
    expect(userTexts(seen.at(-1)).at(-1)).toBe('t12')
  })

  it('AGT-164: a summary is a model call of its own: decided, priced, on record; it stands where the messages were', async () => {
    const requests: ModelRequest[] = []
    const model = scriptedModel('talker', (request) => {
      requests.push(request)
      return JSON.stringify(request.messages[0]).includes('Summarize') ? 'they talked about t1' : 'said'
    })
    const steps = [{ kind: 'summary', keepGroups: 2 }] as const
    const flow = chat({ compaction: { aboveTokens: 1_500, steps } })
    const one = box({ workflows: [flow], models: [model] })
    const runId = await long(one, 8)
    const summaries = requests.filter((request) => JSON.stringify(request.messages[0]).includes('Summarize'))
    expect(summaries.length).toBeGreaterThan(0)
    expect(JSON.stringify(summaries[0]?.messages)).toContain('t1 xxx')
    expect(userTexts(requests.at(-1))[1]).toContain('they talked about t1')
    const intents = (await one.of(runId, 'activity.intent')).filter((each) => each.proposal.kind === 'model')
    expect(intents).toHaveLength(requests.length)
    const contents = await one.sb.runs.contents('acme', runId)
    const args = await Promise.all(intents.map((each) => contents.read(each.proposal.args)))
    expect(args.filter((each) => JSON.stringify(each).includes('"compaction":"summary"'))).toHaveLength(
      summaries.length,
    )
    expect(lineageGaps(await one.records(runId))).toEqual([])
  })

  it('AGT-165: a run that is taken up before the save point makes the same of the conversation', async () => {
    const { model, seen } = talkerModel()
    let dying = true
    let died: () => void = () => undefined
    const death = new Promise<void>((resolve) => {
      died = resolve
    })
    const flow = chat({ compaction: { aboveTokens: 2_500, steps: [{ kind: 'sliding_window', keepGroups: 2 }] } })
    const one = box({
      workflows: [flow],
      models: [model],
      // The process dies with the answer of the first call that was shown a shorter conversation.
      fault: (point) => {
        const shorter = JSON.stringify(seen.at(-1)?.messages ?? '').includes('left out')
        if (point !== 'answered' || !shorter || !dying) return
        dying = false
        void one.kill().then(died)
        return new Promise(() => undefined)
      },
    })
    one.work()
    const { runId } = await one.run('chat', `t0 ${'x'.repeat(200)}`)
    for (let i = 1; i < 6 && dying; i++)
      await Promise.race([say(one, runId, `t${i} ${'x'.repeat(200)}`).catch(() => undefined), death])
    expect(dying).toBe(false)
    const before = seen.length
    await one.host.advance(16_000)
    const other = one.another({ fault: () => undefined })
    other.work()
    await other.until(() => (seen.length > before ? true : null), 'the call again')
    expect(userTexts(seen.at(-1))).toEqual(userTexts(seen[before - 1]))
    await other.until(async () => ((await other.row(runId)).status === 'waiting' ? true : null), 'status waiting')
  })
})

describe('limits on calls', () => {
  const calls = (n: number) => Array.from({ length: n }, () => ({ tool: 'get.one', args: { n: 1 } }))

  it('AGT-170: a call with the same arguments made too often in a row is not made, and the model is told', async () => {
    let asked = 0
    const read = readTool(() => ++asked)
    const requests: ModelRequest[] = []
    const model = scriptedModel('talker', (request) => {
      requests.push(request)
      return requests.length <= 4 ? { calls: calls(1) } : 'bye'
    })
    const one = box({ workflows: [chat({ maxRepeatedCalls: 3 }, [read])], models: [model] })
    one.work()
    expect((await one.run('chat', 'a')).status).toBe('completed')
    expect(asked).toBe(3)
    expect(toolResults(requests.at(-1)).at(-1)).toContain('REPEATED_CALL')
  })

  it('AGT-171: a model that insists on it ends the agent with LOOP_FOUND; a call between starts the count again', async () => {
    let asked = 0
    const read = readTool(() => ++asked)
    const always = scriptedModel('talker', () => ({ calls: calls(1) }))
    const one = box({ workflows: [chat({ maxRepeatedCalls: 3 }, [read])], models: [always] })
    one.work()
    const { runId } = await one.run('chat', 'a')
    expect((await one.ended(runId)).reason).toMatchObject({ code: 'LOOP_FOUND' })
    expect(asked).toBe(3)
    let turn = 0
    const between = scriptedModel('talker', () =>
      ++turn > 8 ? 'bye' : { calls: [{ tool: 'get.one', args: { n: turn % 2 } }] },
    )
    const two = box({ workflows: [chat({ maxRepeatedCalls: 1 }, [read])], models: [between] })
    two.work()
    expect((await two.run('chat', 'a')).status).toBe('completed')
  })

  it('AGT-172: of the calls of one answer no more than declared are made; the others have a result that says so', async () => {
    let asked = 0
    const read = readTool(() => ++asked)
    const requests: ModelRequest[] = []
    const model = scriptedModel('talker', (request) => {
      requests.push(request)
      if (requests.length > 1) return 'bye'
      return { calls: Array.from({ length: 5 }, (_, n) => ({ tool: 'get.one', args: { n } })) }
    })
    const one = box({ workflows: [chat({ maxCallsPerTurn: 2 }, [read])], models: [model] })
    one.work()
    expect((await one.run('chat', 'a')).status).toBe('completed')
    expect(asked).toBe(2)
    expect(toolResults(requests[1]).filter((text) => text.includes('TOO_MANY_CALLS'))).toHaveLength(3)
    expect(toolResults(requests[1])).toHaveLength(5)
  })
})

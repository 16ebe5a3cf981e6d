import { afterEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { agent } from '../agents/index.ts'
import { decodeRecord } from '../reliability/chain.ts'
import { workflow } from '../orchestration/index.ts'
import { toolResults } from '../testing/agent-kit.ts'
import { benchSet, BenchBox, PAUL, WIDE_BUDGET } from '../testing/bench-box.ts'
import { chatFlow, say, talkerModel, userTexts } from '../testing/chat-kit.ts'
import { approvalPolicy, payTool } from '../testing/engine-kit.ts'
import { MOVES } from '../testing/move-kit.ts'
import { overrideStore } from '../testing/planted-faults.ts'
import { scriptedModel } from '../testing/scripted-model.ts'
import { tool } from '../tools/index.ts'

const set = benchSet()
const { box, bank } = set
afterEach(() => set.close())

const Text = z.string()

/** A chat that was told these texts and waits. */
async function chatted(texts: readonly string[], make: () => BenchBox): Promise<{ one: BenchBox; runId: string }> {
  const one = make()
  one.work()
  const { runId } = await one.run('chat', texts[0] ?? '')
  for (const text of texts.slice(1)) await say(one, runId, text)
  return { one, runId }
}

/** Bytes of all records and contents after a sequence. */
async function bytesAfter(one: BenchBox, runId: string, after: number): Promise<number> {
  const stored = await one.store.records('acme', runId, { after })
  return stored.reduce((sum, record) => sum + record.body.length + (record.sealed?.length ?? 0), 0)
}

describe('a kept session', () => {
  it('AGT-100: a later activation of the node goes on with the conversation, its instructions stand in it once', async () => {
    const { model, seen } = talkerModel()
    const { one, runId } = await chatted(['a', 'b', 'bye'], () => box({ workflows: [chatFlow()], models: [model] }))
    expect((await one.ended(runId)).output).toBe('bye after 3')
    expect(userTexts(seen[2])).toEqual(['a', 'b', 'bye'])
    const roles = seen[2]?.messages.map((message) => message.role)
    expect(roles).toEqual(['system', 'user', 'assistant', 'user', 'assistant', 'user'])
  })

  it('AGT-101: without it each activation begins a conversation, and nothing of sessions is on record', async () => {
    const { model, seen } = talkerModel()
    const { one, runId } = await chatted(['a', 'b'], () =>
      box({ workflows: [chatFlow({ session: 'fresh' })], models: [model] }),
    )
    expect(userTexts(seen[1])).toEqual(['b'])
    expect(JSON.stringify(await one.records(runId))).not.toContain('"session')
    expect(JSON.stringify(chatFlow({ session: 'fresh' }).spec.description)).not.toContain('session')
    expect(chatFlow().spec.signature).not.toBe(chatFlow({ session: 'fresh' }).spec.signature)
  })

  it('AGT-102: another process goes on with it as it was', async () => {
    const { model, seen } = talkerModel()
    const { one, runId } = await chatted(['a', 'b'], () => box({ workflows: [chatFlow()], models: [model] }))
    await one.kill()
    const other = one.another()
    other.work()
    await say(other, runId, 'c')
    expect(userTexts(seen.at(-1))).toEqual(['a', 'b', 'c'])
  })

  it.each(MOVES)(
    'AGT-103: after a %s the agent sees the session as it was at that point, twice alike',
    async (_, move) => {
      const { model, seen } = talkerModel()
      const { one, runId } = await chatted(['a', 'b', 'c'], () => box({ workflows: [chatFlow()], models: [model] }))
      const [, second] = await one.of(runId, 'superstep.completed')
      const barriers = (await one.of(runId, 'superstep.completed')).filter((each) => each.results[0]?.node === 'talk')
      expect(second).toBeDefined()
      for (const again of ['x', 'y']) {
        await one.until(async () => ((await one.row(runId)).leaseOwner === null ? true : null), 'no lease')
        const moved = await move(one, runId, barriers[1]?.seq ?? 0)
        await one.until(async () => ((await one.row(moved)).status === 'waiting' ? true : null), 'status waiting')
        await say(one, moved, again)
        expect(userTexts(seen.at(-1))).toEqual(['a', 'b', again])
      }
    },
  )

  it('AGT-104: deliveries to one node in one superstep continue each other, also when the first was on record before', async () => {
    const { model, seen } = talkerModel()
    const talker = agent({
      name: 'talker',
      model: 'scripted/talker',
      instructions: 'talk',
      maxOutputTokens: 100,
      tools: [],
      input: Text,
      output: Text,
    })
    const flow = workflow({ name: 'two', version: '1', input: Text, output: Text, budget: WIDE_BUDGET, state: {} })
      .node('open', { input: Text, output: Text, run: (text) => text })
      .node('left', { input: Text, output: Text, run: () => 'left' })
      .node('right', { input: Text, output: Text, run: () => 'right' })
      .agent('talk', talker, { prompt: (text) => text, session: 'kept' })
      .start('open')
      .fanOut('open', ['left', 'right'])
      .edge('left', 'talk')
      .edge('right', 'talk')
      .output('talk')
      .build()
    const one = box({ workflows: [flow], models: [model] })
    one.work()
    const { runId } = await one.run('two', 'go')
    expect(seen.map(userTexts)).toEqual([['left'], ['left', 'right']])
    // As a process that died after the first delivery was on record.
    const first = (await one.of(runId, 'activation.completed')).find((each) => each.result.node === 'talk')
    await one.sb.runs.restore({ runId, seq: first?.seq ?? 0, by: PAUL, reason: 'do it again' })
    await one.until(() => (seen.length === 3 ? true : null), 'the second delivery again')
    expect(userTexts(seen[2])).toEqual(['left', 'right'])
    await one.ended(runId)
  })

  it('AGT-105: of an activation that failed nothing is in the session; a retry goes on from the last save point', async () => {
    let broken = 1
    const texts: (readonly string[])[] = []
    const model = scriptedModel('talker', (request) => {
      texts.push(userTexts(request))
      if (texts.length === 2 && broken-- > 0) throw new Error('the provider broke')
      return 'said'
    })
    const talker = agent({
      name: 'talker',
      model: 'scripted/talker',
      instructions: 'talk',
      maxOutputTokens: 100,
      tools: [],
      input: Text,
      output: Text,
    })
    const flow = workflow({ name: 'again', version: '1', input: Text, output: Text, budget: WIDE_BUDGET, state: {} })
      .agent('talk', talker, { prompt: (text) => text, session: 'kept', retry: { attempts: 2, backoffSeconds: 1 } })
      .node('more', { input: Text, output: Text, run: () => 'more' })
      .node('end', { input: Text, output: Text, run: (text) => text })
      .start('talk')
      .switch('talk', [{ when: () => texts.length > 1, to: 'end' }], 'more')
      .edge('more', 'talk')
      .output('end')
      .build()
    const one = box({ workflows: [flow], models: [model] })
    one.work()
    const runId = await one.start('again', 'first')
    await one.settle(async () => ((await one.row(runId)).status === 'completed' ? true : null), 'the end')
    expect(texts).toEqual([['first'], ['first', 'more'], ['first', 'more']])
  })

  it('AGT-106: of an activation that a rejection ended the terminal results stay in the session', async () => {
    const outside = await bank()
    const requests: (readonly string[])[] = []
    const model = scriptedModel('talker', (request) => {
      requests.push(toolResults(request))
      return requests.length === 1 ? { calls: [{ tool: 'pay.send', args: { to: 'bob', amount: 1 } }] } : 'understood'
    })
    const talker = agent({
      name: 'talker',
      model: 'scripted/talker',
      instructions: 'pay',
      maxOutputTokens: 100,
      tools: [payTool(outside)],
      input: Text,
      output: Text,
    })
    const Refused = z.object({ code: z.string(), reason: z.string(), leftUndone: z.array(z.string()) })
    const flow = workflow({ name: 'no', version: '1', input: Text, output: Text, budget: WIDE_BUDGET, state: {} })
      .agent('talk', talker, { prompt: (text) => text, session: 'kept' })
      .node('explain', { input: Refused, output: Text, run: ({ code }) => `told ${code}` })
      .node('end', { input: Text, output: Text, run: (text) => text })
      .start('talk')
      .onRejected('talk', 'explain')
      .edge('explain', 'talk')
      .edge('talk', 'end')
      .output('end')
      .build()
    const one = box({ workflows: [flow], models: [model], policy: approvalPolicy() })
    one.work()
    const { runId } = await one.run('no', 'pay bob')
    await one.decide('rejected')
    expect((await one.ended(runId)).output).toBe('understood')
    expect(requests[1]).toHaveLength(1)
    expect(requests[1]?.[0]).toContain('APPROVAL_REJECTED')
    expect(outside.requests).toEqual([])
  })

  it('AGT-107: marks of what an earlier turn read stay on the calls of later ones', async () => {
    const reads = scriptedModel('talker', (request) => {
      const texts = userTexts(request)
      if (texts.length === 1 && toolResults(request).length === 0)
        return { calls: [{ tool: 'get.one', args: { n: 1 } }] }
      return texts.at(-1) === 'bye' ? 'bye' : 'read'
    })
    const personal = tool({
      name: 'get.one',
      class: 'records.read',
      effect: 'none',
      input: z.object({ n: z.number() }),
      output: z.number(),
      labels: { integrity: 0, marks: ['personal'] },
      execute: async ({ n }) => n,
    })
    const flow = chatFlow({ tools: [personal] })
    const { one, runId } = await chatted(['a', 'bye'], () => box({ workflows: [flow], models: [reads] }))
    await one.ended(runId)
    const intents = (await one.of(runId, 'activity.intent')).filter((each) => each.proposal.kind === 'model')
    expect(intents.map((each) => each.proposal.labels.marks)).toEqual([[], ['personal'], ['personal']])
  })

  it('AGT-108: turn 1,000 of a session writes about as many bytes as turn 10', { timeout: 120_000 }, async () => {
    const { model, seen } = talkerModel()
    const talker = agent({
      name: 'talker',
      model: 'scripted/talker',
      instructions: 'talk',
      maxOutputTokens: 100,
      tools: [],
      input: Text,
      output: Text,
    })
    const flow = workflow({
      name: 'long',
      version: '1',
      input: Text,
      output: Text,
      budget: { ...WIDE_BUDGET, maxTurns: 5_000, maxTokens: 1_000_000_000, maxCostUsd: '100000' },
      state: {},
      maxSupersteps: 10_000,
    })
      .agent('talk', talker, { prompt: () => 'tell me', session: 'kept' })
      .node('end', { input: Text, output: Text, run: (text) => text })
      .node('more', { input: Text, output: Text, run: () => 'go on' })
      .start('talk')
      .switch('talk', [{ when: () => seen.length >= 1_000, to: 'end' }], 'more')
      .edge('more', 'talk')
      .output('end')
      .build()
    // Not closed with the others: every prefix of so long a history is not looked at.
    const one = new BenchBox({ workflows: [flow], models: [model] })
    one.work()
    const runId = await one.start('long', 'x')
    await one.until(async () => ((await one.row(runId)).status === 'completed' ? true : null), 'the end', 110_000)
    expect(userTexts(seen.at(-1))).toHaveLength(1_000)
    const stored = await one.store.records('acme', runId)
    const size = (turn: number): number => {
      const saved = stored.filter((record) => record.type === 'position.saved')
      const [from, to] = [saved[turn - 2]?.seq ?? 0, saved[turn - 1]?.seq ?? 0]
      const part = stored.filter((record) => record.seq > from && record.seq <= to)
      return part.reduce((sum, record) => sum + record.body.length + (record.sealed?.length ?? 0), 0)
    }
    expect(size(1_000)).toBeLessThan(size(10) * 1.1)
    expect(await bytesAfter(one, runId, stored.length)).toBe(0)
    const list = stored
      .filter((record) => record.type === 'superstep.completed')
      .map(decodeRecord)
      .at(-1)
    expect(list?.type === 'superstep.completed' ? list.checkpoint.sessions?.talk?.length : 0).toBe(2_001)
    await one.family()
    await one.sb.close()
  })
})

describe('a session that cannot go on', () => {
  it('AGT-110: a run whose session was erased is parked when it goes on, and a restore of it is refused', async () => {
    const { model, seen } = talkerModel()
    const { one, runId } = await chatted(['a', 'b'], () => box({ workflows: [chatFlow()], models: [model] }))
    const [open] = await one.sb.runs.requests({ tenant: 'acme', runId, state: 'open', limit: 1 })
    const barrier = (await one.of(runId, 'superstep.completed')).at(-1)
    await one.kill()
    // What the turns have said is gone; everything else can be read.
    const store = overrideStore(one.store, {
      recordsAt: async (...args) => {
        const found = await one.store.recordsAt(...args)
        return found.map((record) => (record.type === 'position.saved' ? { ...record, sealed: null } : record))
      },
    })
    const other = one.another({ store })
    const restored = other.sb.runs.restore({ runId, seq: barrier?.seq ?? 0, by: PAUL, reason: 'again' })
    await expect(restored).rejects.toMatchObject({ code: 'CONTENT_ERASED' })
    other.work()
    const before = seen.length
    await other.sb.runs.respond({ requestId: open?.id ?? '', value: 'c', by: PAUL })
    await other.until(async () => ((await other.row(runId)).status === 'parked' ? true : null), 'status parked')
    expect((await other.row(runId)).code).toBe('CONTENT_ERASED')
    expect(seen.length).toBe(before)
  })

  it('AGT-111: a version that keeps no session there, or lacks the node, does not take the run over', async () => {
    const { model, seen } = talkerModel()
    const { one, runId } = await chatted(['a'], () => box({ workflows: [chatFlow()], models: [model] }))
    const [open] = await one.sb.runs.requests({ tenant: 'acme', runId, state: 'open', limit: 1 })
    await one.kill()
    const fresh = chatFlow({ version: '2.0.0', session: 'fresh', upgradeFrom: '1.0.0' })
    const other = one.another({ workflows: [fresh] })
    other.work({ adoptAfterMs: 0 })
    await other.sb.runs.respond({ requestId: open?.id ?? '', value: 'b', by: PAUL })
    await other.until(async () => ((await other.row(runId)).status === 'parked' ? true : null), 'status parked')
    expect((await other.row(runId)).code).toBe('WORKFLOW_CHANGED')
    expect(seen).toHaveLength(1)
  })

  it('AGT-112: an upgrade carries a session over to the node of the new name, with the new instructions in front', async () => {
    const { model, seen } = talkerModel()
    const { one, runId } = await chatted(['a'], () => box({ workflows: [chatFlow()], models: [model] }))
    const [open] = await one.sb.runs.requests({ tenant: 'acme', runId, state: 'open', limit: 1 })
    await one.kill()
    const renamed = { version: '2.0.0', upgradeFrom: '1.0.0', node: 'speak', instructions: 'talk kindly' }
    const other = one.another({ workflows: [chatFlow(renamed)] })
    other.work({ adoptAfterMs: 0 })
    await other.sb.runs.respond({ requestId: open?.id ?? '', value: 'b', by: PAUL })
    await other.until(() => (seen.length === 2 ? true : null), 'the second turn')
    expect(userTexts(seen[1])).toEqual(['a', 'b'])
    const systems = seen[1]?.messages.filter((message) => message.role === 'system')
    expect(systems).toEqual([{ role: 'system', content: 'talk kindly' }])
    await say(other, runId, 'c').catch(() => undefined)
    await other.until(() => (seen.length === 3 ? true : null), 'the third turn')
    expect(userTexts(seen[2])).toEqual(['a', 'b', 'c'])
  })
})

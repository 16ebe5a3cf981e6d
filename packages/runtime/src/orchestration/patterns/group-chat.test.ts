import { afterEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { agent, type Script } from '../../agents/index.ts'
import type { Store } from '../../contracts/store.ts'
import { type BenchBox, benchSet, PAUL, WIDE_BUDGET } from '../../testing/bench-box.ts'
import { crashSweep } from '../../testing/crash-sweep.ts'
import { approvalPolicy, lookUp, payTool } from '../../testing/engine-kit.ts'
import { finish, lastAsked, payer, talker, voices, watched } from '../../testing/pattern-kit.ts'
import { decisionRecord, reviewWorkflow, toMermaid } from '../index.ts'
import { groupChat, type GroupChatOptions, type GroupView } from './group-chat.ts'

const set = benchSet()
const { box, bank } = set
afterEach(() => set.close())

type Options = GroupChatOptions<z.ZodString, z.ZodString>

const [anna, ben] = [talker('anna'), talker('ben')]
const people = [
  { does: anna, description: 'knows the figures' },
  { does: ben, description: 'knows the law' },
]
/** The participants in turn, as long as there are rounds left. */
const inTurn =
  (rounds: number) =>
  (view: GroupView): string | null =>
    view.rounds < rounds ? (view.participants[view.rounds % view.participants.length]?.name ?? null) : null
const HEAD: Options = {
  name: 'board',
  version: '1.0.0',
  input: z.string(),
  output: z.string(),
  budget: WIDE_BUDGET,
  participants: people,
  select: inTurn(3),
  maxRounds: 6,
  conclude: (view) => view.transcript.map(({ speaker, text }) => `${speaker}: ${text}`).join('; '),
}
const chairman = talker('chairman')
const says =
  (text: string): Script =>
  () =>
    text
/** The answers of an agent that chooses, one after another: its conversation goes on. */
function choices(...answers: readonly unknown[]): Script {
  return ({ messages }) => JSON.stringify(answers[messages.filter(({ role }) => role === 'assistant').length] ?? null)
}

async function play(options: Partial<Options> = {}, scripts: Readonly<Record<string, Script>> = {}) {
  const asked: string[] = []
  const ear =
    (name: string): Script =>
    (request) => {
      asked.push(lastAsked(request))
      return `I am ${name}`
    }
  const models = voices({ anna: ear('anna'), ben: ear('ben'), ...scripts })
  const one = box({ workflows: [groupChat({ ...HEAD, ...options })], models })
  one.work()
  return { asked, one, ...(await one.run('board', 'hello')) }
}

describe('group chat', () => {
  it('PAT-100: the function chooses each speaker from what was said, null ends the chat, the function concludes', async () => {
    const { output } = await play()
    expect(output).toEqual({
      status: 'completed',
      by: 'select',
      reason: 'chosen by `select`',
      rounds: 3,
      output: 'user: hello; anna: I am anna; ben: I am ben; anna: I am anna',
    })
  })

  it('PAT-101: everyone reads everything that others said, and who takes part', async () => {
    const { asked } = await play()
    expect(asked[0]).toContain('- ben: knows the law')
    expect(asked[1]).toContain('anna:\n> I am anna')
    expect(asked[2]).toContain('ben:\n> I am ben')
  })

  it('PAT-102: an agent chooses by name and reason; its choices and how it ended the chat are in the state', async () => {
    const script = choices(
      { next: 'ben', reason: 'a point of law' },
      { next: 'anna', reason: 'a figure' },
      { next: null, reason: 'all is said' },
    )
    const weighed: string[] = []
    const chairing: Script = (request, signal) => {
      weighed.push(lastAsked(request))
      return script(request, signal)
    }
    const { output, one, runId } = await play({ select: chairman }, { chairman: chairing })
    expect(output).toMatchObject({ status: 'completed', by: 'select', reason: 'all is said', rounds: 2 })
    expect(weighed.map((text) => text.replace(/\s+/g, ' '))).toEqual([
      expect.stringMatching(/^Say who .* - anna: knows the figures - ben: knows the law user: > hello$/),
      'Since then was said: ben: > I am ben',
      'Since then was said: anna: > I am anna',
    ])
    const contents = await one.sb.runs.contents('acme', runId)
    const chats = (await one.of(runId, 'superstep.completed')).flatMap(({ results }) =>
      results.flatMap(({ writes }) => writes.filter((write) => write.field === 'chat')),
    )
    const told = await Promise.all(chats.map(({ value }) => contents.read(value)))
    expect(told).toMatchObject([
      { asked: true },
      { next: 'ben', reason: 'a point of law', rounds: 0 },
      { asked: true, rounds: 1 },
      { next: 'anna', reason: 'a figure', rounds: 1 },
      { asked: true, rounds: 2 },
      { next: null, by: 'select', reason: 'all is said' },
    ])
  })

  it('PAT-103: a name that nobody has is asked for again twice, then the run ends with a code', async () => {
    const stranger = { next: 'carl', reason: 'he knows' }
    const mended = await play(
      { select: chairman },
      { chairman: choices(stranger, stranger, { next: null, reason: 'x' }) },
    )
    expect(mended.output).toMatchObject({ status: 'completed', rounds: 0 })
    const lost = await play({ select: chairman }, { chairman: says(JSON.stringify(stranger)) })
    expect(lost).toMatchObject({ status: 'stopped', reason: { kind: 'failed', code: 'MODEL_OUTPUT_INVALID' } })
    expect((await lost.one.of(lost.runId, 'activity.intent')).length).toBe(3)
    expect(lost.asked).toEqual([])
  })

  it('PAT-104: a function that throws, names a stranger or answers no name ends the run with a code, and nobody speaks', async () => {
    const wrong: unknown[] = [
      () => {
        throw new Error('no idea')
      },
      () => 'carl',
      () => 7,
      async () => 'anna',
      async () => Promise.reject(new Error('too late')),
    ]
    for (const select of wrong) {
      // Callers without types may pass anything.
      const { asked, status, reason } = await play({ select: select as () => string })
      expect([status, reason?.code, asked]).toEqual(['stopped', 'NODE_FAILED', []])
    }
  })

  it('PAT-105: `until` ends the chat before a round, the first included; what is neither true nor false ends the run', async () => {
    const until = (view: GroupView): boolean => view.transcript.some((entry) => entry.text === 'I am ben')
    expect((await play({ until })).output).toMatchObject({ status: 'completed', by: 'until', rounds: 2 })
    const at = await play({ until: () => true })
    expect([at.output, at.asked]).toMatchObject([{ by: 'until', rounds: 0 }, []])
    const promised = await play({ until: (async () => false) as unknown as () => boolean })
    expect([promised.status, promised.asked]).toEqual(['stopped', []])
  })

  it('PAT-106: at `maxRounds` it stops with what can be concluded so far', async () => {
    const { output, asked } = await play({ select: () => 'anna', maxRounds: 2 })
    expect(output).toMatchObject({
      status: 'stopped',
      by: 'max_rounds',
      rounds: 2,
      partial: expect.stringContaining('anna'),
    })
    expect(asked).toHaveLength(2)
  })

  it('PAT-107: an agent concludes from all that was said, and its answer fits `output`', async () => {
    const clerk = agent({
      name: 'clerk',
      model: 'scripted/clerk',
      instructions: 'sum up',
      maxOutputTokens: 100,
      tools: [],
      input: z.string(),
      output: z.object({ approved: z.boolean() }),
    })
    const flow = groupChat({ ...HEAD, output: z.object({ approved: z.boolean() }), conclude: clerk })
    const told: string[] = []
    const script: Script = (request) => {
      told.push(lastAsked(request))
      return '{"approved":true}'
    }
    const one = box({ workflows: [flow], models: voices({ anna: says('a'), ben: says('b'), clerk: script }) })
    one.work()
    expect((await one.run('board', 'hello')).output).toMatchObject({ status: 'completed', output: { approved: true } })
    expect(told[0]).toMatch(/Conclude[\s\S]*user:\n> hello[\s\S]*anna:\n> a[\s\S]*ben:\n> b[\s\S]*anna:\n> a/)
  })

  it('PAT-108: without every limit of the budget declared it is not built; that and every other fault is told at once', () => {
    const budget = { maxTurns: 3, maxTokens: 5 } as unknown as Options['budget']
    const wrong = { ...HEAD, budget, participants: [anna, talker('chair')], select: chairman, maxRounds: 0 }
    expect(() => groupChat(wrong)).toThrow(
      /a group chat demands hard limits; declare `budget.maxToolCalls`, `budget.maxRuntimeSeconds`, `budget.maxCostUsd`\n[\s\S]*`anna` has no `description`[\s\S]*`chair`: the name is taken[\s\S]*`maxRounds`/,
    )
    const none = { ...HEAD, budget: undefined as unknown as Options['budget'], participants: [anna] }
    expect(() => groupChat(none)).toThrow(/declare `budget.maxTurns`[\s\S]*at least 2/)
    expect(() => groupChat({ ...HEAD, select: chairman, participants: [] })).toThrow(/has 0, but .* at least 2/)
  })

  it('PAT-109: a budget that is used up in the middle of a round ends the run before the next call, by its name', async () => {
    const outside = await bank()
    const flow = groupChat({
      ...HEAD,
      budget: { ...WIDE_BUDGET, maxTurns: 2 },
      participants: [talker('paula', [payTool(outside)]), ben],
    })
    const one = box({ workflows: [flow], models: voices({ paula: payer('bob', 3), ben: says('fine') }) })
    one.work()
    const { runId, status, ending } = await one.run('board', 'hello')
    expect([status, ending]).toMatchObject(['stopped', { by: 'max_turns', code: 'BUDGET_EXHAUSTED', turns: 2 }])
    expect(ending?.partial).toEqual([{ speaker: 'paula', text: 'paid bob' }])
    expect(outside.booked).toHaveLength(1)
    const asked = (await one.of(runId, 'activity.intent')).map((record) => record.ask.node)
    expect(asked).not.toContain('ben')
  })

  it('PAT-115: the same said by all again and again is a loop that ends the run; a check and a time of the user end it too', async () => {
    const looped = await play({ select: inTurn(99), maxRounds: 99 })
    expect(looped).toMatchObject({ status: 'stopped', ending: { by: 'loop', code: 'LOOP_FOUND' } })
    expect(looped.asked.length).toBeLessThan(8)
    let n = 0
    const lively = { anna: () => `point ${n++}`, ben: () => `answer ${n++}` }
    expect((await play({ select: inTurn(12), maxRounds: 13 }, lively)).output).toMatchObject({ status: 'completed' })
    const check = () => 'fail' as const
    const judged = await play({ termination: { quality: { name: 'polite', check, failures: 2 } } }, lively)
    expect(judged).toMatchObject({ status: 'stopped', ending: { by: 'quality', subject: 'polite' } })
  })

  it.each([true, false])(
    'PAT-110: broken off after each record and taken up elsewhere it ends alike and pays once, streamed %s',
    async (streamed) => {
      const outside = await bank()
      const pay = payTool(outside, { found: lookUp(outside) })
      const flow = groupChat({
        ...HEAD,
        participants: [{ does: talker('paula', [pay]), description: 'pays' }, people[1] ?? ben],
        select: chairman,
        maxRounds: 2,
      })
      const choose = choices({ next: 'paula', reason: 'first' }, { next: 'ben', reason: 'then' })
      const models = () => voices({ chairman: choose, paula: payer('bob', 7), ben: says('fine') })
      const make = (store?: Store) =>
        box({ workflows: [flow], models: models(), policy: approvalPolicy(), ...(store ? { store } : {}) })
      const first = make()
      first.work()
      const runId = await first.start('board', 'hello')
      const watch = streamed ? watched(first, runId) : Promise.resolve(0)
      await finish(first, runId)
      expect((await first.ended(runId)).output).toMatchObject({ status: 'stopped', by: 'max_rounds', rounds: 2 })
      expect(await watch).toBe(streamed ? (await first.records(runId)).length : 0)
      const sweep = { first, runId, make, finish: (one: BenchBox) => finish(one, runId), bank: outside }
      expect(await crashSweep(sweep)).toEqual([])
    },
    240_000,
  )

  it('PAT-111: each checkpoint restores in a fresh process, twice, to the same result', async () => {
    // A restore refills no budget.
    const { one, runId, output } = await play(
      { select: chairman, budget: { ...WIDE_BUDGET, maxTurns: 500 } },
      {
        chairman: choices({ next: 'ben', reason: '1' }, { next: 'anna', reason: '2' }, { next: null, reason: '3' }),
      },
    )
    for (const { seq } of await one.of(runId, 'superstep.completed')) {
      for (let twice = 0; twice < 2; twice++) {
        await one.kill()
        const fresh = one.another()
        fresh.work()
        await fresh.sb.runs.restore({ runId, seq, by: PAUL, reason: 'again' })
        expect((await fresh.ended(runId)).output).toEqual(output)
        await fresh.kill()
      }
    }
  })

  it('PAT-112: its diagram and decision record name chair, chooser and every participant', () => {
    const { spec } = groupChat({ ...HEAD, select: chairman })
    expect(toMermaid(spec)).toMatch(/chooser[\s\S]*agent chairman/)
    expect(decisionRecord(spec)).toMatch(/\| chair \| function \| one of chooser, anna, ben, close \|/)
    expect(spec.maxSupersteps).toBe(29)
    expect(decisionRecord(spec)).toMatch(/- when agent `chairman` chooses nobody\n- after 6 rounds/)
    expect(reviewWorkflow(spec).stops).toContain('when the same situation comes about 3 times')
    const longer = groupChat({ ...HEAD, select: chairman, maxRounds: 7, maxSupersteps: 29 }).spec
    expect(longer.signature).not.toBe(spec.signature)
  })
})

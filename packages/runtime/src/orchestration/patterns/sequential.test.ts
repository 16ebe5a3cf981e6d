import { afterEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { agent, type Script } from '../../agents/index.ts'
import type { JsonValue } from '../../base/json.ts'
import type { ModelRequest } from '../../contracts/model.ts'
import type { Store } from '../../contracts/store.ts'
import { type BenchBox, benchSet, WIDE_BUDGET } from '../../testing/bench-box.ts'
import { crashSweep } from '../../testing/crash-sweep.ts'
import { approvalPolicy, lookUp, payTool } from '../../testing/engine-kit.ts'
import { finish, lastAsked, payer, talker, watched, voices } from '../../testing/pattern-kit.ts'
import { decisionRecord, toMermaid } from '../index.ts'
import { sequential, type SequentialOptions } from './sequential.ts'

const set = benchSet()
const { box, bank } = set
afterEach(() => set.close())

const HEAD = { name: 'line', version: '1.0.0', input: z.string(), budget: WIDE_BUDGET }
const [anna, ben] = [talker('anna'), talker('ben')]

/** Says its name and how much it was told. */
const echo =
  (name: string): Script =>
  (request) =>
    `${name} heard: ${lastAsked(request).replace(/\s+/g, ' ')}`

async function play(options: Partial<SequentialOptions<z.ZodString, z.ZodString>>, people = {}, scripts = {}) {
  const flow = sequential({ ...HEAD, participants: [anna, ben], ...options })
  const one = box({ workflows: [flow], models: voices({ anna: echo('anna'), ben: echo('ben'), ...scripts }) })
  one.work()
  const runId = await one.start('line', 'hello')
  await finish(one, runId, people)
  return { one, ...(await one.ended(runId)) }
}

describe('sequential', () => {
  it('PAT-020: participants answer in order, each told everything before it; the last answer is the output', async () => {
    const { output } = await play({})
    expect(output).toEqual({
      status: 'completed',
      output: expect.stringMatching(/^ben heard: user: > hello anna: > anna heard: user: > hello$/),
      feedbackRounds: 0,
    })
  })

  it('PAT-021: with `pass: answer` each is told the answer before its own and nothing else; schemas are checked', async () => {
    const { output } = await play({ pass: 'answer' })
    expect(output).toMatchObject({ output: 'ben heard: anna: > anna heard: user: > hello' })
    const counts = agent({ ...agentDef('counts'), input: z.object({ n: z.int() }), output: z.object({ n: z.int() }) })
    const list = { ...HEAD, participants: [anna, counts], pass: 'answer' as const }
    expect(() => sequential(list)).toThrow(/the answer of `anna` can never fit participant `counts`/)
    expect(() => sequential({ ...list, output: z.number() })).toThrow(/can never fit `output`/)
    const typed = sequential({ ...HEAD, participants: [counts], output: z.object({ n: z.int() }) })
    const one = box({ workflows: [typed], models: voices({ counts: () => '{"n":3}' }) })
    one.work()
    expect((await one.run('line', 'hello')).output).toMatchObject({ status: 'completed', output: { n: 3 } })
  })

  it('PAT-022: a pause asks a person: approval goes on, feedback sends back to work and is heard, stop ends with what there is', async () => {
    const approved = await play({ pauseAfter: ['anna'] }, { 'review-anna': [{ decision: 'approve' }] })
    expect(approved.output).toMatchObject({ status: 'completed', feedbackRounds: 0 })
    const again = await play(
      { pauseAfter: ['anna'] },
      { 'review-anna': [{ decision: 'feedback', text: 'shorter' }, { decision: 'approve' }] },
    )
    expect(again.output).toMatchObject({ status: 'completed', feedbackRounds: 1 })
    expect(JSON.stringify(again.output)).toContain('reviewer: > shorter')
    const stop: JsonValue = { decision: 'stop', reason: 'not today' }
    const stopped = await play({ pauseAfter: ['ben'] }, { 'review-ben': [stop] })
    expect(stopped.output).toEqual({
      status: 'stopped',
      by: 'reviewer',
      at: 'ben',
      reason: 'not today',
      partial: expect.stringContaining('anna heard'),
      leftUndone: ['ben'],
    })
    const early = await play({ pauseAfter: ['anna'] }, { 'review-anna': [stop] })
    expect(early.output).toMatchObject({ partial: null, leftUndone: ['anna', 'ben'] })
    expect((await early.one.of(early.runId, 'activity.outcome')).map((each) => each.ask.node)).toEqual(['anna'])
  })

  it('PAT-007: a participant keeps its conversation, and each turn adds only what is new', async () => {
    const requests: ModelRequest[] = []
    const listens: Script = (request) => {
      requests.push(request)
      return `answer ${requests.length}`
    }
    const feedback = ['first', 'second'].map((text) => ({ decision: 'feedback', text }))
    const people = { 'review-anna': [...feedback, { decision: 'approve' }] }
    await play({ pauseAfter: ['anna'] }, people, { anna: listens })
    const asked = requests.map(({ messages }) => messages.filter((message) => message.role === 'user').length)
    expect(asked).toEqual([1, 2, 3])
    expect(requests.map(lastAsked)).toEqual(['user:\n> hello', 'reviewer:\n> first', 'reviewer:\n> second'])
    expect(requests[2]?.messages.filter((message) => message.role === 'system')).toHaveLength(1)
  })

  it('PAT-023: feedback is bounded: after the last round it stops, and the reviewer is told how many are left', async () => {
    const feedback = { decision: 'feedback', text: 'no' }
    const { output, one, runId } = await play(
      { pauseAfter: ['anna'], feedback: { maxRounds: 2 } },
      { 'review-anna': [feedback, feedback, feedback] },
    )
    expect(output).toMatchObject({ status: 'stopped', by: 'rounds', at: 'anna', reason: 'no' })
    const contents = await one.sb.runs.contents('acme', runId)
    const asked = await Promise.all(
      (await one.of(runId, 'request.opened')).map(({ request }) => contents.read(request.payload)),
    )
    expect(asked).toMatchObject([{ roundsLeft: 2 }, { roundsLeft: 1 }, { roundsLeft: 0 }])
  })

  it('PAT-024: silence stops with what there is, and nothing goes on', async () => {
    const flow = sequential({
      ...HEAD,
      participants: [anna, ben],
      pauseAfter: ['anna'],
      feedback: { deadlineSeconds: 60 },
    })
    const one = box({ workflows: [flow], models: voices({ anna: echo('anna'), ben: echo('ben') }) })
    one.work()
    const runId = await one.start('line', 'hello')
    await one.asked('request')
    await one.host.advance(61_000)
    expect((await one.ended(runId)).output).toMatchObject({ status: 'stopped', by: 'deadline', at: 'anna' })
  })

  it('PAT-028: when something else ends the run, its ending has the last answer and who is left', async () => {
    const { ending } = await play({ budget: { ...WIDE_BUDGET, maxTurns: 1 } })
    expect(ending).toMatchObject({ by: 'max_turns', partial: 'anna heard: user: > hello' })
    expect(ending?.leftUndone).toContainEqual({ what: 'ben', why: 'declared' })
  })

  it('PAT-025: every wrong option is told at once', () => {
    const wrong = () =>
      sequential({ ...HEAD, participants: [], pauseAfter: ['carl'], feedback: { deadlineSeconds: 0, maxRounds: -1 } })
    expect(wrong).toThrow(/at least 1[\s\S]*names `carl`[\s\S]*deadlineSeconds[\s\S]*maxRounds/)
  })

  it.each([true, false])(
    'PAT-026: broken off after each record and taken up elsewhere it ends alike and pays once, streamed %s',
    async (streamed) => {
      const outside = await bank()
      const pay = payTool(outside, { found: lookUp(outside) })
      const flow = sequential({ ...HEAD, participants: [anna, talker('paula', [pay]), ben], pauseAfter: ['anna'] })
      const people = { 'review-anna': [{ decision: 'feedback', text: 'shorter' }, { decision: 'approve' }] }
      const models = () => voices({ anna: echo('anna'), paula: payer('bob', 7), ben: echo('ben') })
      const first = box({ workflows: [flow], models: models(), policy: approvalPolicy() })
      first.work()
      const runId = await first.start('line', 'hello')
      const watch = streamed ? watched(first, runId) : Promise.resolve(0)
      await finish(first, runId, people)
      expect((await first.ended(runId)).output).toMatchObject({ status: 'completed', feedbackRounds: 1 })
      expect(await watch).toBe(streamed ? (await first.records(runId)).length : 0)
      const make = (store: Store) => box({ workflows: [flow], models: models(), policy: approvalPolicy(), store })
      const sweep = { first, runId, make, finish: (one: BenchBox) => finish(one, runId, people), bank: outside }
      expect(await crashSweep(sweep)).toEqual([])
    },
    120_000,
  )

  it('PAT-027: its diagram and decision record name every part', async () => {
    const flow = sequential({ ...HEAD, participants: [anna, ben], pauseAfter: ['anna'] })
    expect(toMermaid(flow.spec)).toContain('answer within 86400 s')
    expect(decisionRecord(flow.spec)).toContain('| review-anna | port | weigh-anna; unanswered when rejected |')
  })
})

function agentDef(name: string) {
  return { name, model: `scripted/${name}`, instructions: name, maxOutputTokens: 100, tools: [] }
}

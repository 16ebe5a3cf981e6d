import { afterEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { Script } from '../../agents/index.ts'
import type { JsonValue } from '../../base/json.ts'
import type { ModelRequest } from '../../contracts/model.ts'
import type { Store } from '../../contracts/store.ts'
import { BenchBox, benchSet, WIDE_BUDGET } from '../../testing/bench-box.ts'
import { crashSweep } from '../../testing/crash-sweep.ts'
import { approvalPolicy, lookUp, payTool } from '../../testing/engine-kit.ts'
import { finish, hasResult, lastAsked, restoredTwice, talker, voices, watched } from '../../testing/pattern-kit.ts'
import { toMermaid } from '../index.ts'
import { handoff, type HandoffOptions } from './handoff.ts'
import type { DeskEvent } from './handoff-desk.ts'

const set = benchSet()
const { box, bank } = set
afterEach(() => set.close())

const HEAD = { name: 'desk-of', version: '1.0.0', input: z.string(), budget: WIDE_BUDGET }
const triage = { does: talker('triage'), description: 'finds out what it is about' }
const billing = { does: talker('billing'), description: 'knows invoices' }
const carl = { does: talker('carl'), description: 'knows everything else' }
const people = (...answers: JsonValue[]) => ({ user: answers })
const says = (text: string): JsonValue => ({ kind: 'user_says', text })

/** The turns of an agent in order, one for each time that it is asked something; the last one again and again. */
const turns =
  (...list: DeskEvent[]): Script =>
  ({ messages }) => {
    const asked = messages.filter((message) => message.role === 'user').length
    return JSON.stringify(list[Math.min(asked, list.length) - 1])
  }
const to = (name: string, reason = `for ${name}`): DeskEvent => ({ kind: 'handoff', to: name, reason })
const reply = (text: string): DeskEvent => ({ kind: 'reply', text })
const done = (text: string): DeskEvent => ({ kind: 'finish', text })

async function play(
  options: Partial<HandoffOptions<z.ZodString>>,
  scripts: Readonly<Record<string, Script>>,
  answers: Readonly<Record<string, readonly JsonValue[]>> = {},
) {
  const flow = handoff({ ...HEAD, participants: [triage, billing, carl], user: {}, ...options })
  const one = box({ workflows: [flow], models: voices(scripts) })
  one.work()
  const runId = await one.start('desk-of', 'my invoice is wrong')
  await finish(one, runId, answers)
  return { one, ...(await one.ended(runId)) }
}

describe('handoff', () => {
  it('PAT-040: an agent hands over by its typed answer; the next hears who did and why, and what was said, and no control text', async () => {
    const asked: ModelRequest[] = []
    const finishes = turns(done('it is corrected'))
    const { output } = await play(
      {},
      {
        triage: turns(to('billing', 'an invoice')),
        billing: (request, signal) => {
          asked.push(request)
          return finishes(request, signal)
        },
      },
    )
    expect(output).toEqual({
      status: 'completed',
      by: 'finished',
      answer: 'it is corrected',
      at: 'billing',
      reason: '`billing` finished',
      handoffs: [{ from: 'triage', to: 'billing', reason: 'an invoice', bounced: false, correctedBy: null }],
      bounced: 0,
      corrected: 0,
    })
    const [told] = asked.map(lastAsked)
    expect(told).toContain('You are billing. You may hand the conversation over to:\n- triage: finds out what')
    expect(told).toContain('`triage` handed the conversation to you: an invoice')
    expect(told).toContain('user:\n> my invoice is wrong')
    expect(told).not.toContain('kind')
  })

  it('PAT-041: routes bind: they are in the schema of the answer, and another target is refused and asked for again', async () => {
    const requests: ModelRequest[] = []
    const { output } = await play(
      { routes: { triage: ['billing'] } },
      {
        triage: (request) => {
          requests.push(request)
          return JSON.stringify(requests.length === 1 ? to('carl') : to('billing'))
        },
        billing: turns(done('fine')),
      },
    )
    expect(output).toMatchObject({ status: 'completed', at: 'billing', handoffs: [{ to: 'billing' }] })
    expect(requests).toHaveLength(2)
    expect(JSON.stringify(requests[0]?.outputSchema)).toContain('"enum":["billing"]')
    const stuck = await play({ routes: {} }, { triage: turns(to('carl')) })
    expect(stuck).toMatchObject({ status: 'stopped', reason: { code: 'MODEL_OUTPUT_INVALID', subject: 'triage' } })
  })

  it('PAT-042: a reply goes to the user, whose words go to whoever had the conversation, or to the start', async () => {
    const scripts = {
      triage: turns(to('billing'), done('asked again')),
      billing: turns(reply('which one?'), done('that one')),
    }
    const back = await play({}, scripts, people(says('number 7')))
    expect(back.output).toMatchObject({ status: 'completed', by: 'finished', answer: 'that one', at: 'billing' })
    const [asked] = await back.one.of(back.runId, 'request.opened')
    const contents = await back.one.sb.runs.contents('acme', back.runId)
    expect(asked && (await contents.read(asked.request.payload))).toEqual({
      participant: 'billing',
      text: 'which one?',
    })
    const fromStart = await play({ returnToPrevious: false }, scripts, people(says('number 7')))
    expect(fromStart.output).toMatchObject({ answer: 'asked again', at: 'triage' })
    const over = await play({}, { triage: turns(reply('is that all?')) }, people({ kind: 'user_ends' }))
    expect(over.output).toMatchObject({ status: 'completed', by: 'user', answer: 'is that all?' })
    const redirected = await play(
      {},
      {
        triage: turns(to('billing')),
        billing: turns(reply('which invoice?')),
        carl: turns(done('the parcel is here')),
      },
      people({ kind: 'user_redirects', to: 'carl', reason: 'it is about a parcel' }),
    )
    expect(redirected.output).toMatchObject({
      answer: 'the parcel is here',
      corrected: 1,
      handoffs: [{ correctedBy: 'user' }],
    })
  })

  it('PAT-043: an agent may go on by itself for its turns, then the user is asked; without a user it stops', async () => {
    const script = { triage: turns(reply('one'), reply('two'), reply('three'), done('four')) }
    const asked = await play({ autonomousTurnsOf: { triage: 2 } }, script, people(says('go on')))
    expect(asked.output).toMatchObject({ status: 'completed', answer: 'four' })
    expect(await asked.one.of(asked.runId, 'request.opened')).toHaveLength(1)
    const flow = handoff({ ...HEAD, participants: [triage, billing], autonomousTurns: 1 })
    const one = box({ workflows: [flow], models: voices({ triage: turns(reply('one'), reply('two')) }) })
    one.work()
    expect((await one.run('desk-of', 'hello')).output).toMatchObject({
      status: 'stopped',
      by: 'autonomous',
      partial: 'two',
      leftUndone: ['triage'],
    })
  })

  it('PAT-044: an agent escalates to a person, who advises, sends elsewhere, answers or stops', async () => {
    const scripts = {
      triage: turns({ kind: 'escalate', reason: 'unsure' }, done('as told')),
      carl: turns(done('mine')),
    }
    const ask = (answer: JsonValue) => play({ escalation: {} }, scripts, { person: [answer] })
    expect((await ask({ kind: 'person_says', text: 'refund it' })).output).toMatchObject({
      answer: 'as told',
      at: 'triage',
    })
    const redirect = { kind: 'person_redirects', to: 'carl', reason: 'he knows' }
    expect((await ask(redirect)).output).toMatchObject({ answer: 'mine', at: 'carl' })
    const answers = { kind: 'person_answers', text: 'I did it' }
    expect((await ask(answers)).output).toMatchObject({ status: 'completed', by: 'person', answer: 'I did it' })
    const stops = { kind: 'person_stops', reason: 'not ours' }
    expect((await ask(stops)).output).toMatchObject({ status: 'stopped', by: 'person', reason: 'not ours' })
    const none = await play({}, { triage: turns({ kind: 'escalate', reason: 'unsure' }) })
    expect(none).toMatchObject({ status: 'stopped', reason: { code: 'MODEL_OUTPUT_INVALID' } })
  })

  it('PAT-045: ping-pong ends the run as a loop that names its nodes, or is put to the person; too many handoffs stop it', async () => {
    const scripts = { triage: turns(to('billing')), billing: turns(to('triage')) }
    const looped = await play({}, scripts)
    expect(looped).toMatchObject({
      status: 'stopped',
      ending: {
        by: 'loop',
        cycle: expect.arrayContaining(['triage', 'desk', 'billing']),
        partial: { at: 'billing', said: null },
        leftUndone: expect.arrayContaining([{ what: 'the conversation is with `billing`', why: 'declared' }]),
      },
    })
    expect(await looped.one.of(looped.runId, 'activity.outcome')).toHaveLength(5)
    const redirect = { kind: 'person_redirects', to: 'carl', reason: 'they go round and round' }
    const asked = await play({ escalation: {} }, { ...scripts, carl: turns(done('mine')) }, { person: [redirect] })
    expect(asked.output).toMatchObject({ status: 'completed', answer: 'mine', at: 'carl' })
    const many = await play({ loopAfter: 50, maxHandoffs: 4 }, scripts)
    expect(many.output).toMatchObject({ status: 'stopped', by: 'max_handoffs', bounced: 3 })
    const own = await play({ termination: { maxTurns: 2 } }, scripts)
    expect(own).toMatchObject({ status: 'stopped', ending: { by: 'max_turns' } })
  })

  it('PAT-046: `until` ends the conversation, and silence stops it', async () => {
    const until = await play(
      { until: ({ transcript }) => transcript.some((entry) => entry.text.includes('bye')) },
      { triage: turns(reply('hello'), reply('bye')) },
      people(says('hi')),
    )
    expect(until.output).toMatchObject({ status: 'completed', by: 'until', answer: 'bye' })
    const flow = handoff({ ...HEAD, participants: [triage, billing], user: { deadlineSeconds: 3_600 } })
    const one = box({ workflows: [flow], models: voices({ triage: turns(reply('hello?')) }) })
    one.work()
    const runId = await one.start('desk-of', 'hello')
    await one.asked('request')
    await one.host.advance(3_601_000)
    expect((await one.ended(runId)).output).toMatchObject({ status: 'stopped', by: 'deadline', partial: 'hello?' })
  })

  it('PAT-047: every wrong option is told at once', () => {
    const typed = { does: { ...talker('typed'), output: triage.does.input }, description: '' }
    const wrong = () =>
      handoff({
        ...HEAD,
        participants: [typed],
        start: 'nobody',
        routes: { typed: ['typed', 'ghost'] },
        user: { deadlineSeconds: 0 },
        autonomousTurns: -1,
        maxHandoffs: 0,
        loopAfter: 1,
      })
    expect(wrong).toThrow(
      /at least 2[\s\S]*no `description`[\s\S]*`start` names `nobody`[\s\S]*names `ghost`[\s\S]*leads to itself[\s\S]*autonomousTurns[\s\S]*maxHandoffs[\s\S]*loopAfter[\s\S]*user\.deadlineSeconds/,
    )
  })

  it('PAT-009: turn 100 of a conversation writes about as many bytes as turn 10', { timeout: 60_000 }, async () => {
    const budget = { ...WIDE_BUDGET, maxTurns: 1_000 }
    const limits = { autonomousTurns: 100, maxSupersteps: 1_000 }
    const flow = handoff({ ...HEAD, budget, participants: [triage, billing], ...limits })
    const speaks: Script = ({ messages }) =>
      JSON.stringify(reply(`this is what I say after ${messages.length} messages`))
    // Not closed with the others: every prefix of so long a history is not looked at.
    const one = new BenchBox({ workflows: [flow], models: voices({ triage: speaks }) })
    one.work()
    const runId = await one.start('desk-of', 'hello')
    expect((await one.ended(runId)).output).toMatchObject({ status: 'stopped', by: 'autonomous' })
    const stored = await one.store.records('acme', runId)
    const saved = stored.filter((record) => record.type === 'position.saved').map(({ seq }) => seq)
    const bytes = (turn: number): number => {
      const [from, to] = [saved[turn - 2] ?? 0, saved[turn - 1] ?? 0]
      const part = stored.filter(({ seq }) => seq > from && seq <= to)
      return part.reduce((sum, record) => sum + record.body.length + (record.sealed?.length ?? 0), 0)
    }
    expect(saved).toHaveLength(101)
    expect(bytes(100)).toBeLessThan(1.1 * bytes(10))
    await one.family()
    await one.sb.close()
  })

  it.each([true, false])(
    'PAT-049: broken off after each record and taken up elsewhere it ends alike and pays once, streamed %s; restored twice too',
    async (streamed) => {
      const outside = await bank()
      const pay = payTool(outside, { found: lookUp(outside) })
      const paula = { does: talker('paula', [pay]), description: 'pays' }
      // Each restore pays for its turns from the same budget.
      const budget = { ...WIDE_BUDGET, maxTurns: 1_000, maxToolCalls: 1_000 }
      const flow = handoff({ ...HEAD, budget, participants: [triage, paula], user: {}, escalation: {} })
      expect(toMermaid(flow.spec)).toContain('ask-person')
      const asksThenPays: Script = (request, signal) => {
        if (hasResult(request)) return JSON.stringify(reply('paid, is that all?'))
        if (lastAsked(request).includes('go ahead'))
          return { calls: [{ tool: 'pay.send', args: { to: 'bob', amount: 7 } }] }
        return turns({ kind: 'escalate', reason: 'may I?' }, reply('?'), to('triage'))(request, signal)
      }
      const models = () => voices({ triage: turns(to('paula'), done('all done')), paula: asksThenPays })
      const answers = { person: [{ kind: 'person_says', text: 'go ahead' }], user: [says('yes')] }
      const first = box({ workflows: [flow], models: models(), policy: approvalPolicy() })
      first.work()
      const runId = await first.start('desk-of', 'refund bob')
      const watch = streamed ? watched(first, runId) : Promise.resolve(0)
      await finish(first, runId, answers)
      expect((await first.ended(runId)).output).toMatchObject({ status: 'completed', answer: 'all done', at: 'triage' })
      expect(await watch).toBe(streamed ? (await first.records(runId)).length : 0)
      const make = (store: Store) => box({ workflows: [flow], models: models(), policy: approvalPolicy(), store })
      const end = (one: BenchBox) => finish(one, runId, answers)
      expect(await crashSweep({ first, runId, make, finish: end, bank: outside })).toEqual([])
      const booked = outside.booked.length
      if (!streamed) expect(await restoredTwice(first, runId, { models: models() }, end)).toEqual([])
      expect(outside.booked).toHaveLength(booked)
    },
    120_000,
  )
})

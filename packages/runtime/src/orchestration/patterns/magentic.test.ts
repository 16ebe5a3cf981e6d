import { afterEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { Script } from '../../agents/index.ts'
import type { JsonValue } from '../../base/json.ts'
import type { Store } from '../../contracts/store.ts'
import { type BenchBox, benchSet, PAUL, WIDE_BUDGET } from '../../testing/bench-box.ts'
import { crashSweep } from '../../testing/crash-sweep.ts'
import { approvalPolicy, lookUp, payTool } from '../../testing/engine-kit.ts'
import { finish, hasResult, lastAsked, type People, talker, voices, watched } from '../../testing/pattern-kit.ts'
import { decisionRecord, reviewWorkflow, toMermaid } from '../index.ts'
import { magentic, type MagenticOptions } from './magentic.ts'

const set = benchSet()
const { box, bank } = set
afterEach(() => set.close())

type Options = MagenticOptions<z.ZodString, z.ZodString>

const HEAD: Options = {
  name: 'team',
  version: '1.0.0',
  input: z.string(),
  output: z.string(),
  budget: WIDE_BUDGET,
  manager: talker('boss'),
  participants: [
    { does: talker('anna'), description: 'finds things out' },
    { does: talker('ben'), description: 'does things' },
  ],
  maxRounds: 6,
}

const FACTS = { given: ['the task'], lookUp: ['the price'], derive: [], guesses: ['it is cheap'] }
const PLAN = {
  facts: FACTS,
  plan: [
    { who: 'anna', what: 'find the price' },
    { who: 'ben', what: 'buy it' },
  ],
}
const because = (answer: JsonValue, reason = 'so it is') => ({ answer, reason })
/** A progress ledger in which all goes well, changed. */
function ledger(changes: Readonly<Record<string, JsonValue>> = {}) {
  const all = { satisfied: false, inLoop: false, progress: true, done: [], next: 'anna', instruction: 'go', ...changes }
  return Object.fromEntries(Object.entries(all).map(([name, answer]) => [name, because(answer, `${name} it is`)]))
}

/** What the manager is asked for, told by the question. */
function kindOf(asked: string): 'plan' | 'progress' | 'answer' {
  if (asked.includes('Give the final answer')) return 'answer'
  return asked.includes('Is the team in a loop') ? 'progress' : 'plan'
}

/** All that the manager was asked since the plan in force was shown to it. */
function sinceThePlan({ messages, ...request }: Parameters<Script>[0]): string {
  const asked = messages.flatMap((message, i) =>
    message.role === 'user' ? [lastAsked({ ...request, messages: messages.slice(0, i + 1) })] : [],
  )
  return asked.slice(asked.findLastIndex((text) => text.includes('The task:'))).join('\n')
}

/** A manager by the question, and by the names of those who have spoken since the plan. */
function boss(script: {
  plan?: (asked: string) => unknown
  progress?: (spoken: readonly string[], asked: string) => unknown
  answer?: string
}): Script {
  return (request) => {
    const asked = sinceThePlan(request)
    const kind = kindOf(asked)
    if (kind === 'answer') return script.answer ?? 'it is done'
    if (kind === 'plan') return JSON.stringify(script.plan?.(asked) ?? PLAN)
    const spoken = (asked.match(/^(anna|ben):$/gm) ?? []).map((name) => name.slice(0, -1))
    return JSON.stringify(script.progress?.(spoken, asked) ?? usual(spoken))
  }
}

/** First anna, then ben, then it is done. */
function usual(spoken: readonly string[]): unknown {
  if (spoken.includes('ben')) return ledger({ satisfied: true, done: [1, 2] })
  return spoken.includes('anna') ? ledger({ next: 'ben', instruction: 'buy it', done: [1] }) : ledger()
}

const stuck = () => ledger({ progress: false })

async function play(
  options: Partial<Options> = {},
  script: Parameters<typeof boss>[0] = {},
  answers: readonly JsonValue[] = [],
) {
  const heard: string[] = []
  const planned: string[] = []
  const ear =
    (name: string): Script =>
    (request) => {
      heard.push(lastAsked(request))
      return `${name} did it`
    }
  const plan = (asked: string): unknown => {
    planned.push(asked)
    return script.plan?.(asked)
  }
  const models = voices({ anna: ear('anna'), ben: ear('ben'), boss: boss({ ...script, plan }) })
  const one = box({ workflows: [magentic({ ...HEAD, ...options })], models })
  one.work()
  const runId = await one.start('team', 'buy milk')
  await finish(one, runId, { review: answers })
  return { heard, planned, one, ...(await one.ended(runId)) }
}

/** Every value that a state field got, in order. */
async function written(one: BenchBox, runId: string, field: string): Promise<readonly JsonValue[]> {
  const contents = await one.sb.runs.contents('acme', runId)
  const writes = (await one.of(runId, 'superstep.completed')).flatMap(({ results }) =>
    results.flatMap((result) => result.writes.filter((write) => write.field === field)),
  )
  return Promise.all(writes.map(({ value }) => contents.read(value)))
}

describe('magentic', () => {
  it('PAT-120: the manager sorts facts, plans, directs one member at a time, and answers when the request is satisfied', async () => {
    const { output, heard } = await play()
    const plan = PLAN.plan.map((step) => ({ ...step, done: true }))
    expect(output).toEqual({
      status: 'completed',
      output: 'it is done',
      reason: 'satisfied it is',
      facts: FACTS,
      plan,
      rounds: 2,
      resets: 0,
    })
    expect(heard[0]).toMatch(
      /You are anna[\s\S]*user:\n> buy milk[\s\S]*1. anna: find the price[\s\S]*manager:\n> anna: go/,
    )
    expect(heard[1]).toMatch(/anna:\n> anna did it[\s\S]*manager:\n> ben: buy it/)
  })

  it('PAT-121: both ledgers are state of the manager, each answer with its reason, and marked steps stay done', async () => {
    const { one, runId } = await play()
    const progress = await written(one, runId, 'progress')
    expect(progress).toMatchObject([
      { next: because('anna', 'next it is'), done: because([], 'done it is') },
      { next: { answer: 'ben' }, inLoop: because(false, 'inLoop it is') },
      { satisfied: because(true, 'satisfied it is') },
    ])
    const tasks = await written(one, runId, 'task')
    expect(tasks.at(0)).toMatchObject({ facts: FACTS, plan: [{ done: false }, { done: false }] })
    expect(tasks.at(2)).toMatchObject({ plan: [{ done: true }, { done: false }] })
    const { spec } = magentic(HEAD)
    expect(['task', 'progress', 'course'].map((name) => spec.fields.get(name)?.owner)).toEqual(Array(3).fill('manager'))
  })

  it('PAT-122: an answer without a reason, or that names a stranger, is asked for again twice, then the run ends with a code', async () => {
    for (const wrong of [ledger({ next: 'carl' }), { ...ledger(), satisfied: { answer: true } }]) {
      let left = 2
      const mended = await play({}, { progress: (spoken) => (left-- > 0 ? wrong : usual([...spoken, 'ben'])) })
      expect(mended.output).toMatchObject({ status: 'completed', rounds: 0 })
      const lost = await play({}, { progress: () => wrong })
      expect(lost).toMatchObject({ status: 'stopped', reason: { kind: 'failed', code: 'MODEL_OUTPUT_INVALID' } })
      expect(lost.heard).toEqual([])
    }
  })

  it('PAT-123: more stalls than borne make the manager plan anew, with what was learned; a round with progress takes one off', async () => {
    const { output, planned } = await play(
      { maxStalls: 1, maxRounds: 9 },
      {
        plan: (asked) => (asked.includes('has stalled') ? { ...PLAN, plan: [{ who: 'ben', what: 'ask' }] } : PLAN),
        progress: (spoken, asked) => {
          if (asked.includes('ben: ask')) return ledger({ satisfied: spoken.length > 0, next: 'ben' })
          return ledger(spoken.length === 1 ? {} : { inLoop: spoken.length % 2 === 0, progress: false })
        },
      },
    )
    expect(output).toMatchObject({ status: 'completed', resets: 1, rounds: 4, plan: [{ what: 'ask' }] })
    expect(planned).toHaveLength(2)
    expect(planned[1]).toMatch(
      /1. \[open\] anna: find the price[\s\S]*anna did it[\s\S]*has stalled[\s\S]*> progress it is/,
    )
  })

  it.each([
    ['max_resets', { maxStalls: 0, maxResets: 1 }, stuck, 0],
    ['max_rounds', { maxRounds: 2 }, () => ledger({ done: [1] }), 2],
  ] as const)(
    'PAT-124: at `%s` it stops with what was said last and the open steps',
    async (by, limits, progress, rounds) => {
      const { output, status } = await play(limits, { progress })
      expect(status).toBe('completed')
      expect(output).toMatchObject({ status: 'stopped', by, rounds })
      const open = by === 'max_rounds' ? ['ben: buy it'] : ['anna: find the price', 'ben: buy it']
      expect(output).toMatchObject({ partial: rounds > 0 ? 'anna did it' : null, leftUndone: open })
    },
  )

  it('PAT-125: a person approves each plan before any work, edits it as text, or rejects it, and the manager plans again', async () => {
    const approved = await play({ planReview: true }, {}, [{ decision: 'approve' }])
    expect(approved.output).toMatchObject({ status: 'completed', plan: [{ who: 'anna' }, { who: 'ben' }] })
    const edited = await play(
      { planReview: true },
      { progress: (spoken) => ledger({ satisfied: spoken.length > 0, next: 'ben', done: [2] }) },
      [{ decision: 'edit', plan: '1. ben: buy oat milk\n\n- and tell me' }],
    )
    expect(edited.output).toMatchObject({
      plan: [
        { who: 'ben', what: 'buy oat milk', done: false },
        { who: null, what: 'and tell me', done: true },
      ],
    })
    expect(edited.heard[0]).toContain('1. ben: buy oat milk')
    const again = await play({ planReview: true }, {}, [
      { decision: 'reject', feedback: 'not that shop' },
      { decision: 'approve' },
    ])
    expect(again.output).toMatchObject({ status: 'completed' })
    expect(again.planned[1]).toContain('> not that shop')
    expect(again.heard).toHaveLength(2)
  })

  it('PAT-126: rejections are bounded, a stop and silence end it; the open steps are told, and nobody has worked', async () => {
    const reject = { decision: 'reject', feedback: 'no' }
    const bounded = await play({ planReview: { maxRejections: 1 } }, {}, [reject, reject])
    expect(bounded.output).toMatchObject({ status: 'stopped', by: 'max_rejections', reason: 'no' })
    const left = await Promise.all(
      (await bounded.one.of(bounded.runId, 'request.opened')).map(async ({ request }) =>
        (await bounded.one.sb.runs.contents('acme', bounded.runId)).read(request.payload),
      ),
    )
    expect(left).toMatchObject([
      { rejectionsLeft: 1, cause: 'first' },
      { rejectionsLeft: 0, cause: 'rejected', remark: 'no' },
    ])
    const stopped = await play({ planReview: true }, {}, [{ decision: 'stop', reason: 'too dear' }])
    expect(stopped.output).toMatchObject({
      by: 'reviewer',
      reason: 'too dear',
      leftUndone: ['anna: find the price', 'ben: buy it'],
    })
    const models = voices({ anna: () => 'a', ben: () => 'b', boss: boss({}) })
    const silent = box({ workflows: [magentic({ ...HEAD, planReview: { deadlineSeconds: 60 } })], models })
    silent.work()
    const runId = await silent.start('team', 'buy milk')
    await silent.asked('request')
    await silent.host.advance(61_000)
    expect((await silent.ended(runId)).output).toMatchObject({ status: 'stopped', by: 'deadline' })
    expect([...bounded.heard, ...stopped.heard]).toEqual([])
  })

  it('PAT-125: an edited plan without a step is refused, and the request stays open', async () => {
    const models = voices({ anna: () => 'a', ben: () => 'b', boss: boss({}) })
    const one = box({ workflows: [magentic({ ...HEAD, planReview: true })], models })
    one.work()
    await one.start('team', 'buy milk')
    const { id } = await one.asked('request')
    const value = { decision: 'edit', plan: '1.\n - \n' }
    await expect(one.sb.runs.respond({ requestId: id, value, by: PAUL })).rejects.toMatchObject({
      code: 'INPUT_INVALID',
    })
    expect((await one.asked('request')).id).toBe(id)
  })

  it('PAT-127: a plan that was made anew is reviewed too', async () => {
    const { output, one, runId } = await play(
      { planReview: true, maxStalls: 0, maxResets: 1 },
      { progress: (_spoken, asked) => (asked.includes('ben: ask') ? ledger({ satisfied: true }) : stuck()) },
      [{ decision: 'approve' }, { decision: 'edit', plan: 'ben: ask' }],
    )
    expect(output).toMatchObject({ status: 'completed', resets: 1 })
    const contents = await one.sb.runs.contents('acme', runId)
    const requests = await one.of(runId, 'request.opened')
    const shown = await Promise.all(requests.map(({ request }) => contents.read(request.payload)))
    expect(shown).toMatchObject([{ cause: 'first' }, { cause: 'stalled', remark: 'progress it is' }])
  })

  it('PAT-128: without every limit of the budget declared it is not built; that and every other fault is told at once', () => {
    const budget = { maxTurns: 3 } as unknown as Options['budget']
    const wrong: Options = {
      ...HEAD,
      budget,
      participants: [talker('plan')],
      maxRounds: 0,
      maxStalls: -1,
      planReview: { deadlineSeconds: 0, maxRejections: 1.5 },
    }
    expect(() => magentic(wrong)).toThrow(
      /a magentic workflow demands hard limits; declare `budget.maxToolCalls`[\s\S]*`plan`: the name is taken[\s\S]*no `description`[\s\S]*`maxRounds`[\s\S]*`maxStalls`[\s\S]*maxRejections[\s\S]*deadlineSeconds/,
    )
    expect(() => magentic({ ...HEAD, participants: [] })).toThrow(/has 0, but .* at least 1/)
  })

  it('PAT-129: a budget that is used up in the middle of a round ends the run before the next call, by its name', async () => {
    const outside = await bank()
    const flow = magentic({
      ...HEAD,
      budget: { ...WIDE_BUDGET, maxTurns: 3 },
      participants: [{ does: talker('anna', [payTool(outside)]), description: 'pays' }, ...HEAD.participants.slice(1)],
    })
    const models = voices({ anna: paysWhenTold, ben: () => 'b', boss: boss({}) })
    const one = box({ workflows: [flow], models })
    one.work()
    const { status, ending } = await one.run('team', 'buy milk')
    expect([status, ending]).toMatchObject(['stopped', { by: 'max_turns', code: 'BUDGET_EXHAUSTED', turns: 3 }])
    expect(ending?.partial).toMatchObject({ rounds: 1, facts: FACTS })
    expect(ending?.leftUndone).toEqual(
      expect.arrayContaining([
        { what: 'anna: find the price', why: 'declared' },
        { what: 'ben: buy it', why: 'declared' },
      ]),
    )
    expect(outside.booked).toHaveLength(1)
  })

  it.each([true, false])(
    'PAT-130: broken off after each record and taken up elsewhere it ends alike and pays once, streamed %s',
    async (streamed) => {
      const outside = await bank()
      const pay = payTool(outside, { found: lookUp(outside) })
      const flow = magentic({
        ...HEAD,
        participants: [{ does: talker('anna', [pay]), description: 'pays' }, ...HEAD.participants.slice(1)],
        planReview: true,
      })
      const models = () => voices({ anna: paysWhenTold, ben: () => 'fine', boss: boss({}) })
      const make = (store?: Store) =>
        box({ workflows: [flow], models: models(), policy: approvalPolicy(), ...(store ? { store } : {}) })
      const people: People = { review: [{ decision: 'reject', feedback: 'no' }, { decision: 'approve' }] }
      const first = make()
      first.work()
      const runId = await first.start('team', 'buy milk')
      const watch = streamed ? watched(first, runId) : Promise.resolve(0)
      await finish(first, runId, people)
      expect((await first.ended(runId)).output).toMatchObject({ status: 'completed', rounds: 2 })
      expect(await watch).toBe(streamed ? (await first.records(runId)).length : 0)
      const sweep = { first, runId, make, finish: (one: BenchBox) => finish(one, runId, people), bank: outside }
      expect(await crashSweep(sweep)).toEqual([])
    },
    240_000,
  )

  it('PAT-131: a plan that waits for its review is restored in a fresh process, twice, to the same result', async () => {
    // A restore refills no budget.
    const options = { planReview: true as const, budget: { ...WIDE_BUDGET, maxTurns: 500 } }
    const { one, runId, output } = await play(options, {}, [{ decision: 'approve' }])
    const points = await one.of(runId, 'superstep.completed')
    expect(points.some(({ checkpoint }) => checkpoint.requests.length > 0)).toBe(true)
    for (const { seq } of points)
      for (let twice = 0; twice < 2; twice++) {
        await one.kill()
        const fresh = one.another()
        fresh.work()
        await fresh.sb.runs.restore({ runId, seq, by: PAUL, reason: 'again' })
        await fresh.settle(async () => {
          for (const row of await fresh.open('request')) {
            await fresh.sb.runs.respond({ requestId: row.id, value: { decision: 'approve' }, by: PAUL })
            await fresh.closed(row.id)
          }
          return (await fresh.row(runId)).status === 'completed' ? true : null
        }, 'the end')
        expect((await fresh.ended(runId)).output).toEqual(output)
        await fresh.kill()
      }
  }, 120_000)

  it('PAT-132: its diagram and decision record name the parts, and the limit of supersteps leaves room for all others', () => {
    const { spec } = magentic({ ...HEAD, planReview: true })
    expect(toMermaid(spec)).toMatch(/agent boss[\s\S]*answer within 86400 s/)
    expect(decisionRecord(spec)).toMatch(
      /\| manager \| function \| one of plan, show, progress, answer, anna, ben, close \|/,
    )
    expect(spec.maxSupersteps).toBe(66)
    expect(reviewWorkflow(spec).stops).toEqual(
      expect.arrayContaining([
        'after 6 rounds',
        'after 2 new plans for stalled work; more than 3 stalls ask for one',
        'when a reviewer stops it, or has rejected 3 plans and rejects another',
      ]),
    )
    const patient = magentic({ ...HEAD, planReview: true, maxStalls: 4 }).spec
    expect(patient.signature).not.toBe(spec.signature)
  })
})

/** Pays when it is told for the first time, and says so. */
function paysWhenTold(request: Parameters<Script>[0]) {
  if (hasResult(request)) return 'paid bob'
  return { calls: [{ tool: 'pay.send', args: { to: 'bob', amount: 7 } }] }
}

/** Outputs under a control or rule at `output`: nothing before the verdict, and nothing of a denied one. */
import { afterEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { agent } from '../agents/index.ts'
import type { JsonValue } from '../base/json.ts'
import type { ControlDef } from '../contracts/control.ts'
import { agentTool, flow, handoff, port, type Workflow, workflow } from '../orchestration/index.ts'
import { control } from '../policy/index.ts'
import { clerkFlow, clerkModel } from '../testing/agent-kit.ts'
import { benchSet, type BenchBox, type BoxOptions, PAUL, WIDE_BUDGET } from '../testing/bench-box.ts'
import { oneNode } from '../testing/engine-kit.ts'
import { everything } from '../testing/everything.ts'
import { talker, voices } from '../testing/pattern-kit.ts'
import { scriptedPolicy } from '../testing/scripted-policy.ts'

const set = benchSet()
const { box } = set
afterEach(() => set.close())

const text = z.string()
const HEAD = { version: '1.0.0', input: text, output: text, budget: WIDE_BUDGET }

/** Denies every value with a heron in it. */
const noHeron = (points: ControlDef['points']) =>
  control({
    name: 'no-birds',
    version: '1.0.0',
    owner: 'tests',
    points,
    reasons: { NO_BIRDS: 'birds are not spoken of' },
    decide: ({ value }) =>
      JSON.stringify(value).includes('heron') ? { verdict: 'deny', reason: 'NO_BIRDS' } : { verdict: 'allow' },
  })

interface Seen {
  readonly one: BenchBox
  readonly runId: string
  /** What readers of the run were shown. */
  readonly shown: string
}

/** How a run is watched: not at all, by a slow reader, by one that leaves after two items, and by a listener to all. */
type Way = 'collected' | 'slow' | 'leaves'

async function play(options: BoxOptions, name: string, way: Way): Promise<Seen> {
  const one = box({ controls: [noHeron(['output'])], ...options })
  const items: unknown[] = []
  if (way !== 'collected') one.sb.onItem((item) => items.push(item))
  one.work()
  const runId = await one.start(name, 'go')
  const settled = one.settled(runId)
  const read = async (): Promise<void> => {
    let n = 0
    for await (const item of one.sb.runs.stream('acme', runId)) {
      items.push(item)
      n += 1
      if (way === 'leaves' && n === 2) return
      for (let wait = 0; wait < 20; wait++) await one.host.macrotask()
    }
  }
  if (way !== 'collected') await Promise.race([read(), settled])
  await settled
  return { one, runId, shown: JSON.stringify(items) }
}

async function expectDenied({ one, runId, shown }: Seen): Promise<void> {
  expect(await one.ended(runId)).toMatchObject({ status: 'stopped', output: null, reason: { kind: 'denied' } })
  expect(shown).not.toContain('heron')
  const records = await one.records(runId)
  const outer = records.filter((record) => !('scope' in record) || record.scope === undefined)
  expect(outer.flatMap((record) => ('checkpoint' in record ? (record.checkpoint?.outputs ?? []) : []))).toEqual([])
  expect(records.some((record) => record.type === 'run.completed')).toBe(false)
}

const says = (last: string) => clerkModel([], last).model

describe.each<Way>(['collected', 'slow', 'leaves'])('a denied output, %s', (way) => {
  it('CHN-040, CHN-041: of an agent, a node and a durable function is nowhere', async () => {
    const fn = flow({ ...HEAD, name: 'fn', run: () => 'a heron' })
    const node = oneNode(() => 'a heron' as JsonValue)
    for (const [name, options] of [
      ['clerks', { workflows: [clerkFlow([])], models: [says('here comes a heron of many words')] }],
      ['one', { workflows: [node] }],
      ['fn', { workflows: [fn] }],
    ] as const) {
      const seen = await play(options, name, way)
      await expectDenied(seen)
      expect(await everything(seen.one, seen.runId)).not.toContain('heron')
    }
  })

  it('CHN-040, CHN-041: that an inner agent said leaves by no way: a nested workflow, an agent as a tool, a handoff', async () => {
    const nested = workflow({ ...HEAD, name: 'outer' })
      .workflow('inner', clerkFlow([]))
      .start('inner')
      .output('inner')
      .build()
    const inner = agent({
      name: 'inner',
      model: 'scripted/inner',
      instructions: 'talk',
      maxOutputTokens: 50,
      tools: [],
      input: text,
      output: text,
    })
    const asTool = agentTool(inner, {
      name: 'agents.inner',
      class: 'agents.call',
      description: 'talks',
      input: z.object({ text }),
      prompt: ({ text: asked }) => asked,
    })
    const asker = flow({
      ...HEAD,
      name: 'asker',
      tools: [asTool],
      run: async (_input, f) => {
        const end = await f.call(asTool, { text: 'talk' })
        return end.status === 'succeeded' ? String(end.output) : end.status
      },
    })
    const desk = handoff({
      name: 'desk-of',
      version: '1.0.0',
      input: text,
      budget: WIDE_BUDGET,
      participants: [
        { does: talker('triage'), description: 'finds out' },
        { does: talker('billing'), description: 'knows' },
      ],
    })
    const models = [
      says('a heron'),
      ...voices({
        inner: () => 'a heron',
        triage: () => JSON.stringify({ kind: 'finish', text: 'a heron' }),
      }),
    ]
    const all: readonly (readonly [string, Workflow<never, unknown>])[] = [
      ['outer', nested],
      ['asker', asker],
      ['desk-of', desk],
    ]
    for (const [name, flowOf] of all) {
      await expectDenied(await play({ workflows: [flowOf], models }, name, way))
      // What the inner agent says is kept out of the run altogether where it is said.
      const controls = [noHeron(['post_model_call'])]
      const withheld = await play({ workflows: [flowOf], models, controls }, name, way)
      expect(await everything(withheld.one, withheld.runId)).not.toContain('heron')
      expect(withheld.shown).not.toContain('heron')
    }
  })

  it('CHN-042: an answer that is denied after the call and asked for again by a restore leaves nothing of the first', async () => {
    let asked = 0
    const { model } = clerkModel([], 'unused')
    const turns: typeof model = {
      ...model,
      call: (request, options) => {
        asked += 1
        return clerkModel([], asked === 1 ? 'a heron' : 'a stork').model.call(request, options)
      },
    }
    const one = box({ workflows: [clerkFlow([])], models: [turns], controls: [noHeron(['post_model_call'])] })
    const items: unknown[] = []
    if (way !== 'collected') one.sb.onItem((item) => items.push(item))
    one.work()
    const runId = await one.start('clerks', 'go')
    expect(await one.ended(runId)).toMatchObject({ status: 'stopped', output: null })
    await one.sb.runs.restore({ runId, seq: 1, by: PAUL, reason: 'ask again' })
    const end = await one.until(async () => {
      const row = await one.row(runId)
      return row.status === 'completed' ? one.ended(runId) : null
    }, 'the end')
    expect([end.output, asked]).toEqual(['a stork', 2])
    expect(await everything(one, runId)).not.toContain('heron')
    expect(JSON.stringify(items)).not.toContain('heron')
  })
})

describe('an output that nothing of ours made', () => {
  const review = port({ name: 'review', request: text, response: text, deadlineSeconds: 3_600 })
  const ported = workflow({ ...HEAD, name: 'ported' })
    .node('ask', { input: text, output: text, run: (what) => what })
    .port('review', review)
    .start('ask')
    .edge('ask', 'review')
    .output('review')
    .build()
  const timed = workflow({ ...HEAD, name: 'timed' })
    .node('say', { input: text, output: text, run: () => 'a heron' })
    .timer('wait', { message: text, seconds: 5 })
    .start('say')
    .edge('say', 'wait')
    .output('wait')
    .build()

  it('CHN-040: the answer of a port that is given away is judged like any other', async () => {
    for (const answer of ['a heron', 'a stork']) {
      const one = box({ workflows: [ported], controls: [noHeron(['output'])] })
      one.work()
      const runId = await one.start('ported', 'go')
      const { id } = await one.asked('request')
      await one.sb.runs.respond({ requestId: id, value: answer, by: PAUL })
      const end = await one.ended(runId)
      expect([end.status, end.output]).toEqual(answer === 'a stork' ? ['completed', 'a stork'] : ['stopped', null])
      if (answer === 'a heron') expect(await everything(one, runId)).not.toContain('heron')
    }
  })

  it('CHN-040: what a timer held back and the run would give away is judged when it is due', async () => {
    const policy = scriptedPolicy({
      tools: {},
      points: ['output'],
      decide: ({ point, input }) =>
        point === 'output' && String(input.text).includes('heron')
          ? { verdict: 'deny', reason_code: 'NO_BIRDS' }
          : undefined,
    })
    const one = box({ workflows: [timed], policy })
    one.work()
    const runId = await one.start('timed', 'go')
    await one.until(async () => ((await one.row(runId)).status === 'waiting' ? true : null), 'a wait')
    await one.host.advance(6_000)
    await expectDenied({ one, runId, shown: '' })
  })
})

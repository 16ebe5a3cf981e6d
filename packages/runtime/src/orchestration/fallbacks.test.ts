import { afterEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { agent } from '../agents/index.ts'
import { clerkModel } from '../testing/agent-kit.ts'
import { benchSet, PAUL, WIDE_BUDGET } from '../testing/bench-box.ts'
import { approvalPolicy, type PayTool, payTool, readTool } from '../testing/engine-kit.ts'
import { endWith, escalationTo, summaryOf } from './fallbacks.ts'
import { workflow } from './index.ts'

const set = benchSet()
const { box, bank } = set
afterEach(() => set.close())

const ANSWER = z.object({ text: z.string() })

/** An agent that pays, and nothing else yet. */
function desk(pay: PayTool) {
  const clerk = agent({
    ...{ name: 'clerk', model: 'scripted/clerk', instructions: 'pay', maxOutputTokens: 100, tools: [pay, read] },
    ...{ input: z.string(), output: ANSWER },
  })
  const def = { name: 'desk', version: '1.0.0', input: z.string(), output: ANSWER, budget: WIDE_BUDGET, state: {} }
  return workflow(def)
    .agent('clerk', clerk, { prompt: (text) => text })
    .start('clerk')
    .output('clerk')
}

const read = readTool((n) => n + 1)
const BUILT = {
  summary: (pay: PayTool) =>
    desk(pay)
      .node('after', {
        ...summaryOf(
          ANSWER,
          async ({ code }, { call }) => {
            const found = await call(read, { n: 1 })
            return { text: `${code} ${found.status === 'succeeded' ? found.output : ''}` }
          },
          [read],
        ),
      })
      .onRejected('clerk', 'after')
      .output('after')
      .build(),
  person: (pay: PayTool) =>
    desk(pay)
      .port('owner', escalationTo({ name: 'owner', response: ANSWER, deadlineSeconds: 60 }))
      .onRejected('clerk', 'owner')
      .output('owner')
      .build(),
  end: (pay: PayTool) =>
    desk(pay)
      .node(
        'after',
        endWith(ANSWER, ({ code }) => ({ text: `ended: ${code}` })),
      )
      .onRejected('clerk', 'after')
      .output('after')
      .build(),
} as const

describe('what is ready for a rejected call', () => {
  it('APV-055: a summary can be given only tools that change nothing', async () => {
    const pay = payTool(await bank())
    expect(() => summaryOf(ANSWER, () => ({ text: '' }), [pay])).toThrow(/a summary can only read: `pay.send`/)
    expect(summaryOf(ANSWER, () => ({ text: '' })).tools).toEqual([])
  })

  it.each(['summary', 'end', 'person'] as const)(
    'APV-055: it ends as declared, by %s; nothing is sent',
    async (how) => {
      const outside = await bank()
      const { model } = clerkModel([[{ tool: 'pay.send', args: { to: 'bob', amount: 5 } }]])
      const one = box({ workflows: [BUILT[how](payTool(outside))], models: [model], policy: approvalPolicy() })
      one.work()
      const runId = await one.start('desk', 'go')
      await one.decide('rejected')
      if (how === 'person') {
        const { id } = await one.asked('request')
        await one.sb.runs.respond({ requestId: id, value: { text: 'leave it' }, by: PAUL })
      }
      const texts = { summary: 'APPROVAL_REJECTED 2', end: 'ended: APPROVAL_REJECTED', person: 'leave it' }
      expect((await one.ended(runId)).output).toEqual({ text: texts[how] })
      expect(outside.requests).toEqual([])
    },
  )
})

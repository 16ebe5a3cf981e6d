import { afterEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { workflow } from '../../src/index.ts'
import { toolResults } from '../../src/testing/agent-kit.ts'
import { benchSet, PAUL, WIDE_BUDGET } from '../../src/testing/bench-box.ts'
import { scriptedModel } from '../../src/testing/scripted-model.ts'
import { clerk, desk, worker } from './nested.ts'

const set = benchSet()
afterEach(() => set.close())

describe('the guide to nested workflows', () => {
  it('SCP-034: answers small amounts itself and asks people about large ones', async () => {
    const one = set.box({ workflows: [desk] })
    one.work()
    expect((await one.run('desk', { orderId: 'a', amount: 5 })).output).toBe('paid order')
    const runId = await one.start('desk', { orderId: 'a', amount: 500 })
    const { id, tool } = await one.asked('request')
    expect(tool).toBe('pay/review')
    await one.sb.runs.respond({ requestId: id, value: { ok: false }, by: PAUL })
    expect((await one.ended(runId)).output).toBe('not paid')
  })

  it('SCP-010, SCP-020: runs its agent as a tool and its workflow as an agent', async () => {
    const flow = workflow({ name: 'both', version: '1', input: z.string(), output: z.string(), budget: WIDE_BUDGET })
      .agent('clerk', clerk, { prompt: (text) => text })
      .agent('payer', worker, { prompt: (text) => text })
      .start('clerk')
      .edge('clerk', 'payer')
      .output('payer')
      .build()
    const asks = { calls: [{ tool: 'agents.researcher', args: { customer: 'ana' } }] }
    const models = [
      scriptedModel('clerk', (request) => (toolResults(request).length === 0 ? asks : 'order-1')),
      scriptedModel('researcher', () => 'nothing'),
    ]
    const one = set.box({ workflows: [flow], models })
    one.work()
    const runId = await one.start('both', 'hello')
    const { id } = await one.asked('request')
    await one.sb.runs.respond({ requestId: id, value: { ok: true }, by: PAUL })
    expect((await one.ended(runId)).output).toBe('paid order')
  })
})

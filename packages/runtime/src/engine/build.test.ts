import { afterEach, describe, expect, it } from 'vitest'
import { explain } from '../observability/index.ts'
import { clerkFlow, clerkModel } from '../testing/agent-kit.ts'
import { benchSet, PAUL } from '../testing/bench-box.ts'
import { approvalPolicy, payTool } from '../testing/engine-kit.ts'

const set = benchSet()
const { box, bank } = set
afterEach(() => set.close())

describe('what a run is worked on with', () => {
  it('UPG-050, UPG-051: is on record with its start and its fork, and again where a segment goes on with another', async () => {
    const pay = payTool(await bank())
    const { model } = clerkModel([[{ tool: 'pay.send', args: { to: 'bob', amount: 1 } }]])
    const one = box({ workflows: [clerkFlow([pay])], models: [model], policy: approvalPolicy() })
    one.work()
    const runId = await one.start('clerks', 'go')
    await one.asked()
    await one.until(async () => ((await one.row(runId)).status === 'waiting' ? true : null), 'a wait')
    const spec = clerkFlow([pay]).spec
    const [started] = await one.of(runId, 'run.started')
    expect(started?.build).toEqual({
      runtime: started?.runtime_version,
      bundle: started?.bundle,
      version: '1.0.0',
      definition: spec.definition,
      models: { clerk: 'scripted/clerk' },
      prompts: { clerk: spec.nodes.get('clerk')?.agent?.promptHash },
      tools: { 'pay.send': pay.spec.definitionHash },
      prices: { 'scripted/clerk': model.price.id },
    })
    expect((await one.of(runId, 'segment.started')).map((record) => record.build)).toEqual([undefined])
    await one.kill()
    const dearer = { ...model, price: { ...model.price, id: 'table-2#clerk' } }
    const other = one.another({ models: [dearer] })
    other.work()
    await one.decide('approved')
    await other.ended(runId)
    const [, second] = await one.of(runId, 'segment.started')
    expect(second?.build).toMatchObject({ prices: { 'scripted/clerk': 'table-2#clerk' } })
    const told = explain(await one.records(runId), { now: one.host.now() })
    expect(told.story[0]?.text).toContain('It was started with runtime')
    expect(told.story.map((each) => each.text).join('\n')).toContain('another price of `scripted/clerk`')
    const { runId: forked } = await other.sb.runs.fork({ runId, seq: 1, by: PAUL, reason: 'once more' })
    const [fork] = await one.of(forked, 'run.started')
    expect(fork?.build?.prices).toEqual({ 'scripted/clerk': 'table-2#clerk' })
  })
})

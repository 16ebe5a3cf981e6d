import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { Tool } from '../contracts/index.ts'
import { tool } from '../tools/index.ts'
import {
  decisionRecord,
  describeDifference,
  port,
  reviewWorkflow,
  toDot,
  toMermaid,
  type Workflow,
  workflow,
} from './index.ts'

const BUDGET = { maxTurns: 1, maxToolCalls: 1, maxRuntimeSeconds: 1, maxTokens: 1, maxCostUsd: '1' }
const payBy = (area: string): Tool<{ n: number }, string> =>
  tool({
    name: 'pay.send',
    class: `${area}.write`,
    effect: 'irreversible',
    input: z.object({ n: z.number() }),
    output: z.string(),
    execute: () => Promise.resolve('paid'),
  })
const pay = payBy('payments')

function inner(name: string, tools = [pay], attempts = 1): Workflow<string, string> {
  return workflow({ name, version: '1', input: z.string(), output: z.string(), budget: BUDGET, tools })
    .node('pay', { input: z.string(), output: z.string(), tools, retry: { attempts }, run: (text) => text })
    .start('pay')
    .output('pay')
    .build()
}

const holding = (nested: Workflow<string, string>, tools = [pay]) =>
  workflow({ name: 'outer', version: '1', input: z.string(), output: z.string(), budget: BUDGET, tools })
    .workflow('sub', nested)
    .start('sub')
    .output('sub')

describe('the definition of a nested workflow', () => {
  it('SCP-050: refuses tools of one name, too many levels, and answers to what is no port', () => {
    const other = holding(inner('one', [payBy('other')])).validate()
    expect(other.errors).toEqual(['two different tools are named `pay.send`: a nested workflow has its own'])
    let deep = inner('level-0')
    for (let n = 1; n < 8; n++) {
      const around = workflow({
        name: `level-${n}`,
        version: '1',
        input: z.string(),
        output: z.string(),
        budget: BUDGET,
      })
      deep = around.workflow('sub', deep).start('sub').output('sub').build()
    }
    expect(holding(deep).validate().errors).toEqual([
      '`workflows.level-7` is nested more than 8 levels deep; make its graph flatter',
    ])
    const answered = workflow({ name: 'outer', version: '1', input: z.string(), output: z.string(), budget: BUDGET })
      .workflow('sub', inner('one'), { answers: { pay: () => 'yes' } })
      .start('sub')
      .output('sub')
    expect(answered.validate().errors).toEqual(['node `sub`: `answers` names `pay`, which is no port of `one`'])
  })

  it('SCP-051: is part of the signature and told in the difference, with its name in front', () => {
    const [before, after] = [holding(inner('one')).build().spec, holding(inner('one', [pay], 3)).build().spec]
    expect(after.signature).not.toBe(before.signature)
    expect(holding(inner('one')).build().spec.definition).toBe(before.definition)
    expect(describeDifference(before.description, after.description)).toContain(
      'in `workflows.one`: node `pay`: `retry.attempts` changed from `1` to `3`',
    )
    expect(JSON.stringify(inner('one').spec.description)).not.toContain('scopes')
  })

  it('SCP-052: shows in review, decision record and pictures what lies in it', () => {
    const { spec } = holding(inner('one'), []).build()
    expect(reviewWorkflow(spec).sideEffects).toMatchObject([{ tool: 'pay.send', nodes: ['sub/pay'] }])
    expect(decisionRecord(spec)).toContain('sub/pay')
    expect(toMermaid(spec)).toContain('[["sub<br/>workflow workflows.one"]]')
    expect(toDot(spec)).toContain('shape=box3d')
  })

  it('SCP-050: takes only what the nested workflow takes, and offers its ports to answers alone', () => {
    const ask = port({ name: 'ask', request: z.string(), response: z.string(), deadlineSeconds: 1 })
    const asking = workflow({ name: 'asking', version: '1', input: z.string(), output: z.string(), budget: BUDGET })
      .port('ask', ask)
      .start('ask')
      .output('ask')
      .build()
    const right = workflow({ name: 'outer', version: '1', input: z.string(), output: z.string(), budget: BUDGET })
      .workflow('sub', asking, { answers: { ask: (text: string) => text } })
      .start('sub')
      .output('sub')
    expect(right.validate().errors).toEqual([])
  })
})

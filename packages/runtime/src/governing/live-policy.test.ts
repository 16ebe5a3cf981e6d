import { afterEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { PolicyPort } from '../contracts/policy.ts'
import { benchSet } from '../testing/bench-box.ts'
import { KIT_TOOLS, oneNode, type PayOptions, payTool, type PayTool } from '../testing/engine-kit.ts'
import { needsApproval, scriptedPolicy } from '../testing/scripted-policy.ts'
import { livePolicy } from './live-policy.ts'

const set = benchSet()
const { box, bank } = set
afterEach(() => set.close())

const flow = (pay: PayTool) =>
  oneNode(async (_input, ctx) => (await ctx.call(pay, { to: 'bob', amount: 5 })).status, { tools: [pay] })

const PERMITS = scriptedPolicy({ tools: KIT_TOOLS, bundle: 'permits@1' })
const DENIES = scriptedPolicy({
  tools: KIT_TOOLS,
  bundle: 'denies@2',
  decide: () => ({ verdict: 'deny', reason_code: 'NO_MORE' }),
})
const asking = (bundle: string, id: string): PolicyPort =>
  scriptedPolicy({
    tools: KIT_TOOLS,
    bundle,
    decide: (request) => {
      const asked = needsApproval(request, 'approver')
      return { ...asked, asks: asked.asks?.map((ask) => ({ ...ask, id })) ?? [] }
    },
  })

const ways = ['collected', 'streamed'] as const

describe.each(ways)('another bundle comes into force, %s', (way) => {
  async function run(policy: PolicyPort, options: PayOptions & { at?: () => void } = {}) {
    const outside = await bank()
    const { at, ...pay } = options
    const fault = (point: string): void => {
      if (point === 'decided') at?.()
    }
    const one = box({ workflows: [flow(payTool(outside, pay))], policy, fault })
    one.work()
    const runId = await one.start('one', null)
    const end = async () => {
      if (way === 'streamed') for await (const _ of one.sb.runs.stream('acme', runId)) await one.host.macrotask()
      return await one.ended(runId)
    }
    return { outside, one, runId, end }
  }

  it('BDL-005: between the decision and the intent: the call is asked again, denied, and nothing is sent', async () => {
    const live = livePolicy(PERMITS)
    const { outside, one, runId, end } = await run(live, { at: () => live.swap(DENIES) })
    expect((await end()).output).toBe('denied')
    expect(outside.requests).toEqual([])
    expect(await one.of(runId, 'activity.intent')).toEqual([])
    const [outcome] = await one.of(runId, 'activity.outcome')
    expect(outcome).toMatchObject({ code: 'NO_MORE', decision: { bundle: 'denies@2' } })
  })

  it('BDL-005: what the new one asks a person about waits for that person', async () => {
    const live = livePolicy(PERMITS)
    const { outside, one, runId, end } = await run(live, { at: () => live.swap(asking('asks@2', 'a')) })
    await one.asked()
    expect(outside.requests).toEqual([])
    await one.decide('approved')
    expect((await end()).output).toBe('succeeded')
    expect(await one.of(runId, 'activity.intent')).toMatchObject([{ decision: { bundle: 'asks@2' } }])
    expect(outside.booked).toHaveLength(1)
  })

  it('BDL-006: while a person is asked: with the same asking policies the approval stays, under the new bundle', async () => {
    const live = livePolicy(asking('asks@1', 'a'))
    const { outside, one, runId, end } = await run(live)
    await one.asked()
    live.swap(asking('asks@2', 'a'))
    await one.decide('approved')
    expect((await end()).output).toBe('succeeded')
    expect(await one.of(runId, 'activity.intent')).toMatchObject([{ decision: { bundle: 'asks@2' } }])
    expect(outside.booked).toHaveLength(1)
  })

  it('BDL-006: with other asking policies the approval is void, and nothing is sent', async () => {
    const live = livePolicy(asking('asks@1', 'a'))
    const { outside, one, runId, end } = await run(live)
    await one.asked()
    live.swap(asking('asks@2', 'b'))
    await one.decide('approved')
    expect((await end()).output).toBe('denied')
    expect(await one.of(runId, 'activity.outcome')).toContainEqual(expect.objectContaining({ code: 'APPROVAL_VOID' }))
    expect(outside.requests).toEqual([])
  })

  it('BDL-006: also when it comes after the approval was derived again, right before the intent', async () => {
    const live = livePolicy(asking('asks@1', 'a'))
    let reads = 0
    const read = async () => {
      // Read before the first decision, then right before the intent.
      reads += 1
      if (reads === 2) live.swap(asking('asks@2', 'b'))
      return {}
    }
    const facts = { schema: z.object({}), read }
    const { outside, one, runId, end } = await run(live, { facts })
    await one.asked()
    await one.decide('approved')
    expect((await end()).output).toBe('denied')
    expect(reads).toBeGreaterThan(1)
    expect(await one.of(runId, 'activity.outcome')).toContainEqual(expect.objectContaining({ code: 'APPROVAL_VOID' }))
    expect(outside.requests).toEqual([])
  })
})

describe('a bundle that does not fit the code', () => {
  it('BDL-007: is not taken up, and the one before stays in force', () => {
    const live = livePolicy(PERMITS)
    live.checkTools([])
    const bad = {
      ...DENIES,
      checkTools: () => {
        throw new Error('laxer')
      },
    }
    expect(() => live.swap(bad)).toThrow('laxer')
    expect(live.bundle).toBe('permits@1')
  })
})

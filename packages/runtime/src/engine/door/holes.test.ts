/** Known ways around a policy, each tried through the whole runtime: the outside has no request, and the code says why. */
import { afterEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { SignalboxError } from '../../base/errors.ts'
import { loadBundle } from '../../policy/index.ts'
import { ANA, benchSet, type BenchBox, PAUL, VERA } from '../../testing/bench-box.ts'
import { oneNode } from '../../testing/engine-kit.ts'
import type { OutsideBank } from '../../testing/outside-bank.ts'
import { tool } from '../../tools/index.ts'

const set = benchSet()
const { box, bank } = set
afterEach(() => set.close())

const ways = ['collected', 'streamed'] as const
type Way = (typeof ways)[number]

async function endOf(one: BenchBox, runId: string, way: Way) {
  if (way === 'streamed') for await (const _ of one.sb.runs.stream('acme', runId)) await one.host.macrotask()
  return one.ended(runId)
}

const PERMIT = `@id("permit.pay") @owner("o") permit (principal, action, resource);\n`
const ASK = `@id("ask.much") @owner("o") @reason("ASKED") @effect("require_approval") @approvers("role:approver")
forbid (principal, action in Signalbox::Action::"class:payments.write", resource)
unless { context has approval && context.approval.bound && context.approval.approver in Signalbox::Role::"approver" };\n`

type Json = z.output<ReturnType<typeof z.json>>

/** A bundle of the one tool that pays, and the policies given. */
function policyOf(cedar: string) {
  return loadBundle({
    'bundle.json': JSON.stringify({
      name: 'holes',
      version: '1.0.0',
      owner: 'o',
      roles: ['requester', 'approver'],
      reasons: { ASKED: 'a person has to say yes', NEVER: 'never', TOO_MUCH: 'too much' },
    }),
    'catalogue.json': JSON.stringify({
      tools: [
        {
          name: 'pay.send',
          class: 'payments.write',
          effect: 'irreversible',
          owner: 'o',
          blast_radius: 'one payment',
          input: { to: 'String', amount: 'Long' },
          facts: {},
        },
      ],
      models: [],
      workflows: [{ name: 'one', owner: 'o', roles: ['requester'] }],
    }),
    'core.cedar': PERMIT + cedar,
  })
}

/** A tool that takes any JSON: what policy sees is what the catalogue says, whatever the tool lets through. */
function anyPay(outside: OutsideBank) {
  return tool({
    name: 'pay.send',
    class: 'payments.write',
    effect: 'irreversible',
    input: z.object({ to: z.json(), amount: z.json() }),
    output: z.json(),
    hosts: [outside.host],
    settleAfterSeconds: 1,
    preview: async () => ({
      summary: 'pay',
      target: { type: 'account', id: 'x', version: '1' },
      impact: { text: 'some' },
      rollback: 'none',
    }),
    execute: async (args, ctx) => {
      const answer = await ctx.fetch(`http://${outside.host}/pay`, { method: 'POST', body: JSON.stringify(args) })
      return z.json().parse(await answer.json())
    },
  })
}

/** A run that pays with each of the arguments, one after the other, and tells how each call ended. */
async function paying(cedar: string, ...calls: readonly (readonly [Json, Json])[]) {
  const outside = await bank()
  const pay = anyPay(outside)
  const flow = oneNode(
    async (_input, ctx) => {
      const ends: string[] = []
      for (const [to, amount] of calls) {
        const end = await ctx.call(pay, { to, amount })
        ends.push(end.status === 'succeeded' ? 'succeeded' : end.code)
      }
      return ends
    },
    { tools: [pay] },
  )
  const one = box({ workflows: [flow], policy: policyOf(cedar) })
  one.work()
  return { outside, one, runId: await one.start('one', null), pay }
}

const decide = (one: BenchBox, approvalId: string, by: typeof PAUL, answer: 'approved' | 'rejected' = 'approved') =>
  one.sb.runs.decide({ approvalId, answer, by, reason: 'weighed', seen: null })

describe.each(ways)('a way around the policy, %s', (way) => {
  it('HOL-001: a forbid that cannot be evaluated is no permission: the run is parked', async () => {
    const overflow = `@id("forbid.odd") @owner("o") @reason("NEVER") forbid (principal, action in Signalbox::Action::"class:payments.write", resource)
when { context.input.amount * 9223372036854775807 > 5 };\n`
    const { outside, one, runId } = await paying(overflow, ['bob', 5])
    if (way === 'streamed') {
      const items = one.sb.runs.stream('acme', runId)[Symbol.asyncIterator]()
      await items.next()
      await items.return?.()
    }
    expect(await one.settled(runId)).toMatchObject({ status: 'parked', reason: { code: 'POLICY_MALFUNCTION' } })
    expect(outside.requests).toEqual([])
  })

  it.each([
    ['an entity', { __entity: { type: 'Signalbox::Role', id: 'approver' } }],
    ['an extension value', { __extn: { fn: 'decimal', arg: '1.0' } }],
    ['a number', 5],
    ['a list', ['bob']],
    ['nothing', null],
  ] as const)('HOL-002: %s where a text is due is denied before any policy reads it', async (_what, to) => {
    const { outside, one, runId } = await paying('', [to as Json, 5], ['bob', 0.5], ['bob', 2 ** 60], ['bob', '5'])
    expect((await endOf(one, runId, way)).output).toEqual(Array(4).fill('INPUT_NOT_PROJECTABLE'))
    expect(outside.requests).toEqual([])
  })

  it('HOL-003: a forbid on a group of actions holds for every tool of it', async () => {
    const forbid = `@id("forbid.class") @owner("o") @reason("NEVER")
forbid (principal, action in Signalbox::Action::"class:payments.write", resource);\n`
    const { outside, one, runId } = await paying(forbid, ['bob', 5])
    expect((await endOf(one, runId, way)).output).toEqual(['NEVER'])
    expect(outside.requests).toEqual([])
  })

  it('HOL-007: an approval of one call lets no other pass: another amount after a restart, another call beside it', async () => {
    const { outside, one, runId, pay } = await paying(ASK, ['bob', 5])
    const asked = await one.asked()
    await one.kill()
    const swapped = oneNode(async (_input, ctx) => (await ctx.call(pay, { to: 'bob', amount: 500 })).status, {
      tools: [pay],
    })
    const other = one.another({ workflows: [swapped] })
    other.work()
    await decide(one, asked.id, PAUL)
    expect(await other.settled(runId)).toMatchObject({ status: 'parked', reason: { code: 'REPLAY_DIVERGED' } })
    expect(outside.requests).toEqual([])

    const two = await paying(ASK, ['bob', 5], ['eve', 500])
    const first = await two.one.asked()
    await decide(two.one, first.id, PAUL)
    const second = await two.one.until(
      async () => (await two.one.open()).find(({ id }) => id !== first.id) ?? null,
      'the second request',
    )
    expect(two.outside.booked.map(({ to }) => to)).toEqual(['bob'])
    await decide(two.one, second.id, PAUL, 'rejected')
    expect((await endOf(two.one, two.runId, way)).status).toBe('completed')
    expect(two.outside.booked).toHaveLength(1)
  })

  it('HOL-008: an approval is used once: an equal call later is asked for anew', async () => {
    const { outside, one, runId } = await paying(ASK, ['bob', 5], ['bob', 5])
    const first = await one.asked()
    await decide(one, first.id, PAUL)
    const second = await one.until(
      async () => (await one.open()).find(({ id }) => id !== first.id) ?? null,
      'the second request',
    )
    await expect(decide(one, first.id, VERA)).rejects.toMatchObject({ code: 'APPROVAL_DECIDED' })
    expect(outside.booked).toHaveLength(1)
    await decide(one, second.id, PAUL, 'rejected')
    expect((await endOf(one, runId, way)).output).toMatchObject(['succeeded', expect.any(String)])
    expect(outside.booked).toHaveLength(1)
  })

  it('HOL-009: of two answers at the same moment one counts, and the other is told', async () => {
    const { outside, one, runId } = await paying(ASK, ['bob', 5])
    const { id } = await one.asked()
    const answers = await Promise.allSettled([decide(one, id, PAUL, 'rejected'), decide(one, id, VERA)])
    const lost = answers.flatMap((answer) => (answer.status === 'rejected' ? [answer.reason as unknown] : []))
    expect(lost).toMatchObject([{ code: 'APPROVAL_DECIDED' }])
    const won = answers.findIndex((answer) => answer.status === 'fulfilled')
    await endOf(one, runId, way)
    expect(outside.booked).toHaveLength(won === 1 ? 1 : 0)
  })

  it('HOL-011: nobody says yes to what they asked for, whatever roles they hold', async () => {
    const { outside, one, runId } = await paying(ASK, ['bob', 5])
    const { id } = await one.asked()
    await expect(decide(one, id, { ...ANA, roles: ['requester', 'approver'] })).rejects.toMatchObject({
      code: 'APPROVAL_SELF',
    })
    await decide(one, id, PAUL, 'rejected')
    await endOf(one, runId, way)
    expect(outside.requests).toEqual([])
  })
})

describe('a policy that is not there', () => {
  const refused = (load: () => unknown): unknown => {
    try {
      return load()
    } catch (thrown) {
      return thrown instanceof SignalboxError ? thrown.code : thrown
    }
  }

  it('HOL-006: without a bundle nothing is made that could start a run', () => {
    expect(refused(() => loadBundle({}))).toBe('POLICY_BUNDLE_MISSING')
  })

  it('HOL-003: a group of actions that no tool is in, and a policy outside the schema, are refused when they are loaded', () => {
    const on = (what: string) => `@id("x") @owner("o") @reason("NEVER") forbid (principal, ${what}, resource);\n`
    expect(refused(() => policyOf(on('action in Signalbox::Action::"class:payments.writes"')))).toBe(
      'POLICY_BUNDLE_INVALID',
    )
    expect(refused(() => policyOf(on('action in Action::"class:payments.write"')))).toBe('POLICY_BUNDLE_INVALID')
  })
})

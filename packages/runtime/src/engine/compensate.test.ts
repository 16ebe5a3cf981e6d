import { afterEach, describe, expect, it } from 'vitest'
import { sleep, systemHost } from '../base/host.ts'
import type { CompensationResult } from '../contracts/compensation.ts'
import type { PolicyRequest } from '../contracts/policy.ts'
import type { RunRecord } from '../contracts/records.ts'
import { lineageGaps, lineageOf } from '../observability/index.ts'
import { storyOf } from '../observability/story.ts'
import { type BenchBox, ANA, benchSet, PAUL } from '../testing/bench-box.ts'
import { approvalPolicy, KIT_TOOLS, oneNode, payTool, type Payment, type PayTool } from '../testing/engine-kit.ts'
import type { OutsideBank } from '../testing/outside-bank.ts'
import { scriptedPolicy } from '../testing/scripted-policy.ts'
import { FAULT_POINTS } from './env.ts'

const set = benchSet()
const { box, bank } = set
afterEach(() => set.close())

const byPayee = ({ to }: Payment) => ({ scope: 'tenant' as const, key: to })
const bob = { to: 'bob', amount: 5 }
const eve = { to: 'eve', amount: 7 }

/** A workflow that makes the payments that its input lists, one after another. */
function payments(pay: PayTool, others: readonly PayTool[] = []) {
  return oneNode(
    async (input, ctx) => {
      const ends: string[] = []
      for (const one of input as unknown as readonly (Payment & { tool?: string })[]) {
        const { tool: name, ...args } = one
        ends.push((await ctx.call(others.find((each) => each.name === name) ?? pay, args)).status)
      }
      return ends
    },
    { tools: [pay, ...others] },
  )
}

async function paid(options: { back?: Parameters<typeof payTool>[1]; withinSeconds?: number } = {}) {
  const outside = await bank()
  const back = payTool(outside, { name: 'pay.back', ...options.back })
  const { withinSeconds } = options
  const undo = { tool: back, ...(withinSeconds === undefined ? {} : { withinSeconds }) }
  return { outside, back, pay: payTool(outside, { effectKey: byPayee, undo }) }
}

const amounts = (outside: OutsideBank) => outside.booked.map(({ to, amount }) => `${to} ${amount}`)

async function compensate(one: BenchBox, runId: string, more: object = {}): Promise<string> {
  const request = { runId, by: ANA, reason: 'paid by mistake', ...more }
  return (await one.sb.runs.compensate(request)).runId
}

async function resultOf(one: BenchBox, runId: string): Promise<CompensationResult> {
  const { output, status } = await one.ended(runId)
  expect(status).toBe('completed')
  return output as unknown as CompensationResult
}

const states = async (one: BenchBox, runId: string) =>
  (await one.sb.runs.compensationPlan('acme', runId)).items.map(({ tool, state }) => `${tool} ${state}`)

describe('undoing the effects of a run', () => {
  it('CMP-003: undoes in reverse order of completion, and tells what it undid and what is left', async () => {
    const { outside, pay } = await paid()
    const one = box({ workflows: [payments(pay)] })
    one.work()
    const { runId } = await one.run('one', [bob, eve])
    const plan = await one.sb.runs.compensationPlan('acme', runId)
    expect(plan.refused).toBeNull()
    expect(plan.items.map(({ tool, state, undo }) => [tool, state, undo])).toEqual([
      ['pay.send', 'undoable', 'pay.back'],
      ['pay.send', 'undoable', 'pay.back'],
    ])
    const made = await compensate(one, runId)
    const result = await resultOf(one, made)
    expect(amounts(outside)).toEqual(['bob 5', 'eve 7', 'eve -7', 'bob -5'])
    expect(result).toMatchObject({ run: runId, left: [] })
    expect(result.compensated.map(({ seq }) => seq)).toEqual(plan.items.map(({ seq }) => seq))
    expect(await states(one, runId)).toEqual(['pay.send undone', 'pay.send undone'])
    const [started] = await one.of(made, 'run.started')
    const original = await one.row(runId)
    expect(started?.compensates).toEqual({ run: runId, seq: original.seq, head: original.head })
    const intents = await one.of(made, 'activity.intent')
    expect(intents.map((intent) => intent.proposal.undoes?.seq)).toEqual(plan.items.map(({ seq }) => seq))
  })

  it('CMP-002: the plan tells of each effect, those of abandoned branches included, why it can be undone or not', async () => {
    const { outside, back, pay } = await paid({ withinSeconds: 60 })
    const silent = payTool(outside, { name: 'pay.other' })
    const never = payTool(outside, { name: 'pay.never', undo: 'impossible' })
    const one = box({ workflows: [payments(pay, [silent, never, back])] })
    one.work()
    const input = [bob, { ...eve, tool: 'pay.other' }, { ...eve, tool: 'pay.never' }, { to: 'tom', amount: 13 }]
    const { runId } = await one.run('one', input)
    expect(await states(one, runId)).toEqual([
      'pay.send refused',
      'pay.never impossible',
      'pay.other undeclared',
      'pay.send undoable',
    ])
    await one.host.advance(61_000)
    expect((await states(one, runId)).at(-1)).toBe('pay.send too_late')
    await expect(compensate(one, runId)).rejects.toMatchObject({ code: 'COMPENSATION_REFUSED' })
    expect(outside.booked).toHaveLength(4)
  })

  it('CMP-004: takes only the effects that were chosen, and refuses wrong ones with every reason at once', async () => {
    const { outside, pay } = await paid()
    const never = payTool(outside, { name: 'pay.never', undo: 'impossible' })
    const one = box({ workflows: [payments(pay, [never])] })
    one.work()
    const { runId } = await one.run('one', [bob, { ...eve, tool: 'pay.never' }, { to: 'tom', amount: 3 }])
    const { items } = await one.sb.runs.compensationPlan('acme', runId)
    const [tom, stays, first] = items
    await expect(compensate(one, runId, { effects: [stays?.seq, 999] })).rejects.toMatchObject({
      code: 'COMPENSATION_REFUSED',
      message: expect.stringMatching(/record 999 is no effect.*nothing can undo/),
    })
    const result = await resultOf(one, await compensate(one, runId, { effects: [first?.seq] }))
    expect(amounts(outside).slice(3)).toEqual(['bob -5'])
    expect(result.left.map(({ seq, why }) => [seq, why])).toEqual([
      [tom?.seq, 'not_chosen'],
      [stays?.seq, 'impossible'],
    ])
  })

  it.each([
    ['stop', ['eve 7'], ['denied', 'stopped_before']],
    ['continue', ['eve 7', 'bob -5'], ['denied']],
  ] as const)(
    'CMP-005: an undo that policy denies has no effect, and the chain does as was chosen: %s',
    async (onFailure, after, left) => {
      const { outside, pay } = await paid()
      const deny = ({ action, input }: PolicyRequest) =>
        action.name === 'pay.back' && input.to === 'eve'
          ? ({ verdict: 'deny', reason_code: 'POLICY_DENIED' } as const)
          : undefined
      const tools = { ...KIT_TOOLS }
      const one = box({ workflows: [payments(pay)], policy: scriptedPolicy({ tools, decide: deny }) })
      one.work()
      const { runId } = await one.run('one', [bob, eve])
      const result = await resultOf(one, await compensate(one, runId, { onFailure }))
      expect(amounts(outside).slice(1)).toEqual(after)
      expect(result.left.map(({ why }) => why)).toEqual(left)
      expect(await states(one, runId)).toContain('pay.send undoable')
    },
  )

  it('CMP-006: an undo that needs approval waits for another person than the one who asked; rejected, it is left', async () => {
    const { outside, pay } = await paid()
    const policy = approvalPolicy(({ action }) => (action.name === 'pay.send' ? { verdict: 'allow' } : undefined))
    const one = box({ workflows: [payments(pay)], policy })
    one.work()
    const { runId } = await one.run('one', [bob])
    const first = await compensate(one, runId)
    const { id } = await one.asked()
    const own = one.sb.runs.decide({ approvalId: id, answer: 'approved', by: ANA, reason: 'mine', seen: null })
    await expect(own).rejects.toMatchObject({ code: expect.stringMatching(/^APPROVAL_/) })
    await one.decide('rejected')
    expect((await resultOf(one, first)).left).toMatchObject([{ why: 'rejected' }])
    expect(amounts(outside)).toEqual(['bob 5'])
    const second = await compensate(one, runId)
    await one.decide('approved')
    expect((await resultOf(one, second)).compensated).toHaveLength(1)
    expect(amounts(outside)).toEqual(['bob 5', 'bob -5'])
  })
})

describe('an effect is undone once at most', () => {
  it('CMP-007: two people who ask at once, and a third later, make one undo', async () => {
    const { outside, pay } = await paid()
    const one = box({ workflows: [payments(pay)] })
    const two = one.another()
    one.work()
    const { runId } = await one.run('one', [bob, eve])
    await one.kill()
    const made = [await compensate(one, runId), await compensate(two, runId), await compensate(two, runId)]
    one.work({ concurrency: 2 })
    two.work({ concurrency: 2 })
    for (const each of made)
      await one.settle(async () => ((await one.row(each)).status === 'completed' ? true : null), 'its end')
    expect(amounts(outside)).toEqual(['bob 5', 'eve 7', 'eve -7', 'bob -5'])
    for (const each of made) expect((await resultOf(one, each)).compensated).toHaveLength(2)
    await expect(compensate(one, runId)).rejects.toMatchObject({ code: 'COMPENSATION_REFUSED' })
  })

  it('CMP-008: a failed undo can be asked for again; it goes out under the same key', async () => {
    const { outside, pay } = await paid()
    const one = box({ workflows: [payments(pay)] })
    one.work()
    const { runId } = await one.run('one', [bob])
    outside.next('refuse')
    expect((await resultOf(one, await compensate(one, runId))).left).toMatchObject([{ why: 'failed' }])
    expect((await resultOf(one, await compensate(one, runId))).compensated).toHaveLength(1)
    const keys = outside.requests.slice(1).map(({ key }) => key)
    expect(keys).toHaveLength(2)
    expect(new Set(keys).size).toBe(1)
    expect(amounts(outside)).toEqual(['bob 5', 'bob -5'])
  })

  it('CMP-009: an undo whose answer is lost goes to a person, and nothing is sent twice', async () => {
    const { outside, pay } = await paid()
    const one = box({ workflows: [payments(pay)] })
    one.work()
    const { runId } = await one.run('one', [bob])
    outside.next('book_and_hang_up')
    const made = await compensate(one, runId)
    await one.settle(async () => (await one.open('question'))[0] ?? null, 'a question')
    expect(await states(one, runId)).toEqual(['pay.send being_undone'])
    await one.answer('happened')
    expect((await resultOf(one, made)).compensated).toHaveLength(1)
    expect(amounts(outside)).toEqual(['bob 5', 'bob -5'])
  })

  it('CMP-010: what a plain call of the undo tool did already is not done again by a compensation, nor the other way', async () => {
    const { outside, back, pay } = await paid({ back: { effectKey: byPayee } })
    const one = box({ workflows: [payments(pay, [back])] })
    one.work()
    const { runId } = await one.run('one', [bob, eve, { to: 'bob', amount: -5, tool: 'pay.back' }])
    const result = await resultOf(one, await compensate(one, runId, { onFailure: 'continue' }))
    expect(result.left.find(({ code }) => code === 'EFFECT_CONFLICT')).toMatchObject({ why: 'rejected' })
    expect(amounts(outside)).toEqual(['bob 5', 'eve 7', 'bob -5', 'eve -7'])
    const again = await one.start('one', [{ to: 'eve', amount: -7, tool: 'pay.back' }])
    await one.asked('question')
    await one.answer('happened')
    expect((await one.ended(again)).output).toEqual(['rejected'])
    expect(outside.booked).toHaveLength(4)
  })
})

/** What the bank's own record says of the payment that a question is about. */
async function bankSays(one: BenchBox, outside: OutsideBank, id: string): Promise<'happened' | 'did_not'> {
  const { packet } = await one.sb.runs.request('acme', id)
  const booked = outside.booked.some(({ to, amount }) => packet?.arguments === JSON.stringify({ amount, to }))
  return booked ? 'happened' : 'did_not'
}

describe('a worker that dies while a compensation runs', () => {
  it.each(FAULT_POINTS)('CMP-013: at `%s`, another goes on, and the bank has each undo once', async (at) => {
    const { outside, pay } = await paid()
    let armed = false
    let died = false
    let letGo: () => void = () => undefined
    const one: BenchBox = box({
      workflows: [payments(pay)],
      fault: async (point) => {
        if (!armed || point !== at) return
        armed = false
        died = true
        await new Promise<void>((resolve) => {
          letGo = resolve
        })
      },
    })
    one.work()
    const { runId } = await one.run('one', [bob, eve])
    armed = true
    const made = await compensate(one, runId)
    await one.until(() => (died ? true : null), `the fault at ${at}`)
    const killed = one.killAndExpire()
    // The worker waits for its run loop, which a process that dies does not.
    await sleep(systemHost, 20)
    if (at.startsWith('barrier')) letGo()
    await killed
    one.work()
    await one.settle(async () => {
      const [question] = await one.open('question')
      if (question) await one.answer(await bankSays(one, outside, question.id))
      return (await one.row(made)).status === 'completed' ? true : null
    }, 'its end')
    expect((await resultOf(one, made)).compensated).toHaveLength(2)
    expect(amounts(outside)).toEqual(['bob 5', 'eve 7', 'eve -7', 'bob -5'])
  })
})

describe('what a compensation leaves on record', () => {
  it('CMP-014: the story tells what is undone, the lineage names it, and an effect of a compensation that names none is a gap', async () => {
    const { pay } = await paid()
    const one = box({ workflows: [payments(pay)] })
    one.work()
    const { runId } = await one.run('one', [bob])
    const made = await compensate(one, runId)
    await resultOf(one, made)
    const records = await one.records(made)
    const [effect] = lineageOf(records)
    const [{ seq = 0 } = {}] = (await one.sb.runs.compensationPlan('acme', runId)).items
    expect(effect?.undoes).toMatchObject({ run: runId, seq, tool: 'pay.send' })
    const story = storyOf(records).map(({ text }) => text)
    expect(story[0]).toContain(`undoes effects of run \`${runId}\``)
    expect(story.some((text) => text.includes(`to undo \`pay.send\` of record ${seq} in run \`${runId}\``))).toBe(true)
    expect(lineageGaps(records)).toEqual([])
    const bare = records.map((record): RunRecord => {
      if (record.type !== 'activity.intent') return record
      const { undoes: _, ...proposal } = record.proposal
      return { ...record, proposal }
    })
    expect(lineageGaps(bare)).toMatchObject([{ kind: 'undo' }])
    const elsewhere = records.map((record): RunRecord => {
      if (record.type !== 'run.started') return record
      const { compensates: _, ...rest } = record
      return rest
    })
    expect(lineageGaps(elsewhere)).toMatchObject([{ kind: 'undo' }])
  })
})

describe('an effect that was undone', () => {
  it.each([
    ['happened', ['rejected'], 2],
    ['did_not', ['succeeded'], 3],
  ] as const)(
    'CMP-011: asked again after a restore it goes to a person, whose answer `%s` counts',
    async (answer, output, booked) => {
      const { outside, pay } = await paid()
      const one = box({ workflows: [payments(pay)] })
      one.work()
      const { runId } = await one.run('one', [bob])
      await resultOf(one, await compensate(one, runId))
      await one.sb.runs.restore({ runId, seq: 1, by: PAUL, reason: 'pay it after all' })
      await one.asked('question')
      expect(outside.booked).toHaveLength(2)
      const [question] = await one.of(runId, 'question.asked')
      expect(question?.about).toBe('undone_effect')
      await one.answer(answer)
      expect((await one.ended(runId)).output).toEqual(output)
      expect(outside.booked).toHaveLength(booked)
      expect(new Set(outside.booked.map(({ key }) => key)).size).toBe(booked)
    },
  )

  it('CMP-011: another run of the tenant that asks for the same identity is not told that it is done', async () => {
    const { outside, pay } = await paid()
    const one = box({ workflows: [payments(pay)] })
    one.work()
    const { runId } = await one.run('one', [bob])
    await resultOf(one, await compensate(one, runId))
    const again = await one.start('one', [bob])
    await one.asked('question')
    await one.answer('stop')
    expect(await one.ended(again)).toMatchObject({ status: 'stopped' })
    expect(amounts(outside)).toEqual(['bob 5', 'bob -5'])
  })
})

describe('what is not compensated', () => {
  it('CMP-012: a run that has not ended, a compensation, a start beside it, and a person whom the catalogue does not name', async () => {
    const { outside, pay } = await paid()
    const policy = scriptedPolicy({ tools: KIT_TOOLS })
    const mayStart = (name: string, { id }: { id: string }) => name !== 'signalbox-compensation' || id === ANA.id
    const one = box({ workflows: [payments(pay)], policy: { ...policy, mayStart } })
    const runId = await one.start('one', [bob])
    await expect(compensate(one, runId)).rejects.toMatchObject({ code: 'RUN_STATE' })
    one.work()
    await one.ended(runId)
    await expect(compensate(one, runId, { by: PAUL })).rejects.toMatchObject({ code: 'FORBIDDEN' })
    const input = { run: runId, reason: 'by hand', on_failure: 'stop', steps: [], left: [] }
    await expect(one.start('signalbox-compensation', input)).rejects.toMatchObject({ code: 'INPUT_INVALID' })
    expect(amounts(outside)).toEqual(['bob 5'])
    const made = await compensate(one, runId)
    await resultOf(one, made)
    await expect(compensate(one, made)).rejects.toMatchObject({ code: 'RUN_STATE' })
    expect(amounts(outside)).toEqual(['bob 5', 'bob -5'])
  })
})

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import type { JsonValue } from '../../base/json.ts'
import { systemHost } from '../../base/host.ts'
import type { Principal } from '../../contracts/common.ts'
import type { ActDuty } from '../../contracts/duty.ts'
import type { PolicyPort } from '../../contracts/policy.ts'
import { openSqliteStore } from '../../stores/index.ts'
import { ANA, BenchBox, benchSet, PAUL, VERA } from '../../testing/bench-box.ts'
import { approvalPolicy, KIT_TOOLS, oneNode, payTool } from '../../testing/engine-kit.ts'
import type { OutsideBank } from '../../testing/outside-bank.ts'
import { scriptedPolicy } from '../../testing/scripted-policy.ts'

const set = benchSet()
const folders: string[] = []
afterEach(async () => {
  await set.close()
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

const DUTY: ActDuty = {
  kind: 'acts',
  id: 'edit-and-pay',
  reason: 'EDITED_BY_PAYER',
  done: { tool: 'pay.other', field: 'to' },
  barred: { tool: 'pay.send', field: 'to' },
}

const withDuty = (policy: PolicyPort, duty: ActDuty = DUTY): PolicyPort => ({ ...policy, actDuties: () => [duty] })
const free = (duty?: ActDuty) => withDuty(scriptedPolicy({ tools: KIT_TOOLS }), duty)

/** `pay.other` stands for editing a payee, `pay.send` for paying them; a run does what its input says. */
function flowOver(bank: OutsideBank) {
  const tools = { edit: payTool(bank, { name: 'pay.other' }), pay: payTool(bank) }
  return oneNode(
    async (input, ctx) => {
      const ends: JsonValue[] = []
      for (const [what, to] of input as ['edit' | 'pay', string][]) {
        const end = await ctx.call(tools[what], { to, amount: 5 })
        ends.push(end.status === 'denied' ? end.code : end.status)
      }
      return ends
    },
    { tools: [tools.edit, tools.pay] },
  )
}

/** Runs as somebody, streamed or not, and gives what became of each call. */
async function run(one: BenchBox, calls: [string, string][], who: Principal = ANA, streamed = false) {
  const { runId } = await one.sb.runs.start({ workflow: 'one', input: calls, principal: who })
  if (streamed) for await (const item of one.sb.runs.stream(who.tenant, runId)) void item
  return (await one.sb.runs.wait(who.tenant, runId)).output
}

const sent = (bank: OutsideBank) => bank.booked.map((each) => each.to)

describe('one person, two acts', () => {
  it.each([true, false])(
    'ROL-012, ROL-014: who did one may not do the other on it (streamed: %s)',
    async (streamed) => {
      const bank = await set.bank()
      const one = set.box({ workflows: [flowOver(bank)], policy: free() })
      one.work()
      const as = (calls: [string, string][], who?: Principal) => run(one, calls, who, streamed)
      expect(await as([['edit', 'bob']])).toEqual(['succeeded'])
      expect(
        await as([
          ['pay', 'bob'],
          ['pay', 'cleo'],
        ]),
      ).toEqual(['EDITED_BY_PAYER', 'succeeded'])
      expect(await as([['pay', 'bob']], VERA)).toEqual(['succeeded'])
      expect(
        await as([
          ['edit', 'dan'],
          ['pay', 'dan'],
        ]),
      ).toEqual(['succeeded', 'EDITED_BY_PAYER'])
      expect(await as([['pay', 'bob']], { ...ANA, tenant: 'other' })).toEqual(['succeeded'])
      expect(sent(bank)).toEqual(['bob', 'cleo', 'bob', 'dan', 'bob'])
    },
  )

  it('ROL-012: what did not happen bars nobody; what may have happened does', async () => {
    const bank = await set.bank()
    const one = set.box({ workflows: [flowOver(bank)], policy: free() })
    one.work()
    bank.next('refuse')
    expect(await run(one, [['edit', 'bob']])).toEqual(['failed'])
    expect(await run(one, [['pay', 'bob']])).toEqual(['succeeded'])
    bank.next('hang_up')
    const runId = await one.start('one', [['edit', 'cleo']])
    await one.settle(async () => (await one.open('question'))[0] ?? null, 'a question')
    expect(await run(one, [['pay', 'cleo']])).toEqual(['EDITED_BY_PAYER'])
    expect(sent(bank)).toEqual(['bob'])
    await one.answer('did_not')
    await one.ended(runId)
  })

  it('ROL-012: the decision on record names the duty', async () => {
    const bank = await set.bank()
    const one = set.box({ workflows: [flowOver(bank)], policy: free() })
    one.work()
    const runId = await one.start('one', [
      ['edit', 'bob'],
      ['pay', 'bob'],
    ])
    await one.ended(runId)
    const [, denied] = await one.of(runId, 'activity.outcome')
    expect(denied?.decision).toMatchObject({
      verdict: 'deny',
      reason_code: 'EDITED_BY_PAYER',
      policies: ['signalbox.duty.edit-and-pay'],
    })
  })

  it('ROL-013: nor may they approve it; another approver may', async () => {
    const bank = await set.bank()
    const policy = withDuty(
      approvalPolicy(({ principal }) => (principal.id === PAUL.id ? { verdict: 'allow' } : undefined)),
    )
    const one = set.box({ workflows: [flowOver(bank)], policy })
    one.work()
    expect(await run(one, [['edit', 'bob']], PAUL)).toEqual(['succeeded'])
    for (const [by, end] of [
      [PAUL, 'EDITED_BY_PAYER'],
      [VERA, 'succeeded'],
    ] as const) {
      const runId = await one.start('one', [['pay', 'bob']])
      await one.decide('approved', by)
      expect((await one.ended(runId)).output).toEqual([end])
    }
    expect(sent(bank)).toEqual(['bob', 'bob'])
  })

  it('ROL-013: a subject that cannot be told bars everybody', async () => {
    const bank = await set.bank()
    const one = set.box({
      workflows: [flowOver(bank)],
      policy: free({ ...DUTY, barred: { tool: 'pay.send', field: 'iban' } }),
    })
    one.work()
    expect(await run(one, [['pay', 'bob']], VERA)).toEqual(['EDITED_BY_PAYER'])
    expect(sent(bank)).toEqual([])
  })

  it('ROL-014: it is kept over a restart', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'signalbox-duties-'))
    folders.push(folder)
    const bank = await set.bank()
    const path = join(folder, 'signalbox.db')
    const opened = async () => {
      const store = await openSqliteStore({ path, host: systemHost })
      const made = new BenchBox({ workflows: [flowOver(bank)], policy: free(), store })
      made.work()
      return made
    }
    const before = await opened()
    expect(await run(before, [['edit', 'bob']])).toEqual(['succeeded'])
    await before.close()
    const after = await opened()
    expect(await run(after, [['pay', 'bob']])).toEqual(['EDITED_BY_PAYER'])
    expect(sent(bank)).toEqual(['bob'])
    await after.close()
  })
})

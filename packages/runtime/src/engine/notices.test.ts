import { afterEach, describe, expect, it } from 'vitest'
import type { Notice } from '../contracts/outbox.ts'
import type { Store } from '../contracts/store.ts'
import { memoryStore } from '../stores/index.ts'
import { benchSet, PAUL } from '../testing/bench-box.ts'
import { approvalPolicy, oneNode, payTool } from '../testing/engine-kit.ts'
import { faultStore } from '../testing/fault-store.ts'

const set = benchSet()
afterEach(() => set.close())

async function told(store: Store): Promise<readonly Notice[]> {
  return (await store.unrouted(100)).map(({ entry: _, ...notice }) => notice)
}

async function payDesk(store?: Store) {
  const bank = await set.bank()
  const pay = payTool(bank)
  const desk = oneNode(async (_input, ctx) => (await ctx.call(pay, { to: 'Rosa Lind', amount: 4_711 })).status, {
    tools: [pay],
  })
  const box = set.box({ workflows: [desk], policy: approvalPolicy(), ...(store ? { store } : {}) })
  return { bank, box }
}

describe('what people are told', () => {
  it('OUT-001: an approval that waits and its end are told once, over crashes too, and without content', async () => {
    const { bank, box } = await payDesk()
    box.work()
    const runId = await box.start('one', null)
    const { id } = await box.asked()
    await box.killAndExpire()
    box.work()
    await box.decide('rejected')
    await box.ended(runId)
    const notices = await told(box.store)
    expect(notices.map((each) => each.kind)).toEqual(['approval.requested', 'approval.decided'])
    expect(notices[0]).toMatchObject({
      tenant: 'acme',
      id: `${runId}.${id}`,
      runId,
      workflow: 'one',
      subject: id,
      roles: ['approver'],
      facts: { tool: 'pay.send', class: 'payments.write', effect: 'irreversible' },
    })
    expect(notices[1]).toMatchObject({ subject: id, severity: 'info', facts: { answer: 'rejected' } })
    expect(JSON.stringify(notices)).not.toMatch(/Rosa|4711|seen and weighed|user:/)
    expect(bank.booked).toEqual([])
  })

  it('OUT-002: a change that the store does not take is told to nobody', async () => {
    let closed = true
    const inner = memoryStore()
    let refused = 0
    const store = faultStore(inner, ({ op }) => {
      if (!closed || op !== 'commit') return null
      refused++
      return { point: 'before_commit' }
    })
    const { box } = await payDesk(store)
    box.work()
    await box.start('one', null)
    await box.settle(() => (refused > 4 ? true : null), 'refused commits')
    expect([await told(inner), await inner.requests({ tenant: 'acme', limit: 9 })]).toEqual([[], []])
    closed = false
    await box.settle(async () => ((await told(inner)).length > 0 ? true : null), 'a notice')
    expect(await inner.requests({ tenant: 'acme', limit: 9 })).toHaveLength(1)
  })

  it('OUT-003: a kill switch that is engaged or lifted is told with its row', async () => {
    const { box } = await payDesk()
    const made = await box.sb.runs.engageKillSwitch({
      scope: 'tool',
      target: 'pay.send',
      mode: 'stop_now',
      reason: 'something smells here',
      by: PAUL,
    })
    await box.sb.runs.liftKillSwitch({ id: made.id, reason: 'it was the drains', by: PAUL })
    expect(await told(box.store)).toMatchObject([
      { kind: 'kill_switch.engaged', severity: 'urgent', subject: made.id, facts: { target: 'pay.send' } },
      { kind: 'kill_switch.lifted', severity: 'urgent', subject: made.id },
    ])
    expect(JSON.stringify(await told(box.store))).not.toMatch(/smells|drains/)
  })
})

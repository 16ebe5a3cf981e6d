import { afterEach, describe, expect, it } from 'vitest'
import { benchSet, PAUL } from '../../src/testing/bench-box.ts'
import { before, orders } from './upgrade.ts'

const set = benchSet()
afterEach(() => set.close())

describe('the guide to deploying', () => {
  it('DEP-001: carries a waiting run over with the upgrade that it shows', async () => {
    const old = set.box({ workflows: [before] })
    const worker = old.work()
    const { runId } = await old.run('orders', 'o7')
    await worker.stop()
    const next = old.another({ workflows: [orders] })
    next.work({ adoptAfterMs: 0 })
    const { id } = await next.asked('request')
    await next.sb.runs.respond({ requestId: id, value: { ok: true }, by: PAUL })
    expect(await next.ended(runId)).toMatchObject({ status: 'completed', output: '1250 cents' })
  })
})

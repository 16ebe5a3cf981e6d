import { afterEach, describe, expect, it } from 'vitest'
import { createReplayer } from '../replay.ts'
import { keyVault } from '../stores/index.ts'
import { workflow } from '../orchestration/index.ts'
import { ANA, benchSet, PAUL, WIDE_BUDGET } from '../testing/bench-box.ts'
import { KIT_TOOLS, payTool } from '../testing/engine-kit.ts'
import { ORDER, payDesk, threeLevels } from '../testing/scope-kit.ts'
import { scriptedPolicy } from '../testing/scripted-policy.ts'
import { z } from 'zod'

const set = benchSet()
const { box, bank } = set
afterEach(() => set.close())

const enter = { class: 'workflows.enter', effect: 'none' } as const
const policy = () => scriptedPolicy({ tools: { ...KIT_TOOLS, 'workflows.middle': enter, 'workflows.pay-desk': enter } })

describe('a run with nested workflows', () => {
  it('SCP-070: under another build with the same graph replays without a difference', async () => {
    const outside = await bank()
    const flow = threeLevels(payDesk(payTool(outside)))
    const one = box({ workflows: [flow] })
    one.work()
    const { runId } = await one.run('desk', 3)
    const { store, host } = one
    const vault = keyVault({ store, host, masterKey: new Uint8Array(32) })
    const again = createReplayer({ store, vault, policy: policy(), workflows: [flow], host })
    const replayed = await again.run(ANA.tenant, runId)
    expect(replayed).toMatchObject({ end: 'same', difference: null, changes: [], asks: 1 })
    expect(outside.requests.length).toBe(2)
  })

  it('SCP-071: what it paid in them can be taken back', async () => {
    const outside = await bank()
    const back = payTool(outside, { name: 'pay.back' })
    const pay = payTool(outside, { undo: { tool: back } })
    const one = box({ workflows: [threeLevels(payDesk(pay))] })
    one.work()
    const { runId } = await one.run('desk', 3)
    const undo = await one.sb.runs.compensate({ runId, by: ANA, reason: 'paid by mistake' })
    expect((await one.ended(undo.runId)).status).toBe('completed')
    expect(outside.booked.map(({ to, amount }) => `${to} ${amount}`).sort()).toEqual([
      'left -4',
      'left 4',
      'right -4',
      'right 4',
    ])
  })

  it('SCP-072: that waits inside one is taken over by a version that changed code alone, and by no other', async () => {
    const outside = await bank()
    const desk = payDesk(payTool(outside), true)
    const version = (number: string, supersteps?: number) =>
      workflow({
        name: 'holder',
        version: number,
        input: ORDER,
        output: z.string(),
        budget: WIDE_BUDGET,
        ...(supersteps === undefined ? {} : { maxSupersteps: supersteps }),
      })
        .workflow('sub', desk)
        .node('end', { input: z.string(), output: z.string(), run: (text) => `${number}: ${text}` })
        .start('sub')
        .edge('sub', 'end')
        .output('end')
        .build()
    const one = box({ workflows: [version('1.0.0')] })
    one.work()
    const runId = await one.start('holder', { to: 'x', amount: 1 })
    const { id } = await one.asked('request')
    await one.settled(runId)
    await one.kill()
    const changed = one.another({ workflows: [version('2.0.0', 7)] })
    expect(await changed.sb.runs.definition(ANA.tenant, runId)).toMatchObject({
      standing: 'refused',
      stands: 'position',
    })
    const same = one.another({ workflows: [version('1.0.1')] })
    same.work({ adoptAfterMs: 0 })
    await same.sb.runs.respond({ requestId: id, value: { ok: true }, by: PAUL })
    expect((await same.ended(runId)).output).toBe('1.0.1: granted')
    expect(outside.booked.length).toBe(2)
  })
})

import { afterEach, describe, expect, it } from 'vitest'
import { lineageGaps } from '../observability/index.ts'
import type { BoxOptions } from '../testing/bench-box.ts'
import { benchSet } from '../testing/bench-box.ts'
import { payTool } from '../testing/engine-kit.ts'
import { lastSeq, MOVES } from '../testing/move-kit.ts'
import { payDesk, THREE_LEVELS_OUTPUT, threeLevels } from '../testing/scope-kit.ts'
import { storePrefix } from '../testing/store-prefix.ts'

const set = benchSet()
const { box, bank } = set
afterEach(() => set.close())

/** A box with the workflow of three levels, and its bank. */
async function levels(options: Partial<BoxOptions> = {}) {
  const outside = await bank()
  const desk = payDesk(payTool(outside, { repeat: 'same_key_is_harmless' }))
  const workflows = [threeLevels(desk)]
  const one = box({ workflows, ...options })
  return { one, outside, workflows }
}

describe('a nested workflow', () => {
  it('SCP-001: runs as a scope of the run: own supersteps, state and fan-in, one history, each ask keyed by its scope', async () => {
    const { one, outside } = await levels()
    one.work()
    const { runId, status, output } = await one.run('desk', 3)
    expect({ status, output }).toEqual({ status: 'completed', output: THREE_LEVELS_OUTPUT })
    expect(outside.booked.map((booking) => booking.to).sort()).toEqual(['left', 'right'])
    const middle = 'root.1.nested.0/0/0'
    const desk = `${middle}.1.inner.0/0/0`
    const barriers = await one.of(runId, 'superstep.completed')
    expect(barriers.map((record) => [record.scope, record.superstep])).toEqual([
      [undefined, 0],
      [middle, 0],
      [desk, 0],
      [desk, 1],
      [desk, 2],
      [middle, 1],
      [middle, 2],
      [undefined, 1],
      [undefined, 2],
    ])
    const intents = await one.of(runId, 'activity.intent')
    expect(intents.map((record) => [record.proposal.kind, record.proposal.class, record.ask.key])).toEqual([
      ['scope', 'workflows.enter', middle],
      ['scope', 'workflows.enter', desk],
      ['tool', 'payments.write', `${desk}.1.left.0/0/0`],
      ['tool', 'payments.write', `${desk}.1.right.0/0/0`],
    ])
    expect(lineageGaps(await one.records(runId))).toEqual([])
  })

  it('SCP-002: goes on from its last barrier after a crash at any record, with the same end and each effect once', async () => {
    const { one, outside, workflows } = await levels()
    one.work()
    const { runId } = await one.run('desk', 3)
    await one.kill()
    const head = await lastSeq(one, runId)
    for (let length = 1; length < head; length++) {
      const store = await storePrefix(one.store, runId, length)
      const again = box({ workflows, store })
      again.work()
      const end = await again.settle(async () => {
        const { status } = await again.row(runId)
        return status === 'completed' || status === 'parked' || status === 'stopped' ? status : null
      }, `an end after record ${length}`)
      expect([length, end, (await again.ended(runId)).output]).toEqual([length, 'completed', THREE_LEVELS_OUTPUT])
      expect([length, lineageGaps(await again.records(runId))]).toEqual([length, []])
      const entered = (await again.of(runId, 'activity.intent')).filter(({ opens }) => opens !== undefined)
      expect([length, entered.length]).toEqual([length, 2])
      await again.kill()
    }
    expect(new Set(outside.booked.map((booking) => booking.key)).size).toBe(2)
  })
})

describe.each(MOVES)('a %s into a nested workflow', (_name, move) => {
  it('SCP-003: at any record ends as the run did and books nothing again', async () => {
    const { one, outside } = await levels()
    one.work()
    const { runId, output } = await one.run('desk', 3)
    await one.kill()
    const head = await lastSeq(one, runId)
    for (let seq = 1; seq <= head; seq++) {
      const fresh = one.another()
      const went = await move(fresh, runId, seq)
      fresh.work()
      expect([seq, (await fresh.ended(went)).output]).toEqual([seq, output])
      expect([seq, lineageGaps(await one.records(went))]).toEqual([seq, []])
      await fresh.kill()
      expect([seq, outside.booked.length]).toEqual([seq, 2])
    }
  })
})

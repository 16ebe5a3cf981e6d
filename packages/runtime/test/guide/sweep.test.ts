import { afterEach, describe, expect, it } from 'vitest'
import { benchSet } from '../../src/testing/bench-box.ts'
import { sweep } from './sweep.ts'

const set = benchSet()
afterEach(() => set.close())

describe('the function of the guide that runs for months', () => {
  it('FLW-023: goes on from its last checkpoint after each sleep', async () => {
    const one = set.box({ workflows: [sweep] })
    one.work()
    const runId = await one.start('sweep', ['poor-1', 'rich-1', 'poor-2'])
    for (let n = 1; n < 3; n++) {
      await one.until(async () => ((await one.of(runId, 'timer.set')).length === n ? true : null), `sleep ${n}`)
      await one.until(async () => ((await one.row(runId)).status === 'waiting' ? true : null), 'a run that waits')
      await one.host.advance(3_601_000)
    }
    expect((await one.ended(runId)).output).toBe(2)
    const keys = (await one.of(runId, 'activity.outcome')).map(({ ask }) => ask.key)
    expect(keys).toEqual(
      [0, 1, 1, 2, 2].map((position, i) => `root.0.sweep.0/${position}/${i > 0 && i % 2 === 0 ? 1 : 0}`),
    )
  })
})

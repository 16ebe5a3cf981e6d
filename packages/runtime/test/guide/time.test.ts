import { afterEach, expect, it } from 'vitest'
import { isoTime } from '../../src/base/time.ts'
import { benchSet } from '../../src/testing/bench-box.ts'
import { reminder } from './time.ts'

const set = benchSet()
afterEach(() => set.close())

it('TIM-001, TIM-006: the workflow of the guide waits until the invoice is due, and three days more', async () => {
  const one = set.box({ workflows: [reminder] })
  one.work()
  const dueAt = isoTime(one.host.now() + 7 * 86_400_000)
  const runId = await one.start('reminder', { id: 'inv-1', dueAt })
  const waits = async () => ((await one.row(runId)).status === 'waiting' ? true : null)
  await one.until(waits, 'the timer')
  await one.host.advance(7 * 86_400_000)
  for (let day = 1; day <= 3; day++) {
    await one.until(
      async () => ((await one.of(runId, 'timer.set')).length === day && (await waits()) ? true : null),
      `day ${day}`,
    )
    await one.host.advance(86_400_000)
  }
  expect((await one.ended(runId)).output).toBe('reminded')
})

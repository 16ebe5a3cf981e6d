import { afterEach, describe, expect, it } from 'vitest'
import { benchSet, PAUL } from '../../src/testing/bench-box.ts'
import { corrected } from './ends.ts'

const set = benchSet()
afterEach(() => set.close())

describe('the guide to ends', () => {
  it('END-010, END-020: a text that gets better ends with its output, one that does not goes to a person', async () => {
    const one = set.box({ workflows: [corrected] })
    one.work()
    const good = await one.run('corrected', 'a? b? c')
    expect([good.status, good.output, good.ending?.by]).toEqual(['completed', 'abc', 'completed'])
    const runId = await one.start('corrected', 'a?')
    const { id } = await one.asked('request')
    await one.sb.runs.respond({ requestId: id, value: 'a', by: PAUL })
    expect(await one.ended(runId)).toMatchObject({ status: 'completed', output: 'a' })
  })

  it('END-004, END-014: falling quality stops it, with what there is of a result and what is left to do', async () => {
    const one = set.box({ workflows: [corrected] })
    one.work()
    const stopped = await one.run('corrected', '? ??????')
    expect(stopped.status).toBe('stopped')
    expect(stopped.ending).toMatchObject({ by: 'quality', code: 'QUALITY_FAILED', subject: 'errors left', turns: 0 })
    expect(stopped.ending?.partial).toBe('??????')
    expect(stopped.ending?.leftUndone).toContainEqual({ what: '6 errors', why: 'declared' })
  })
})

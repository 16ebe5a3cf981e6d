import { describe, expect, it } from 'vitest'
import { completeHistory, history } from '../testing/history.ts'
import { costOf } from './cost.ts'
import { activitiesOf, branchesOf, presentBranch } from './view.ts'

describe('cost of a run', () => {
  it('OBS-017: spent amounts, limits, models, tools and waits come from the records', () => {
    const cost = costOf(completeHistory().records())
    expect(cost.spent).toEqual({ turns: 2, tool_calls: 3, tokens: 2_000, cost_nano_usd: '4000000' })
    expect(cost.held).toEqual({ turns: 0, tool_calls: 0, tokens: 0, cost_nano_usd: '0' })
    expect(cost.byModel).toMatchObject([
      { name: 'scripted/clerk', calls: 2, inputTokens: 1_800, outputTokens: 200, costNanoUsd: '4000000' },
    ])
    expect(cost.byTool.map((line) => [line.name, line.calls])).toEqual([
      ['notify.vendor', 1],
      ['payments.transfer', 1],
      ['records.get', 1],
    ])
    expect(cost.limits).toContainEqual({ limit: 'max_turns', spent: '2', held: '0', max: '12' })
    expect(cost.waitingMs).toBe(60_000)
    expect(cost.downMs).toBe(0)
  })

  it('OBS-018: an open call holds its reservation, and is charged in full when it is asked again', () => {
    const open = history().started().segment().propose('model').intent()
    expect(costOf(open.records())).toMatchObject({ spent: { turns: 0 }, held: { turns: 1, cost_nano_usd: '2000000' } })
    const again = open
      .segment('takeover', 5_000)
      .intent()
      .outcome({ settled: { turns: 1, tool_calls: 0, tokens: 10, cost_nano_usd: '7' } })
    const cost = costOf(again.records())
    expect(cost).toMatchObject({
      spent: { turns: 2, tokens: 1_010, cost_nano_usd: '2000007' },
      held: { turns: 0 },
      downMs: 5_000,
    })
    expect(cost.byModel[0]?.costNanoUsd).toBe('2000007')
  })

  it('OBS-019: a resolution does not charge an unknown call a second time, and a branch refills nothing', () => {
    const resolved = history().started().segment().model().propose('tool').intent()
    resolved.outcome({ status: 'unknown' }).outcome({ resolved_by: 'person' })
    expect(costOf(resolved.records()).spent.tool_calls).toBe(1)
    expect(costOf(resolved.branch(1).model().records()).spent).toMatchObject({ turns: 2, tool_calls: 1 })
  })

  it('a wait that still goes on is counted up to the given time', () => {
    const waiting = history().started().segment().model().propose('tool').askPerson().waiting()
    const since = Date.parse(waiting.records().at(-1)?.at ?? '')
    expect(costOf(waiting.records(), since + 1_500).waitingMs).toBe(1_500)
    expect(costOf(waiting.records()).waitingMs).toBe(0)
  })
})

describe('views', () => {
  it('an abandoned branch is skipped, and a later branch may start from it', () => {
    const built = history().started().segment().model().barrier().branch(2).segment('person').model().branch(4)
    expect(presentBranch(built.records()).map((record) => record.seq)).toEqual([1, 2, 3, 4, built.seq])
    const branches = branchesOf(built.records())
    expect(branches.leadsTo(7, 8)).toBe(true)
    expect(branches.leadsTo(3, 8)).toBe(false)
    expect(branches.leadsTo(9, 8)).toBe(false)
  })

  it('an outcome belongs to the latest open intent of its ask', () => {
    const twice = history().started().segment().propose('model').intent().intent().outcome()
    expect(activitiesOf(twice.records()).map((each) => [each.intent?.seq, each.outcomes.length])).toEqual([
      [3, 0],
      [4, 1],
    ])
  })
})

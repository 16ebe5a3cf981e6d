import { describe, expect, it } from 'vitest'
import { STAGE_NAMES } from './orders.ts'
import { planKills, type Reached, reachedIn } from './plan.ts'

const POINTS = ['proposed', 'reserved', 'intent_durable', 'sent', 'answered', 'settled', 'barrier'] as const
const inputs = ['a', 'b', 'c', 'd']
const reached: Reached[] = inputs.flatMap((input) =>
  POINTS.flatMap((point) => ['pay', 'look'].map((name) => ({ input, point, name, nth: 1 }))),
)

describe('the plan of a drill', () => {
  it('DRL-003: spreads the kills evenly over the stages, calls with effects first', () => {
    const kills = planKills({ reached, kills: 21, seed: 1, effects: ['pay'] }).flat()
    expect(kills).toHaveLength(21)
    for (const stage of STAGE_NAMES) expect(kills.filter((kill) => kill.stage === stage)).toHaveLength(3)
    expect(kills.filter((kill) => kill.name === 'pay').length).toBeGreaterThan(10)
    expect(kills.some((kill) => kill.name === 'look')).toBe(true)
  })

  it('DRL-003: kills each input once in a round, and the same seed gives the same plan', () => {
    const rounds = planKills({ reached, kills: 40, seed: 7, effects: ['pay'] })
    for (const round of rounds) expect(new Set(round.map((kill) => kill.input)).size).toBe(round.length)
    expect(rounds.flat()).toHaveLength(40)
    expect(rounds).toEqual(planKills({ reached, kills: 40, seed: 7, effects: ['pay'] }))
    expect(rounds).not.toEqual(planKills({ reached, kills: 40, seed: 8, effects: ['pay'] }))
  })

  it('DRL-003: leaves out stages that nothing reaches, and plans nothing for nothing', () => {
    const some = reached.filter((each) => each.point === 'barrier')
    expect(
      new Set(
        planKills({ reached: some, kills: 9, seed: 1, effects: [] })
          .flat()
          .map((kill) => kill.stage),
      ),
    ).toEqual(new Set(['barrier']))
    expect(planKills({ reached: [], kills: 9, seed: 1, effects: [] })).toEqual([])
  })

  it('DRL-003: reads what an observed worker said, and counts repeats of a point in a run', () => {
    const lines = [
      'ready',
      'point run_1 sent pay',
      'point run_1 sent pay',
      'point run_2 barrier 1',
      'point run_3 sent pay',
    ]
    const names = new Map([
      ['run_1', 'a'],
      ['run_2', 'b'],
    ])
    expect(reachedIn(lines, (runId) => names.get(runId))).toEqual([
      { input: 'a', point: 'sent', name: 'pay', nth: 1 },
      { input: 'a', point: 'sent', name: 'pay', nth: 2 },
      { input: 'b', point: 'barrier', name: '1', nth: 1 },
    ])
  })
})

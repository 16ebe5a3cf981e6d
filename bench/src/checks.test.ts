import { describe, expect, it } from 'vitest'
import { aimsOf, checksOf, ratio } from './checks.ts'
import type { Measured } from './measure.ts'
import { reportOf } from './report.ts'
import { table } from './table.ts'

const RAW_RATES = [1_000, 2_000, 100]
const rates = (subject: string, runs: number, times: number) =>
  RAW_RATES.map((raw, i) => ({ round: i + 1, line: 'steps' as const, subject, runs, rate: raw * times }))
const pairs = (late: number, bytes: number) => [
  { turn: 10, early: 1, late: 1, bytes: 10_000 },
  { turn: 5_000, early: 1, late, bytes },
]
const restore = (checkpoints: number, recordsRead: number, ms: number) => ({
  checkpoints,
  runs: 10,
  warm: { min: 1, median: ms, max: 90 },
  cold: { min: 1, median: ms * 3, max: 900 },
  loading: null,
  recordsRead,
})
/** Rates of agent turns here, and of LangGraph's agent, over which the given ratio is reached. */
const agentTurns = (times: number) =>
  ['Signalbox', 'LangGraph agent'].flatMap((subject, i) =>
    [1, 2].map((round) => ({ round, line: 'agent' as const, subject, runs: 1, rate: i === 0 ? 500 * times : 500 })),
  )
/** Pieces of the model alone at one microsecond each, and here at so many more. */
const pieces = (added: number) =>
  ['the model alone', 'Signalbox'].map((subject, i) => ({
    round: 1,
    line: 'chunks' as const,
    subject,
    runs: 1,
    rate: 1e6 / (1 + i * added),
  }))
const PARTS = {
  proposed: 1,
  decided: 1,
  reserved: 0.1,
  intent_durable: 1,
  sent: 0.05,
  answered: 1,
  outcome_recorded: 0.05,
  acknowledged: 0.01,
}
const GOOD: Measured = {
  plan: {
    rounds: 3,
    work: { steps: [1, 64].map((runs) => ({ runs, each: 5 })), turns: [] },
    turnMarks: [10, 5_000],
    turnPairs: 1,
    peerMarks: [],
    restore: null,
    flushes: true,
  },
  samples: [
    ...rates('raw SQLite', 1, 1),
    ...rates('Signalbox', 1, 0.6),
    ...rates('Signalbox', 64, 3),
    ...rates('LangGraph', 64, 0.25),
    ...rates('Restate', 64, 0.9),
  ],
  account: { acknowledged: 600, onRecord: 600, bytesEach: 6_000, commitsAStep: 1, turns: 40, executed: 40 },
  durable: ['raw SQLite', 'Signalbox', 'LangGraph', 'Restate'].map((subject) => ({ subject, text: 'a row' })),
  flushes: [{ subject: 'LangGraph', steps: 100, flushes: 204 }],
  turns: { pairs: pairs(1.1, 10_100), messageBytes: 3_100 },
  peerTurns: [],
  restores: [restore(10, 8, 20), restore(10_000, 9, 30)],
  parts: PARTS,
}
const missed = (measured: Measured): readonly string[] =>
  [...checksOf(measured), ...aimsOf(measured)].filter(({ ok }) => !ok).map(({ name }) => name)
const without = (subject: string, runs: number) =>
  GOOD.samples.filter((one) => one.subject !== subject || one.runs !== runs)

describe('verdict of the benchmark', () => {
  it('BEN-005: each round is divided by the rate of the same round before the middle is taken', () => {
    const found = ratio(GOOD.samples, { subject: 'Signalbox', runs: 64 }, { subject: 'raw SQLite', runs: 1 })
    expect(found).toEqual({ min: 3, median: 3, max: 3 })
    expect(missed(GOOD)).toEqual([])
  })

  it.each<[string, Partial<Measured>]>([
    ['a governed turn on disk', { samples: [...GOOD.samples, ...agentTurns(0.8)] }],
    ['a turn without Cedar', { parts: { ...PARTS, reserved: 0.31 } }],
    ['a streamed piece', { samples: [...GOOD.samples, ...pieces(6)] }],
    ['one run: at least', { samples: [...without('Signalbox', 1), ...rates('Signalbox', 1, 0.4)] }],
    ['64 runs: at least 2 times', { samples: [...without('Signalbox', 64), ...rates('Signalbox', 64, 1.9)] }],
    ['64 runs: at least 10 times', { samples: [...without('LangGraph', 64), ...rates('LangGraph', 64, 0.4)] }],
    ['64 runs: at least 3 times', { samples: [...without('Restate', 64), ...rates('Restate', 64, 1.1)] }],
    ['turn 5000 takes', { turns: { pairs: pairs(1.3, 10_100), messageBytes: 3_100 } }],
    ['turn 5000: at most 3 times', { turns: { pairs: pairs(1.1, 10_400), messageBytes: 3_100 } }],
    ['a warm restore', { restores: [restore(10, 8, 20), restore(10_000, 9, 50)] }],
    ['a cold restore', { restores: [restore(10, 8, 20), restore(10_000, 9, 50)] }],
    ['bytes a turn', { turns: { pairs: pairs(1.1, 13_000), messageBytes: 9_000 } }],
    ['every superstep', { account: { ...GOOD.account, onRecord: 599 } }],
    ['one run commits', { account: { ...GOOD.account, commitsAStep: 0.5 } }],
    ['every turn called', { account: { ...GOOD.account, executed: 41 } }],
    ['a restore reads', { restores: [restore(10, 8, 20), restore(10_000, 5_000, 30)] }],
    ['LangGraph flushes', { flushes: [{ subject: 'LangGraph', steps: 100, flushes: 4 }] }],
  ])('BEN-006: %s is told when it is not so', (name, change) => {
    expect(missed({ ...GOOD, ...change }).some((each) => each.startsWith(name))).toBe(true)
  })

  it('BEN-009: turns, pieces and the parts of a turn are told in their units', () => {
    const samples = [...GOOD.samples, ...agentTurns(2), ...pieces(3)]
    const work = { ...GOOD.plan.work, agent: [{ runs: 1, each: 20 }], chunks: [{ runs: 1, each: 2_000 }] }
    const durable = ['Signalbox', 'LangGraph agent', 'the model alone'].map((subject) => ({ subject, text: '' }))
    const text = table(reportOf({ ...GOOD, samples, durable, plan: { ...GOOD.plan, work } }, 0))
    expect(text).toContain('Signalbox                 1.00 ms')
    expect(text).toContain('LangGraph agent           2.00 ms')
    expect(text).toContain('policy (Cedar) 1.00; ledger, approval, budget, intent 0.10; disk 1.00')
    expect(text).toContain('Signalbox                 3.0 µs added a piece')
  })

  it('BEN-007: a product that was not measured is named, and no aim is met by its absence', () => {
    expect(table(reportOf(GOOD, 0))).toContain('NOT MEASURED: Mastra, AI SDK')
    const alone = { ...GOOD, samples: without('Restate', 64) }
    expect(aimsOf(alone).filter(({ name }) => name.includes('Restate'))).toEqual([])
  })
})

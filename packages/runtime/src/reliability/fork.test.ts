import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { RunRecord, RunStarted } from '../contracts/records.ts'
import { foldBudget } from '../policy/index.ts'
import { foldPrefix } from '../testing/check-history.ts'
import { BEN } from '../testing/history-parts.ts'
import { type History, history } from '../testing/history.ts'
import { foldRecord, foldStart, isTerminalOutcome } from './fold.ts'
import { copiesOf, forkedCheckpoint, takenOver } from './fork.ts'
import { isCheckpoint, onTimeline, timelineRanges } from './timeline.ts'

const MOVES: Readonly<Record<string, (h: History) => unknown>> = {
  read: (h) => h.read(),
  model: (h) => h.model(),
  lostModel: (h) => h.propose('model').intent(),
  paid: (h) => h.tool(),
  sent: (h) => h.propose('tool').intent(),
  unknown: (h) => h.propose('tool').intent().outcome({ status: 'unknown' }),
  denied: (h) => h.denied(),
  approved: (h) => h.approvedTool(),
  asked: (h) => h.propose('tool', { verdict: 'require_approval' }).askPerson(),
  given: (h) => h.propose('tool', { verdict: 'require_approval' }).askPerson().personAnswers('approved'),
  refused: (h) =>
    h
      .propose('tool', { verdict: 'require_approval' })
      .askPerson()
      .personAnswers('rejected')
      .outcome({ status: 'rejected' }),
  barrier: (h) => h.barrier(),
  waits: (h) => h.waiting().segment('wake'),
  back: (h) => h.branch(h.records().findLast((record) => 'checkpoint' in record)?.seq ?? 1).segment('person'),
}

const histories = fc.array(fc.constantFrom(...Object.keys(MOVES)), { maxLength: 14 }).map((moves) => {
  const made = history().started().segment()
  for (const move of moves) MOVES[move]?.(made)
  return made.records()
})

function rangesAt(records: readonly RunRecord[], seq: number) {
  const branches = records.filter((record) => record.type === 'branch.started' && record.seq <= seq)
  return timelineRanges(
    seq,
    branches.flatMap((record) => (record.type === 'branch.started' ? [record] : [])),
  )
}

/** The records of a fork from this point, as the engine makes them. */
function forkOf(records: readonly RunRecord[], seq: number): readonly RunRecord[] {
  const ranges = rangesAt(records, seq)
  const shared = records.filter((record) => record.seq <= seq && onTimeline(ranges, record.seq))
  const checkpoint = shared.findLast(isCheckpoint)
  const [started] = records
  if (started?.type !== 'run.started' || !checkpoint) throw new Error('a history begins with a checkpoint')
  const budget = foldBudget(started.budget, records.slice(0, seq))
  budget.chargeOpen()
  const options = { from: started.run, request: (asked: RunStarted['checkpoint']['requests'][number]) => asked }
  const own = { run: 'run_fork', at: started.at, prev: '', branch: 0, segment: 0, active_ms: 0 }
  const genesis: RunStarted = {
    ...started,
    ...own,
    checkpoint: forkedCheckpoint(checkpoint.checkpoint, budget.spent, options),
  }
  const kept = takenOver(shared.filter((record) => record.seq > checkpoint.seq))
  const copies = copiesOf(kept, { ...options, firstSeq: 2 })
  return [genesis, ...copies.map((copy) => ({ ...own, ...copy }) as RunRecord)]
}

function checkCopies(fork: readonly RunRecord[]): void {
  const used = new Set(fork.map((record) => (record.type === 'activity.intent' ? record.approval_id : null)))
  const effects: string[] = []
  for (const [i, record] of fork.entries()) {
    expect(record.seq).toBe(i + 1)
    if (i > 0) expect(record.origin).toBeDefined()
    if (record.type === 'approval.decided' && record.answer === 'approved') expect(used).toContain(record.approval_id)
    if (record.type === 'activity.intent' && record.effect_id) effects.push(record.effect_id)
    if (record.type === 'activity.intent' && record.proposal.effect === 'none')
      expect(fork.some((other) => other.type === 'activity.outcome' && other.ask.key === record.ask.key)).toBe(true)
    const modelSeq = 'proposal' in record ? record.proposal?.model_seq : null
    if (modelSeq != null) expect(fork[modelSeq - 1]).toMatchObject({ type: 'activity.outcome', kind: 'model' })
  }
  expect(new Set(effects).size).toBe(effects.length)
}

describe('a made-up history', () => {
  it('FRK-026: folds legally at every prefix, restored at every record (ENGINE R13)', () => {
    fc.assert(
      fc.property(histories, (records) => {
        for (let head = 1; head <= records.length; head++) {
          expect(foldPrefix(records, head).lastSeq).toBe(head)
          const before = foldBudget(BUDGET_OF(records), records)
          for (let from = 1; from <= head; from += 3) {
            const branch = branchFrom(records.slice(0, head), from)
            const fold = foldPrefix([...records.slice(0, head), branch], head + 1)
            expect(fold.status).toBe('queued')
            expect(fold.checkpoint).toBe(foldPrefix(records, from).checkpoint)
          }
          expect(before.spent.turns).toBeGreaterThanOrEqual(0)
        }
      }),
      { numRuns: 60 },
    )
  })

  it('FRK-026: forked at every record folds legally, holds nothing that cannot be taken over and has the totals of its point', () => {
    fc.assert(
      fc.property(histories, (records) => {
        for (let seq = 1; seq <= records.length; seq++) {
          const fork = forkOf(records, seq)
          checkCopies(fork)
          const [genesis] = fork
          if (genesis?.type !== 'run.started') throw new Error('a fork begins with its genesis')
          const fold = foldStart(genesis)
          for (const record of fork.slice(1)) foldRecord(fold, record)
          expect(fold.status).toBe('queued')
          const there = foldPrefix(records, seq)
          expect(fold.checkpoint.superstep).toBe(there.checkpoint.superstep)
          expect(endsOf(fold)).toEqual(endsOf(there))
          const spent = foldBudget(genesis.budget, records.slice(0, seq))
          spent.chargeOpen()
          expect(foldBudget(genesis.budget, fork, genesis.checkpoint.spent).spent).toEqual(spent.spent)
        }
      }),
      { numRuns: 100 },
    )
  })
})

function BUDGET_OF(records: readonly RunRecord[]) {
  const [started] = records
  if (started?.type !== 'run.started') throw new Error('a history begins with run.started')
  return started.budget
}

/** What handlers are given back: the ends of asks, by key, in order. */
function endsOf(fold: ReturnType<typeof foldPrefix>): readonly (readonly [string, string])[] {
  return [...fold.activations.values()].flatMap(({ outcomes }) =>
    outcomes.filter(isTerminalOutcome).map((outcome) => [outcome.ask.key, outcome.status] as const),
  )
}

function branchFrom(records: readonly RunRecord[], from: number): RunRecord {
  const last = records.at(-1)
  if (!last) throw new Error('there is nothing to go back in')
  const ranges = rangesAt(records, from)
  const checkpoint = records.findLast(
    (record) => isCheckpoint(record) && record.seq <= from && onTimeline(ranges, record.seq),
  )
  return {
    ...{ v: 1, run: last.run, seq: last.seq + 1, at: last.at, prev: '', branch: last.branch + 1 },
    ...{ segment: last.segment, cause: null, active_ms: last.active_ms },
    type: 'branch.started',
    from,
    checkpoint_seq: checkpoint?.seq ?? 1,
    spent: { turns: 0, tool_calls: 0, tokens: 0, cost_nano_usd: '0' },
    by: BEN,
    reason: null,
  } as RunRecord
}

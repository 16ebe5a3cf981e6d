import assert from 'node:assert/strict'
import {
  FACTS_CURSOR,
  type FactBatch,
  type FactDecision,
  type FactEffect,
  type FactFilter,
  type FactRow,
  fitsFact,
  type RunCosts,
  sumCosts,
} from '../../contracts/facts.ts'
import type { Store } from '../../contracts/store.ts'
import type { Suite } from './suite.ts'

/** A decision of a row. */
export function sampleFactDecision(id: string, over: Partial<FactDecision> = {}): FactDecision {
  return {
    ...{ id, point: 'pre_tool_call', kind: 'tool', class: 'payments.write', effect: 'irreversible', agent: 'clerk' },
    ...{ verdict: 'allow', reason_code: 'PERMITTED', policies: ['pays'], approvers: [], approval_id: null },
    bundle: 'desk@ab',
    ...over,
  }
}

/** An effect of a row. */
export function sampleFactEffect(key: string, over: Partial<FactEffect> = {}): FactEffect {
  return {
    ...{ key, class: 'payments.write', effect: 'irreversible', agent: 'clerk', phase: 'open', approval_id: null },
    ...{ approver: null, effect_id: null, effect_hash: null, resolved_by: null, from_ledger: null },
    ...over,
  }
}

/** A row of tenant `acme` for the record `seq`. */
export function sampleFact(seq: number, over: Partial<FactRow> = {}): FactRow {
  return {
    ...{ tenant: 'acme', run_id: 'run_a', seq, at: seq * 10, type: 'activity.intent', workflow: 'desk' },
    ...{ principal: 'user:ana', node: 'decide', actor: null, name: 'payments.transfer', code: null },
    ...{ decision: null, effect: null },
    ...over,
  }
}

/** Every method of a store that is about what happened. */
export function factMethods(store: Store, tenant: string) {
  return {
    facts: () => store.facts({ tenant, limit: 1 }),
    costSums: () => store.costSums({ tenant, by: 'model' }),
    addFacts: () => store.addFacts({ from: 0, to: 1, rows: [], dropped: [] }),
    clearFacts: () => store.clearFacts(),
  }
}

/** What a run cost, by lines of model, agent, attempts and nano-USD. */
function sampleCosts(
  runId: string,
  startedAt: number,
  ...lines: readonly [string, string, number, bigint][]
): RunCosts {
  return {
    ...{ tenant: 'acme', runId, workflow: runId === 'run_c' ? 'other' : 'desk', startedAt },
    lines: lines.map(([model, agent, calls, cost]) => {
      return { model, agent, calls, estimateNanoUsd: cost * 2n, actualNanoUsd: cost, estimatedNanoUsd: cost / 3n }
    }),
  }
}

/** More than a number holds exactly. */
const LARGE = 9_007_199_254_740_993n
const COSTS: readonly RunCosts[] = [
  sampleCosts('run_a', 10, ['m/1', 'clerk', 2, LARGE], ['m/1', '', 1, 7n], ['m/2', 'clerk', 1, 1n]),
  sampleCosts('run_b', 20, ['m/2', 'judge', 3, LARGE + 2n]),
  sampleCosts('run_c', 30),
  { ...sampleCosts('run_d', 30, ['m/1', 'clerk', 1, 5n]), tenant: 'other' },
]

const ROWS: readonly FactRow[] = [
  sampleFact(1, { type: 'run.started', name: null, node: null, actor: 'user:ana' }),
  sampleFact(2, { decision: sampleFactDecision('d1'), effect: sampleFactEffect('k1') }),
  sampleFact(3, {
    ...{ type: 'activity.outcome', code: 'NO_PERMIT', node: 'pay' },
    decision: sampleFactDecision('d2', { verdict: 'deny', policies: ['strangers', 'pays'] }),
    effect: sampleFactEffect('k2', { phase: 'denied', class: 'money' }),
  }),
  sampleFact(4, {
    type: 'activity.outcome',
    effect: sampleFactEffect('k1', { phase: 'succeeded', approver: 'user:ben' }),
  }),
  sampleFact(1, { run_id: 'run_b', at: 30, workflow: 'other', principal: 'user:eve', type: 'run.started' }),
  sampleFact(2, { run_id: 'run_b', at: 30, workflow: 'other', name: 'mail.send', decision: sampleFactDecision('d3') }),
]
/** What a reader finds of these rows: the first row of the effect `k1` is not its latest. */
const FOUND = ROWS.map((row) => (row.seq === 2 && row.run_id === 'run_a' ? { ...row, effect: null } : row))

const FILTERS: readonly Omit<FactFilter, 'tenant' | 'limit'>[] = [
  {},
  ...(['decision', 'effect'] as const).map((only) => ({ only })),
  ...[{ runId: 'run_a' }, { type: 'run.started' as const }, { workflow: 'other' }, { principal: 'user:ana' }],
  ...[{ node: 'pay' }, { actor: 'user:ana' }, { name: 'payments.transfer' }, { code: 'NO_PERMIT' }],
  ...[{ verdict: 'deny' as const }, { policy: 'pays' }, { policy: 'strangers', verdict: 'deny' as const }],
  ...[{ decisionId: 'd3' }, { phase: 'succeeded' as const }, { class: 'money', only: 'effect' as const }],
  ...[{ approver: 'user:ben' }, { since: 20, until: 31 }, { policy: 'pays', since: 25, workflow: 'desk' }],
]

/** The table of what happened is stored with the place up to which it was read, and found by every field. */
export function factTests({ it, on }: Suite): void {
  const fill = (store: Store): Promise<boolean> => store.addFacts({ from: 0, to: 6, rows: ROWS, dropped: [] })
  it(
    'STO-175: rows and the place of the reader are stored together; from another place nothing is stored',
    on(async (store) => {
      assert.equal(await fill(store), true)
      assert.equal(await store.cursor(FACTS_CURSOR), 6)
      assert.equal(await store.addFacts({ from: 0, to: 9, rows: [sampleFact(9)], dropped: [] }), false)
      assert.equal(await store.cursor(FACTS_CURSOR), 6)
      assert.equal((await store.facts({ tenant: 'acme', limit: 99 })).length, ROWS.length)
      await store.clearFacts()
      assert.equal(await store.cursor(FACTS_CURSOR), 0)
      assert.deepEqual(await store.facts({ tenant: 'acme', limit: 99 }), [])
    }),
  )
  it(
    'STO-176: rows are found by every field, newest first, in pages',
    on(async (store) => {
      await fill(store)
      assert.deepEqual(await store.facts({ tenant: 'other', limit: 99 }), [])
      for (const filter of FILTERS) {
        const asked = { tenant: 'acme', ...filter }
        const all = await store.facts({ ...asked, limit: 99 })
        const wanted = FOUND.filter((row) => fitsFact(row, { ...asked, limit: 99 })).sort(newest)
        assert.deepEqual(all, wanted, JSON.stringify(filter))
        const paged: FactRow[] = []
        for (;;) {
          const before = paged.at(-1)
          const page = await store.facts({ ...asked, limit: 1, ...(before ? { before } : {}) })
          if (page.length === 0) break
          paged.push(...page)
        }
        assert.deepEqual(paged, wanted, JSON.stringify(filter))
      }
    }),
  )
  it(
    'STO-177: of an effect the latest row is found, and of a dropped run none',
    on(async (store) => {
      await fill(store)
      const effects = await store.facts({ tenant: 'acme', only: 'effect', limit: 9 })
      assert.deepEqual(
        effects.map((row) => [row.seq, row.effect?.phase]),
        [
          [4, 'succeeded'],
          [3, 'denied'],
        ],
      )
      await store.addFacts({ from: 6, to: 7, rows: [], dropped: [{ tenant: 'acme', runId: 'run_a' }] })
      const left = await store.facts({ tenant: 'acme', limit: 9 })
      assert.deepEqual(new Set(left.map((row) => row.run_id)), new Set(['run_b']))
      assert.deepEqual(await store.facts({ tenant: 'acme', policy: 'strangers', limit: 9 }), [])
    }),
  )
  it(
    'STO-182: what runs cost is summed up by workflow, model, agent and tenant since a time, each run once and exactly',
    on(async (store) => {
      const asked = (of: readonly RunCosts[]): Promise<void> => checkSums(store, of)
      const add = (from: number, to: number, costs: readonly RunCosts[], dropped: FactBatch['dropped'] = []) =>
        store.addFacts({ from, to, rows: [], costs, dropped })
      await asked([])
      await add(0, 4, COSTS)
      await asked(COSTS)
      const later = sampleCosts('run_c', 30, ['m/3', 'clerk', 1, 4n])
      assert.equal(await add(1, 5, [later]), false)
      await asked(COSTS)
      await add(4, 5, [later])
      const now = COSTS.map((run) => (run.runId === 'run_c' ? later : run))
      await asked(now)
      await add(5, 6, [], [{ tenant: 'acme', runId: 'run_a' }])
      await asked(now.filter((run) => run.runId !== 'run_a'))
      await store.clearFacts()
      await asked([])
    }),
  )
}

async function checkSums(store: Store, of: readonly RunCosts[]): Promise<void> {
  for (const tenant of ['acme', 'other', 'nobody'])
    for (const by of ['workflow', 'model', 'agent', 'tenant'] as const)
      for (const since of [undefined, 20, 99]) {
        const filter = { tenant, by, ...(since === undefined ? {} : { since }) }
        assert.deepEqual(await store.costSums(filter), sumCosts(of, filter), `${tenant} ${by} ${since}`)
      }
}

function newest(a: FactRow, b: FactRow): number {
  if (a.at !== b.at) return b.at - a.at
  return a.run_id === b.run_id ? b.seq - a.seq : a.run_id < b.run_id ? 1 : -1
}

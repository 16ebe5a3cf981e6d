import assert from 'node:assert/strict'
import { type GrantLine, NO_SCOPE_AMOUNTS, type ScopeAmounts } from '../../contracts/scopes.ts'
import type { RunRow, Store } from '../../contracts/store.ts'
import { sampleCommit, sampleRun } from './samples.ts'
import { claimed, type Suite } from './suite.ts'

const DAY = 'tenant:acme/2026-01-01'
const MONTH = 'tenant:acme/2026-01'

const tokens = (count: number): ScopeAmounts => ({ ...NO_SCOPE_AMOUNTS, tokens: count })

function line(need: number, limit: number, over: Partial<GrantLine> = {}): GrantLine {
  return {
    scope: DAY,
    need: tokens(need),
    want: tokens(need * 8),
    limits: { tokens: limit },
    base: NO_SCOPE_AMOUNTS,
    ...over,
  }
}

const ask = (store: Store, run: RunRow, ...lines: readonly GrantLine[]) =>
  store.grant({ tenant: run.tenant, runId: run.runId, epoch: run.epoch, lines, changes: [] })

async function given(store: Store, scope = DAY, tenant = 'acme'): Promise<number> {
  return (await store.scopes(tenant)).find((row) => row.scope === scope)?.granted.tokens ?? 0
}

/** Budgets over many runs (invariant 6, ENGINE R12). */
export function scopeTests({ it, on }: Suite): void {
  it(
    'STO-117: a grant gives what is needed and a part of what is wanted, all lines or none',
    on(async (store) => {
      const run = await claimed(store, 'r1')
      const first = await ask(store, run, line(10, 1_600))
      assert.deepEqual(first.status === 'granted' && first.slices.map(({ granted }) => granted.tokens), [80])
      assert.equal((await ask(store, run, line(700, 1_600))).status, 'granted')
      assert.equal(await given(store), 780)
      const both = await ask(store, run, line(10, 1_600), line(1, 0, { scope: MONTH }))
      assert.deepEqual(both, { status: 'refused', scope: MONTH, count: 'tokens' })
      assert.equal(await given(store), 780)
      assert.equal((await ask(store, run, line(821, 1_600))).status, 'refused')
      assert.equal((await ask(store, run, line(820, 1_600))).status, 'granted')
      assert.equal(await given(store), 1_600)
      const [slice] = await store.slices('acme', 'r1')
      assert.deepEqual(slice?.granted, tokens(1_600))
    }),
  )
  it(
    'STO-118: a grant under another epoch or without a lease changes nothing',
    on(async (store) => {
      const run = await claimed(store, 'r1')
      assert.deepEqual(await ask(store, { ...run, epoch: run.epoch - 1 }, line(10, 100)), { status: 'fenced' })
      await store.commit([sampleCommit(run, { release: true })])
      assert.deepEqual(await ask(store, run, line(10, 100)), { status: 'fenced' })
      assert.deepEqual(await store.scopes('acme'), [])
    }),
  )
  it(
    'STO-119: a slice that ends goes back but for what was used, one that is raised passes the limit',
    on(async (store) => {
      const run = await claimed(store, 'r1')
      await ask(store, run, line(40, 50))
      const raise = { kind: 'raise', scope: DAY, by: tokens(30) } as const
      await store.commit([sampleCommit(run, { slices: [raise] })])
      assert.equal(await given(store), 70)
      const row = await store.run('acme', 'r1')
      assert.ok(row)
      const end = { kind: 'end', scope: DAY, used: tokens(45) } as const
      const fenced = sampleCommit({ ...row, epoch: row.epoch + 1 }, { release: true, slices: [end] })
      assert.deepEqual(await store.commit([fenced]), [{ status: 'fenced' }])
      assert.equal(await given(store), 70)
      await store.commit([sampleCommit(row, { release: true, slices: [end] })])
      assert.equal(await given(store), 45)
      assert.deepEqual(await store.slices('acme', 'r1'), [])
    }),
  )
  it(
    'STO-120: the start of a run counts once in each scope, and is refused where there is no room',
    on(async (store) => {
      const charges = [
        { scope: DAY, limits: { runs: 1 } },
        { scope: MONTH, limits: {} },
      ]
      assert.deepEqual(await store.create(sampleRun('r1', { charges })), { status: 'created' })
      assert.deepEqual(await store.create(sampleRun('r1', { charges })), { status: 'exists', runId: 'r1' })
      const second = sampleRun('r2', { charges: [...charges].reverse() })
      assert.deepEqual(await store.create(second), { status: 'refused', scope: DAY })
      assert.equal(await store.run('acme', 'r2'), null)
      assert.deepEqual(
        (await store.scopes('acme')).map(({ scope, granted }) => [scope, granted.runs]),
        [
          [MONTH, 1],
          [DAY, 1],
        ],
      )
    }),
  )
  it(
    "STO-121: scopes and slices of one tenant are not another's",
    on(async (store) => {
      const ours = await claimed(store, 'r1')
      const theirs = await claimed(store, 'r1', { tenant: 'other' })
      await ask(store, ours, line(10, 10))
      assert.equal((await ask(store, theirs, line(10, 10))).status, 'granted')
      assert.equal(await given(store, DAY, 'other'), 10)
      const crossed = { tenant: 'other', runId: 'r9', epoch: 1, lines: [line(1, 10)], changes: [] }
      assert.deepEqual(await store.grant(crossed), { status: 'fenced' })
      assert.equal((await store.slices('other', 'r1')).length, 1)
    }),
  )
}

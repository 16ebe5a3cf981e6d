import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { NO_SCOPE_AMOUNTS, type ScopeAmounts } from '../contracts/scopes.ts'
import type { RunRow, Store } from '../contracts/store.ts'
import { OuterBudgets } from '../policy/index.ts'
import { memoryStore } from '../stores/index.ts'
import { sampleCommit } from '../testing/conformance/samples.ts'
import { claimed } from '../testing/conformance/suite.ts'
import { Slices } from './slices.ts'

const LIMIT = 1_000
const DAY_MS = 86_400_000

const tokens = (count: number): ScopeAmounts => ({ ...NO_SCOPE_AMOUNTS, tokens: count })

interface World {
  now: number
  debts: number
  readonly store: Store
  readonly budgets: OuterBudgets
  /** What was really used in each scope: where each call was reserved. */
  readonly used: Map<string, number>
}

/** One run over a real store: calls reserve, settle, crash and wait as the engine lets them. */
class TestRun {
  spent = 0
  private calls: { worst: number; scope: string }[] = []
  private slices: Slices | null = null
  private row: RunRow
  private readonly world: World

  constructor(world: World, row: RunRow) {
    this.world = world
    this.row = row
  }

  private async live(): Promise<Slices> {
    if (this.slices) return this.slices
    const { store, budgets } = this.world
    const { tenant, runId } = this.row
    const [row] = await store.claim({
      worker: 'w',
      now: 1e15,
      leaseUntil: 1e15,
      limit: 1,
      signatures: null,
      only: this.row,
    })
    if (!row) throw new Error('the run can be claimed')
    this.row = row
    const owner = { tenant, workflow: 'desk', principal: 'user:ana' }
    this.slices = new Slices({
      store,
      at: { tenant, runId, epoch: row.epoch },
      rows: await store.slices(tenant, runId),
      scopes: () => budgets.scopesOf(owner, this.world.now),
      totals: () => ({
        spent: { tokens: this.spent, cost_nano_usd: '0' },
        held: { tokens: this.calls.reduce((sum, { worst }) => sum + worst, 0), cost_nano_usd: '0' },
        effects: 0,
      }),
      onNews: ({ what }) => {
        if (what === 'debt') this.world.debts += 1
      },
    })
    return this.slices
  }

  async reserve(worst: number): Promise<void> {
    const slices = await this.live()
    while (!slices.covers(tokens(worst))) if ((await slices.grant(tokens(worst))) !== null) return
    const held = (await this.world.store.slices('acme', this.row.runId))[0]?.scope
    this.calls.push({ worst, scope: held ?? '' })
  }

  /** Settles the oldest call to a part of what it reserved, or above it. */
  async settle(percent: number): Promise<void> {
    const call = this.calls.shift()
    if (!call) return
    const slices = await this.live()
    const actual = Math.ceil((call.worst * percent) / 100)
    this.spent += actual
    const { used, store } = this.world
    used.set(call.scope, (used.get(call.scope) ?? 0) + actual)
    await this.commit(store, { slices: slices.debts() })
  }

  /** The worker dies: what was held is charged in full when the run goes on. */
  crash(): void {
    this.slices = null
    for (const { worst, scope } of this.calls) {
      this.spent += worst
      this.world.used.set(scope, (this.world.used.get(scope) ?? 0) + worst)
    }
    this.calls = []
  }

  async wait(): Promise<void> {
    if (this.calls.length > 0 || !this.slices) return
    await this.commit(this.world.store, { release: true, slices: this.slices.giveBack() })
    this.slices = null
  }

  private async commit(store: Store, change: object): Promise<void> {
    const [result] = await store.commit([sampleCommit(this.row, change)])
    expect(result).toEqual({ status: 'committed' })
    this.row = (await store.run('acme', this.row.runId)) ?? this.row
  }
}

type Step = readonly [run: number, what: 'reserve' | 'settle' | 'crash' | 'wait' | 'midnight', amount: number]

const steps = (most: number) =>
  fc.array(
    fc.tuple(
      fc.nat(2),
      fc.constantFrom('reserve', 'reserve', 'settle', 'settle', 'crash', 'wait', 'midnight'),
      fc.integer({ min: 1, max: most }),
    ),
    { maxLength: 40 },
  )

async function play(plan: readonly Step[]): Promise<{ world: World; over: number }> {
  const store = memoryStore()
  const budgets = new OuterBudgets([{ scope: 'tenant', per: 'day', maxTokens: LIMIT }])
  const world: World = { now: 0, debts: 0, store, budgets, used: new Map() }
  const runs = []
  for (const id of ['r0', 'r1', 'r2']) runs.push(new TestRun(world, await claimed(store, id)))
  let over = 0
  for (const [at, what, amount] of plan) {
    const run = runs[at]
    if (what === 'midnight') world.now += DAY_MS
    else if (what === 'reserve') await run?.reserve(amount * 4)
    else if (what === 'settle') await run?.settle(amount)
    else if (what === 'crash') run?.crash()
    else await run?.wait()
    for (const { scope, granted } of await store.scopes('acme')) {
      over = Math.max(over, granted.tokens - LIMIT)
      expect(granted.tokens, `${scope} after ${what}`).toBeGreaterThanOrEqual(world.used.get(scope) ?? 0)
    }
  }
  return { world, over }
}

describe('slices of budgets over many runs', () => {
  it('BUD-022: whatever interleaves, a scope gives out no more than its limit, and no less than what was used', async () => {
    await fc.assert(
      fc.asyncProperty(steps(100), async (plan) => {
        const { over, world } = await play(plan)
        expect(over).toBeLessThanOrEqual(0)
        expect(world.debts).toBe(0)
      }),
      { numRuns: 200 },
    )
  })

  it('BUD-022, BUD-025: with settlements above their reservations it passes the limit only by recorded debts', async () => {
    await fc.assert(
      fc.asyncProperty(steps(150), async (plan) => {
        const { over, world } = await play(plan)
        if (world.debts === 0) expect(over).toBeLessThanOrEqual(0)
      }),
      { numRuns: 200 },
    )
  })

  it('BUD-022: a scope that grants beside its limit is found by the same property (planted)', async () => {
    const store = memoryStore()
    const budgets = new OuterBudgets([{ scope: 'tenant', per: 'day', maxTokens: LIMIT }])
    const generous: Store = Object.create(store, {
      grant: {
        value: (request: Parameters<Store['grant']>[0]) =>
          store.grant({ ...request, lines: request.lines.map((line) => ({ ...line, limits: {} })) }),
      },
    })
    for (const name of ['claim', 'commit', 'slices', 'scopes', 'run', 'create'] as const)
      Object.defineProperty(generous, name, { value: store[name].bind(store) })
    const world: World = { now: 0, debts: 0, store: generous, budgets, used: new Map() }
    const run = new TestRun(world, await claimed(store, 'r0'))
    for (let n = 0; n < 4; n++) await run.reserve(400)
    const [scope] = await store.scopes('acme')
    expect(scope?.granted.tokens).toBeGreaterThan(LIMIT)
  })
})

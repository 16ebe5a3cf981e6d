import assert from 'node:assert/strict'
import type { EffectChange, EffectRow, EffectState, RunRow, Store } from '../../contracts/store.ts'
import { sampleCommit, sampleEffect } from './samples.ts'
import { claimed, rowOf, type Suite } from './suite.ts'

async function change(store: Store, run: RunRow, effects: readonly EffectChange[]) {
  const [result] = await store.commit([sampleCommit(await rowOf(store, run), { effects })])
  return result
}

const claim = (row: EffectRow): EffectChange => ({ kind: 'claim', row })
const settle = (effectId: string, state: EffectState, outcomeSeq: number | null = 9): EffectChange => ({
  kind: 'settle',
  effectId,
  state,
  outcomeSeq,
})
const committed = { status: 'committed' }

/** The ledger of effects (Invariants 4 and 5). */
export function effectTests({ it, on }: Suite): void {
  it(
    'STO-030: an identity has one live holder; open, unknown and succeeded hold it, the other states free it',
    on(async (store) => {
      const [a, b] = [await claimed(store, 'run_a'), await claimed(store, 'run_b')]
      const mine = sampleEffect(a)
      const refused = { status: 'effect_claimed', effectId: mine.effectId }
      assert.deepEqual(await change(store, a, [claim(mine)]), committed)
      for (const state of ['open', 'unknown', 'succeeded'] as const) {
        assert.deepEqual(await change(store, a, [settle(mine.effectId, state)]), committed)
        assert.deepEqual(await change(store, b, [claim(sampleEffect(b))]), refused, state)
        assert.deepEqual(await store.effect('acme', mine.tool, mine.scope, mine.identity), {
          ...mine,
          state,
          outcomeSeq: 9,
        })
      }
      for (const state of ['failed', 'not_sent', 'released'] as const) {
        assert.deepEqual(await change(store, a, [settle(mine.effectId, state)]), committed)
        assert.equal(await store.effect('acme', mine.tool, mine.scope, mine.identity), null, state)
      }
      assert.deepEqual(await change(store, b, [claim(sampleEffect(b))]), committed)
      assert.deepEqual(await change(store, a, [settle(mine.effectId, 'open')]), {
        status: 'effect_claimed',
        effectId: sampleEffect(b).effectId,
      })
    }),
  )

  it(
    'STO-031: tool, scope and identity each make another effect',
    on(async (store) => {
      const a = await claimed(store, 'run_a')
      const rows = [
        sampleEffect(a),
        sampleEffect(a, { effectId: 'e2', tool: 't' }),
        sampleEffect(a, { effectId: 'e3', scope: 's' }),
        sampleEffect(a, { effectId: 'e4', identity: 'i' }),
      ]
      assert.deepEqual(await change(store, a, rows.map(claim)), committed)
      for (const row of rows) assert.deepEqual(await store.effect('acme', row.tool, row.scope, row.identity), row)
    }),
  )

  it(
    'STO-032: the same ask sent again under the same key keeps its place while the outcome is not known',
    on(async (store) => {
      const [a, b] = [await claimed(store, 'run_a'), await claimed(store, 'run_b')]
      const first = sampleEffect(a)
      const again = { ...first, intentSeq: 5 }
      await change(store, a, [claim(first)])
      assert.deepEqual(await change(store, a, [claim(again)]), committed)
      await change(store, a, [settle(first.effectId, 'unknown', null)])
      assert.deepEqual(await change(store, a, [claim(again)]), committed)
      assert.deepEqual(await store.effects('acme', 'run_a'), [again])
      const refused = { status: 'effect_claimed', effectId: first.effectId }
      assert.deepEqual(await change(store, a, [claim({ ...again, idempotencyKey: 'other' })]), refused)
      assert.deepEqual(await change(store, b, [claim({ ...again, runId: 'run_b' })]), refused)
      await change(store, a, [settle(first.effectId, 'succeeded', 6)])
      assert.deepEqual(await change(store, a, [claim(again)]), refused)
    }),
  )

  it(
    'STO-033: the changes of one commit are applied in order, all or none',
    on(async (store) => {
      const [a, b] = [await claimed(store, 'run_a'), await claimed(store, 'run_b')]
      const held = sampleEffect(a, { identity: 'held' })
      await change(store, a, [claim(held)])
      const other = sampleEffect(b, { effectId: 'e-other', identity: 'free' })
      const clash = sampleEffect(b, { effectId: 'e-clash', identity: 'held' })
      assert.deepEqual(await change(store, b, [claim(other), claim(clash)]), {
        status: 'effect_claimed',
        effectId: held.effectId,
      })
      assert.deepEqual(await store.effects('acme', 'run_b'), [])
      assert.equal((await rowOf(store, b)).seq, 1)
      assert.deepEqual(
        await change(store, b, [
          settle(held.effectId, 'released'),
          claim(other),
          claim(clash),
          settle('e-other', 'succeeded'),
        ]),
        committed,
      )
      assert.deepEqual(await store.effects('acme', 'run_b'), [{ ...other, state: 'succeeded', outcomeSeq: 9 }, clash])
    }),
  )

  it(
    'STO-034: a family lists the effects of root and forks in order of intent; a settle names the newest of its id',
    on(async (store) => {
      const [root, fork, other] = [
        await claimed(store, 'run_root'),
        await claimed(store, 'run_fork'),
        await claimed(store, 'run_x'),
      ]
      const first = sampleEffect(root, { effectId: 'same', state: 'open' })
      await change(store, root, [claim(first), settle('same', 'failed', 3)])
      const second = sampleEffect(fork, { effectId: 'same', rootRunId: 'run_root', intentSeq: 1 })
      await change(store, fork, [claim(second)])
      await change(store, other, [claim(sampleEffect(other, { identity: 'else' }))])
      await change(store, fork, [settle('same', 'succeeded', 8), settle('nothing', 'failed')])
      assert.deepEqual(await store.effects('acme', 'run_root'), [
        { ...first, state: 'failed', outcomeSeq: 3 },
        { ...second, state: 'succeeded', outcomeSeq: 8 },
      ])
    }),
  )

  it(
    'STO-057: a claim is refused when another run of the family got an effect of the tool since',
    on(async (store) => {
      const [a, b, c] = [await claimed(store, 'run_a'), await claimed(store, 'run_b'), await claimed(store, 'run_c')]
      const family = (run: RunRow, identity: string) =>
        sampleEffect(run, { effectId: `e-${run.runId}-${identity}`, identity, scope: 'run:root', rootRunId: 'root' })
      const guarded = (row: EffectRow, others: number): EffectChange => ({ kind: 'claim', row, others })
      assert.deepEqual(await change(store, a, [guarded(family(a, 'one'), 0)]), committed)
      const late = family(b, 'two')
      assert.deepEqual(await change(store, b, [guarded(late, 0)]), {
        status: 'effect_claimed',
        effectId: late.effectId,
      })
      assert.equal(await store.effect('acme', late.tool, late.scope, late.identity), null)
      assert.deepEqual(await change(store, b, [guarded(late, 1)]), committed)
      // Its own effects do not count, nor do those of other tools and families; ended ones do.
      assert.deepEqual(await change(store, b, [settle(late.effectId, 'failed')]), committed)
      assert.deepEqual(await change(store, b, [guarded(family(b, 'three'), 1)]), committed)
      assert.deepEqual(
        await change(store, c, [guarded(sampleEffect(c, { effectId: 'other', identity: 'x' }), 0)]),
        committed,
      )
      assert.deepEqual(await change(store, a, [guarded(family(a, 'four'), 2)]), committed)
    }),
  )
}

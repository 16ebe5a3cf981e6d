import assert from 'node:assert/strict'
import type { KillSwitch, SwitchChange, SwitchOverride, SwitchWorker } from '../../contracts/switches.ts'
import type { Suite } from './suite.ts'

/** A kill switch of tenant `acme`. */
export function sampleSwitch(id: string, over: Partial<KillSwitch> = {}): KillSwitch {
  return {
    id,
    tenant: 'acme',
    scope: 'tool',
    target: 'payments.refund',
    mode: 'stop_now',
    reason: 'odd',
    by: 'user:ops',
    createdAt: 5_000,
    expiresAt: null,
    liftedAt: null,
    liftedBy: null,
    ...over,
  }
}

/** A switch with the event that tells of it. What the event says is not the store's business. */
export function sampleThrow(row: KillSwitch, seq: number): SwitchChange {
  return {
    event: {
      tenant: row.tenant,
      seq,
      body: `{"id":"${row.id}"}`,
      hash: `${row.tenant}-${seq}-${row.id}-${row.liftedAt}`,
    },
    row,
  }
}

/** What a worker says of itself. */
export function sampleSwitchWorker(worker: string, over: Partial<SwitchWorker> = {}): SwitchWorker {
  return { worker, seenAt: 10, version: 1, since: 5, leaseMs: 3_000, ended: false, ...over }
}

function sampleOverride(over: Partial<SwitchOverride> = {}): SwitchOverride {
  return {
    id: 'ovr_1',
    tenant: 'acme',
    switchId: 'k1',
    runId: 'run_a',
    ask: 'a/1',
    reason: 'agreed',
    askedBy: 'user:ops',
    confirmedBy: null,
    createdAt: 7,
    expiresAt: 90,
    usedAt: null,
    reviewedBy: null,
    ...over,
  }
}

/** Kill switches, their history, overrides, and what workers took up. */
export function switchTests({ it, on }: Suite): void {
  it(
    'STO-036: kill switches are kept by id, oldest first, lifted ones too; a change is stored with its event or not at all',
    on(async (store) => {
      const expiring = sampleSwitch('k1', { createdAt: 10, expiresAt: 99, channel: 'file' })
      const lifted = sampleSwitch('k2', { createdAt: 9, liftedAt: 11, liftedBy: 'user:ops', liftAskedBy: 'user:ana' })
      assert.ok(await store.commitSwitch(sampleThrow(sampleSwitch('k2', { createdAt: 9 }), 1)))
      assert.ok(await store.commitSwitch(sampleThrow(expiring, 2)))
      assert.equal(await store.commitSwitch(sampleThrow(lifted, 2)), null)
      assert.equal((await store.killSwitches('acme'))[0]?.liftedAt, null)
      assert.ok(await store.commitSwitch(sampleThrow(lifted, 3)))
      assert.deepEqual(await store.killSwitches('acme'), [lifted, expiring])
      const events = await store.switchEvents('acme')
      assert.deepEqual(
        events.map(({ seq, body }) => [seq, body]),
        [
          [1, '{"id":"k2"}'],
          [2, '{"id":"k1"}'],
          [3, '{"id":"k2"}'],
        ],
      )
      await assert.rejects(store.commitSwitch({ ...sampleThrow(lifted, 4), row: { ...lifted, tenant: 'other' } }))
    }),
  )

  it(
    'STO-160: what workers act by is read at once: switches of all tenants that are not lifted, usable overrides, and the newest position',
    on(async (store) => {
      assert.deepEqual(await store.switchBook(), { version: 0, switches: [], overrides: [] })
      const [mine, theirs] = [sampleSwitch('k1'), sampleSwitch('k1', { tenant: 'other', createdAt: 6_000 })]
      await store.commitSwitch(sampleThrow(mine, 1))
      const position = await store.commitSwitch(sampleThrow(theirs, 1))
      assert.deepEqual(await store.switchBook(), { version: position, switches: [mine, theirs], overrides: [] })
      const asked = sampleOverride()
      const usable = sampleOverride({ confirmedBy: 'user:eve' })
      const event = (seq: number) => ({ tenant: 'acme', seq, body: '{}', hash: String(seq) })
      await store.commitSwitch({ event: event(2), override: asked })
      assert.deepEqual((await store.switchBook()).overrides, [])
      await store.commitSwitch({ event: event(3), override: usable })
      assert.deepEqual((await store.switchBook()).overrides, [usable])
      const used = { ...usable, usedAt: 20 }
      await store.commitSwitch({ event: event(4), override: used })
      assert.deepEqual((await store.switchBook()).overrides, [])
      assert.deepEqual(await store.overrides('acme'), [used])
      await store.commitSwitch(sampleThrow({ ...mine, liftedAt: 9, liftedBy: 'user:ops' }, 5))
      assert.deepEqual((await store.switchBook()).switches, [theirs])
    }),
  )

  it(
    'STO-161: each worker has one row with what it took up, by name',
    on(async (store) => {
      await store.putSwitchWorker(sampleSwitchWorker('w2'))
      await store.putSwitchWorker(sampleSwitchWorker('w1'))
      const later = sampleSwitchWorker('w2', { version: 4, since: 30, seenAt: 31, ended: true })
      await store.putSwitchWorker(later)
      assert.deepEqual(await store.switchWorkers(), [sampleSwitchWorker('w1'), later])
    }),
  )
}

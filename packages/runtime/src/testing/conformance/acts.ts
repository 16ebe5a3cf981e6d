import assert from 'node:assert/strict'
import { sampleCommit } from './samples.ts'
import { claimed, type Suite } from './suite.ts'

/** Who did what about whom is stored with the commit that tells of it. */
export function actTests({ it, on }: Suite): void {
  const act = { tenant: 'acme', tool: 'vendors.edit', subject: 's1', principal: 'user:ana', runId: 'r1' }
  it(
    'STO-150: acts are stored with their commit, once each, by tenant, tool and subject, and not with a refused one',
    on(async (store) => {
      const run = await claimed(store, 'r1')
      const fenced = sampleCommit({ ...run, epoch: run.epoch + 1 }, { acts: [act] })
      assert.deepEqual(await store.commit([fenced]), [{ status: 'fenced' }])
      assert.deepEqual(await store.acted('acme', 'vendors.edit', 's1'), [])
      await store.commit([sampleCommit(run, { acts: [{ ...act, principal: 'user:zoe' }, act, act] })])
      assert.deepEqual(await store.acted('acme', 'vendors.edit', 's1'), ['user:ana', 'user:zoe'])
      for (const [tenant, tool, subject] of [
        ['other', 'vendors.edit', 's1'],
        ['acme', 'vendors.drop', 's1'],
        ['acme', 'vendors.edit', 's2'],
      ] as const)
        assert.deepEqual(await store.acted(tenant, tool, subject), [])
    }),
  )
}

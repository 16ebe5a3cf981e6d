import assert from 'node:assert/strict'
import { sampleCommit, sampleEffect, sampleRequest } from './samples.ts'
import { claimed, rowOf, type Suite } from './suite.ts'

/** Requests to people, keys, cursors, definitions. */
export function projectionTests({ it, on }: Suite): void {
  it(
    'STO-035: requests are replaced by id and listed oldest first by state, kind and run',
    on(async (store) => {
      const [a, b] = [await claimed(store, 'run_a'), await claimed(store, 'run_b')]
      const one = sampleRequest(a, 'q1', { requestedAt: 30 })
      const two = sampleRequest(a, 'q2', { requestedAt: 20, kind: 'question' })
      const three = sampleRequest(b, 'q3', { requestedAt: 10, approvers: [] })
      await store.commit([sampleCommit(a, { requests: [one, two] }), sampleCommit(b, { requests: [three] })])
      const list = async (filter: object) =>
        (await store.requests({ tenant: 'acme', limit: 10, ...filter })).map((row) => row.id)
      assert.deepEqual(await list({}), ['q3', 'q2', 'q1'])
      assert.deepEqual(await list({ limit: 2 }), ['q3', 'q2'])
      assert.deepEqual(await list({ runId: 'run_a' }), ['q2', 'q1'])
      assert.deepEqual(await list({ kind: 'approval', state: 'open' }), ['q3', 'q1'])
      const decided = { ...one, state: 'approved' as const, decidedBy: 'user:ben', decidedAt: 40 }
      await store.commit([sampleCommit(await rowOf(store, a), { requests: [decided] })])
      assert.deepEqual(await store.request('acme', 'q1'), decided)
      assert.deepEqual(await list({ state: 'open' }), ['q3', 'q2'])
      assert.deepEqual(await store.requests({ tenant: 'acme', state: 'approved', limit: 10 }), [decided])
      assert.equal(await store.request('acme', 'q9'), null)
    }),
  )

  it(
    'STO-190: requests that were decided are listed by kind and time, the newest decision first; effects in flight by tenant',
    on(async (store) => {
      const [a, b] = [await claimed(store, 'run_a'), await claimed(store, 'run_b')]
      const decided = (id: string, decidedAt: number, more: object = {}) =>
        sampleRequest(a, id, { state: 'approved', decidedBy: 'user:ben', decidedAt, ...more })
      const rows = [decided('q1', 30), decided('q2', 50), decided('q3', 10), decided('q4', 60, { kind: 'question' })]
      const claim = (run: typeof a, id: string) => ({
        kind: 'claim' as const,
        row: sampleEffect(run, { effectId: id, identity: id, idempotencyKey: id }),
      })
      await store.commit([
        sampleCommit(a, { requests: [...rows, sampleRequest(a, 'q5')], effects: [claim(a, 'e1'), claim(a, 'e2')] }),
        sampleCommit(b, { effects: [claim(b, 'e3')] }),
      ])
      const ids = async (tenant: string, since: number, limit = 9) =>
        (await store.decidedRequests({ tenant, kind: 'approval', since, limit })).map((row) => row.id)
      assert.deepEqual(await ids('acme', 0), ['q2', 'q1', 'q3'])
      assert.deepEqual(await ids('acme', 30), ['q2', 'q1'])
      assert.deepEqual(await ids('acme', 0, 1), ['q2'])
      assert.deepEqual(await ids('other', 0), [])
      const open = async (tenant: string, limit = 9) =>
        (await store.effectsInFlight(tenant, limit)).map((row) => row.effectId)
      assert.deepEqual(await open('acme'), ['e1', 'e2', 'e3'])
      const ended = { kind: 'settle', effectId: 'e1', state: 'succeeded', outcomeSeq: 2 } as const
      const unknown = { kind: 'settle', effectId: 'e3', state: 'unknown', outcomeSeq: 2 } as const
      await store.commit([
        sampleCommit(await rowOf(store, a), { effects: [ended] }),
        sampleCommit(await rowOf(store, b), { effects: [unknown] }),
      ])
      assert.deepEqual(await open('acme'), ['e2', 'e3'])
      assert.deepEqual(await open('acme', 1), ['e2'])
      assert.deepEqual(await open('other'), [])
    }),
  )

  it(
    'STO-039: a commit closes requests of its own run, also one that it opened; others stay as they were',
    on(async (store) => {
      const [a, b] = [await claimed(store, 'run_a'), await claimed(store, 'run_b')]
      const [one, two, three] = [sampleRequest(a, 'q1'), sampleRequest(a, 'q2'), sampleRequest(b, 'q3')]
      await store.commit([sampleCommit(a, { requests: [one] }), sampleCommit(b, { requests: [three] })])
      const decided = { state: 'approved' as const, decidedBy: 'user:ben', decidedAt: 40 }
      const ids = ['q1', 'q2', 'q3', 'q9']
      const closed = ids.map((id) => ({ id, ...decided }))
      await store.commit([sampleCommit(await rowOf(store, a), { requests: [two], closed })])
      const expected = [{ ...one, ...decided }, { ...two, ...decided }, three, null]
      for (const [i, id] of ids.entries()) assert.deepEqual(await store.request('acme', id), expected[i], id)
      assert.deepEqual(await store.requests({ tenant: 'acme', state: 'open', limit: 9 }), [three])
    }),
  )

  it(
    'STO-037: the first wrapped key of a subject stays; a destroyed one never comes back',
    on(async (store) => {
      const bytes = (value: Uint8Array | null | undefined) => value && [...value]
      assert.equal(await store.key('acme', 'ana'), null)
      assert.deepEqual(bytes(await store.putKey('acme', 'ana', Uint8Array.of(1, 2))), [1, 2])
      assert.deepEqual(bytes(await store.putKey('acme', 'ana', Uint8Array.of(3))), [1, 2])
      assert.deepEqual(bytes((await store.key('acme', 'ana'))?.wrapped), [1, 2])
      await store.destroyKey('acme', 'ana', 50)
      await store.destroyKey('acme', 'ana', 60)
      await store.destroyKey('acme', 'never', 70)
      assert.deepEqual(await store.key('acme', 'ana'), { wrapped: null, destroyedAt: 50 })
      assert.deepEqual(await store.key('acme', 'never'), { wrapped: null, destroyedAt: 70 })
      for (const subject of ['ana', 'never']) assert.equal(await store.putKey('acme', subject, Uint8Array.of(4)), null)
      await store.putKey('acme', 'ben', Uint8Array.of(5))
      await store.putKey('other', 'eve', Uint8Array.of(6))
      assert.deepEqual(
        (await store.keys('acme')).map((key) => [key.subject, bytes(key.wrapped), key.destroyedAt]),
        [
          ['ana', null, 50],
          ['ben', [5], null],
          ['never', null, 70],
        ],
      )
    }),
  )

  it(
    'STO-038: cursors start at 0 and are set by name; the first definition of a signature stays',
    on(async (store) => {
      assert.equal(await store.cursor('otlp'), 0)
      await store.setCursor('otlp', 12)
      await store.setCursor('otlp', 7)
      await store.setCursor('other', 1)
      assert.deepEqual([await store.cursor('otlp'), await store.cursor('other')], [7, 1])
      assert.equal(await store.definition('s1'), null)
      await store.putDefinition('s1', '{"nodes":[]}')
      await store.putDefinition('s1', '{}')
      assert.equal(await store.definition('s1'), '{"nodes":[]}')
    }),
  )
}

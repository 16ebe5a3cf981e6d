import { describe, expect, it } from 'vitest'
import type { LeaseRow, ScheduleCommit, ScheduleCommitResult } from '../contracts/schedule.ts'
import type { Store } from '../contracts/store.ts'
import { memoryUnderTest } from './conformance/places.ts'
import { storeConformance } from './store-conformance.ts'

/** Runs the suite over a broken store; gives the ids at the start of the titles of the tests that failed. */
async function failures(breakIt: (store: Store) => Partial<Store>): Promise<string[]> {
  const bodies: { title: string; body: () => Promise<void> }[] = []
  storeConformance({
    name: 'broken',
    open: async () => {
      const { store, remove } = await memoryUnderTest()
      return { store: withMethods(store, breakIt(store)), another: null, remove }
    },
    capabilities: { durable: false, sharedBetweenProcesses: false },
    test: { describe: (_title, body) => body(), it: (title, body) => bodies.push({ title, body }) },
  })
  const failed: string[] = []
  for (const { title, body } of bodies) {
    try {
      await body()
    } catch {
      failed.push(title.slice(0, 7))
    }
  }
  expect(bodies.length).toBeGreaterThan(40)
  return failed
}

function withMethods(store: Store, over: Partial<Store>): Store {
  return new Proxy(store, {
    get: (target, name) => {
      const method: unknown = Reflect.get(over, name) ?? Reflect.get(target, name)
      // Methods of the store use private fields and must be called on the store itself.
      return typeof method === 'function' ? method.bind(target) : method
    },
  })
}

function withoutAttempts<R extends { attempts: number } | null>(row: R): R {
  return row && { ...row, attempts: 1 }
}

const FAR = Number.MAX_SAFE_INTEGER

async function leaseFrom(store: Store, row: LeaseRow): Promise<boolean> {
  const { epoch, beat } = await store.lease(row.name)
  return store.setLease({ ...row, epoch: Math.max(row.epoch, epoch), beat: beat + 1 }, { epoch, beat })
}

async function anyRevision(store: Store, change: ScheduleCommit): Promise<ScheduleCommitResult> {
  const known = (await store.schedules(change.row.tenant)).find((each) => each.name === change.row.name)
  const expectRevision = known?.revision ?? 0
  return store.commitSchedule({ ...change, expectRevision, row: { ...change.row, revision: expectRevision + 1 } })
}

/** Each breaks one promise, and names a behaviour whose test must fail. */
const PLANTED: readonly [string, string, (store: Store) => Partial<Store>][] = [
  [
    'a fenced commit is told as committed',
    'STO-004',
    (store) => ({
      commit: async (commits) =>
        (await store.commit(commits)).map((result) => (result.status === 'fenced' ? { status: 'committed' } : result)),
    }),
  ],
  [
    'a batch fails as a whole',
    'STO-005',
    (store) => ({
      commit: async (commits) => {
        const results = await store.commit(commits)
        return results.find((result) => result.status !== 'committed')
          ? results.map(() => ({ status: 'fenced' }))
          : results
      },
    }),
  ],
  [
    'requests are lost',
    'STO-003',
    (store) => ({ commit: (commits) => store.commit(commits.map((each) => ({ ...each, requests: [] }))) }),
  ],
  [
    'effects are not claimed',
    'STO-030',
    (store) => ({ commit: (commits) => store.commit(commits.map((each) => ({ ...each, effects: [] }))) }),
  ],
  [
    'a release reads the inbox away',
    'STO-013',
    (store) => ({
      commit: async (commits) => {
        const all = await Promise.all(
          commits.map(async (each) => ({
            ...each,
            consumed: each.release ? (await store.inbox(each.tenant, each.runId)).map((row) => row.row) : each.consumed,
          })),
        )
        return store.commit(all)
      },
    }),
  ],
  [
    'rows are never consumed',
    'STO-012',
    (store) => ({ commit: (commits) => store.commit(commits.map((each) => ({ ...each, consumed: [] }))) }),
  ],
  ['slots are not unique', 'STO-011', (store) => ({ post: (item) => store.post({ ...item, slot: null }) })],
  [
    'ids of rows are not unique',
    'STO-010',
    (store) => ({ post: (item) => store.post({ ...item, id: `${item.id}${item.body}` }) }),
  ],
  ['live leases are taken', 'STO-021', (store) => ({ claim: (request) => store.claim({ ...request, now: FAR }) })],
  ['expired leases are left', 'STO-021', (store) => ({ claim: (request) => store.claim({ ...request, now: 0 }) })],
  [
    'signatures are ignored',
    'STO-023',
    (store) => ({ claim: (request) => store.claim({ ...request, signatures: null }) }),
  ],
  [
    'heartbeats never tell what is lost',
    'STO-027',
    (store) => ({
      heartbeat: async (...call) => {
        await store.heartbeat(...call)
        return []
      },
    }),
  ],
  [
    'request ids start several runs',
    'STO-002',
    (store) => ({ create: (run) => store.create({ ...run, requestId: run.runId }) }),
  ],
  [
    'the tenant of a list is ignored',
    'STO-050',
    (store) => ({
      runs: async (filter) => [
        ...(await store.runs({ ...filter, tenant: 'acme' })),
        ...(await store.runs({ ...filter, tenant: 'other' })),
      ],
    }),
  ],
  [
    'a switch of one tenant reaches another',
    'STO-051',
    (store) => ({
      commitSwitch: ({ event, row }) =>
        store.commitSwitch({
          event: { ...event, tenant: 'acme' },
          ...(row ? { row: { ...row, tenant: 'acme' } } : {}),
        }),
    }),
  ],
  [
    'export leaves one out',
    'STO-040',
    (store) => ({
      export: async (after, limit) => (await store.export(after, limit)).filter((each) => each.position !== 4),
    }),
  ],
  ['destroyed keys come back', 'STO-037', () => ({ destroyKey: async () => undefined })],
  [
    'a page repeats its cursor',
    'STO-042',
    (store) => ({
      runs: (filter) =>
        store.runs(
          filter.before ? { ...filter, before: { ...filter.before, runId: `${filter.before.runId}x` } } : filter,
        ),
    }),
  ],
  ['a lease moves from any row', 'STO-110', (store) => ({ setLease: async (row) => leaseFrom(store, row) })],
  [
    'a leader that was followed still writes',
    'STO-113',
    (store) => ({ commitSchedule: (change) => store.commitSchedule({ ...change, lease: null }) }),
  ],
  [
    'the revision of a schedule is ignored',
    'STO-112',
    (store) => ({ commitSchedule: async (change) => anyRevision(store, change) }),
  ],
  [
    'history is never forgotten',
    'STO-115',
    (store) => ({ commitSchedule: (change) => store.commitSchedule({ ...change, keep: null }) }),
  ],
  [
    'attempts are not counted',
    'STO-029',
    (store) => ({ run: async (...at) => withoutAttempts(await store.run(...at)) }),
  ],
  [
    'claims that were given back count all the same',
    'STO-019',
    (store) => ({ claim: (request) => store.claim({ ...request, returned: [] }) }),
  ],
  [
    'orphans are claimed at once',
    'STO-018',
    (store) => ({
      claim: ({ orphans, ...request }) =>
        store.claim(orphans ? { ...request, orphans: { ...orphans, quietSince: FAR } } : request),
    }),
  ],
  [
    'rows that were left are read away',
    'STO-017',
    (store) => ({
      commit: (commits) =>
        store.commit(commits.map((each) => ({ ...each, consumed: [...each.consumed, ...(each.left ?? [])] }))),
    }),
  ],
  [
    'a changed definition is forgotten',
    'STO-047',
    (store) => ({
      commit: (commits) => store.commit(commits.map(({ definition: _, ...each }) => each)),
    }),
  ],
  [
    'nobody is told of the end of an effect',
    'STO-048',
    (store) => ({
      commit: (commits) =>
        store.commit(
          commits.map((each) => ({ ...each, effects: each.effects.filter((change) => change.kind !== 'await') })),
        ),
    }),
  ],
  [
    'closing a request does nothing',
    'STO-039',
    (store) => ({ commit: (commits) => store.commit(commits.map((each) => ({ ...each, closed: [] }))) }),
  ],
]

describe('the conformance suite', () => {
  it('STO-046: finds nothing in an honest store, and each planted fault', async () => {
    expect(await failures(() => ({}))).toEqual([])
    for (const [what, id, breakIt] of PLANTED) expect(await failures(breakIt), what).toContain(id)
  })
})

import { describe, expect, it } from 'vitest'
import type { Store } from '../contracts/store.ts'
import { memoryStore } from '../stores/index.ts'
import { memoryUnderTest, sqliteUnderTest } from './conformance/places.ts'
import { rereadingStore } from './conformance/rereading.ts'
import { sampleCommit, sampleRun } from './conformance/samples.ts'
import { claimed } from './conformance/suite.ts'
import type { StoreUnderTest } from './conformance/suite.ts'
import { faultStore, type FaultPlan, type StoreFault, type StoreOperation } from './fault-store.ts'
import { storeConformance } from './store-conformance.ts'

const test = { describe, it }
const durable = { durable: true, sharedBetweenProcesses: true }
const inMemory = { durable: false, sharedBetweenProcesses: false }

function wrapped(open: () => Promise<StoreUnderTest>, wrap: (store: Store) => Store) {
  return async (): Promise<StoreUnderTest> => {
    const { store, another, remove } = await open()
    return { store: wrap(store), another: another && (async () => wrap(await another())), remove }
  }
}

const harmless = (store: Store) => faultStore(store, () => null)

const WRITES: readonly StoreOperation[] = [
  'create',
  'commit',
  'putKey',
  'destroyKey',
  'commitSwitch',
  'setCursor',
  'putDefinition',
  'heartbeat',
  'setLease',
  'commitSchedule',
]
/** Every other answer of what writes is lost; of posts only the first, since a lost duplicate looks like a lost success. */
const losing: FaultPlan = ({ op, n }) =>
  (op === 'post' && n === 1) || (WRITES.includes(op) && n % 2 === 1) ? { point: 'after_commit_lost_ack' } : null
const forgetful = (store: Store) => rereadingStore(faultStore(store, losing))

storeConformance({
  name: 'memory, no fault planned',
  open: wrapped(memoryUnderTest, harmless),
  capabilities: inMemory,
  test,
})
storeConformance({
  name: 'sqlite, no fault planned',
  open: wrapped(sqliteUnderTest, harmless),
  capabilities: durable,
  test,
})
storeConformance({
  name: 'memory, answers lost',
  open: wrapped(memoryUnderTest, forgetful),
  capabilities: inMemory,
  test,
})
storeConformance({
  name: 'sqlite, answers lost',
  open: wrapped(sqliteUnderTest, forgetful),
  capabilities: durable,
  test,
})

describe('fault store', () => {
  const once =
    (op: StoreOperation, fault: StoreFault): FaultPlan =>
    (call) =>
      call.op === op && call.n === 1 ? fault : null

  async function started(fault: StoreFault) {
    const inner = memoryStore()
    const run = await claimed(inner, 'run_a')
    return { inner, run, store: faultStore(inner, once('commit', fault)) }
  }

  it('STO-070: before_commit and disk_full leave nothing behind; the next call passes', async () => {
    for (const [point, code] of [
      ['before_commit', 'STORE_UNAVAILABLE'],
      ['disk_full', 'STORE_FULL'],
    ] as const) {
      const { inner, run, store } = await started({ point })
      await expect(store.commit([sampleCommit(run)])).rejects.toMatchObject({ code })
      expect(await inner.run('acme', 'run_a')).toEqual(run)
      expect(await store.commit([sampleCommit(run)])).toEqual([{ status: 'committed' }])
    }
  })

  it('STO-071: after_commit_lost_ack commits and throws', async () => {
    const { inner, run, store } = await started({ point: 'after_commit_lost_ack' })
    await expect(store.commit([sampleCommit(run)])).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
    expect((await inner.run('acme', 'run_a'))?.seq).toBe(2)
  })

  it('STO-072: fence lets another worker claim first, so that the commit and later ones are refused', async () => {
    const { inner, run, store } = await started({ point: 'fence' })
    expect(await store.commit([sampleCommit(run)])).toEqual([{ status: 'fenced' }])
    expect(await store.commit([sampleCommit(run)])).toEqual([{ status: 'fenced' }])
    expect((await inner.run('acme', 'run_a'))?.epoch).toBe(run.epoch + 1)
    expect(await inner.claim({ worker: 'w2', now: 1, leaseUntil: 9, limit: 1, signatures: null })).toHaveLength(1)
  })

  it('STO-073: slow happens only after its promise; the plan sees each operation with its own count', async () => {
    let open = (): void => undefined
    const until = new Promise<void>((resolve) => {
      open = resolve
    })
    const inner = memoryStore()
    const seen: string[] = []
    const store = faultStore(inner, ({ op, n }) => {
      seen.push(`${op} ${n}`)
      return op === 'create' && n === 2 ? { point: 'slow', until } : null
    })
    await store.create(sampleRun('run_a'))
    const slow = store.create(sampleRun('run_b'))
    expect(await store.run('acme', 'run_b')).toBeNull()
    open()
    expect(await slow).toEqual({ status: 'created' })
    expect(await store.run('acme', 'run_b')).not.toBeNull()
    expect(seen).toEqual(['create 1', 'create 2', 'run 1', 'run 2'])
  })
})

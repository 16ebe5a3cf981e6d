/** Stores that hold given histories. */
import { memoryStore, type Store } from 'signalbox'
import type { History } from 'signalbox/testing'

/** A store that holds the given histories. */
export async function storeOf(...all: History[]): Promise<Store> {
  const store = memoryStore()
  for (const told of all) await put(store, told)
  return store
}

/** Stores one history whole. */
export async function put(store: Store, told: History): Promise<void> {
  const [genesis, ...rest] = told.stored()
  const last = told.stored().at(-1)
  if (!genesis || !last) throw new Error('the history is empty')
  const id = { tenant: 'acme', runId: told.runId }
  const who = { principal: 'user:ana', subject: told.runId, requestId: told.runId, createdAt: 1 }
  const flow = { workflow: 'payables-desk', version: '1.0.0', signature: 'sig' }
  await store.create({ ...id, ...who, ...flow, genesis })
  const [row] = await store.claim({ worker: 'w', now: 2, leaseUntil: 100, limit: 1, signatures: null, only: id })
  const state = {
    status: 'completed',
    code: null,
    branch: 0,
    checkpointSeq: 1,
    superstep: 0,
    wakeAt: null,
    costNanoUsd: '0',
    updatedAt: 3,
  } as const
  const change = {
    ...id,
    epoch: row?.epoch ?? 0,
    expectSeq: 1,
    records: rest,
    seq: last.seq,
    head: last.hash,
    row: state,
  }
  const [result] = await store.commit([
    { ...change, release: true, consumed: [], effects: [], requests: [], closed: [] },
  ])
  if (result?.status !== 'committed') throw new Error('the history was not stored')
}

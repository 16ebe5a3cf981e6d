import type { RunRecord } from '../contracts/records.ts'
import type { EffectRow, PersonRequestRow, Store } from '../contracts/store.ts'
import { decodeRecord } from '../reliability/chain.ts'
import { memoryStore } from '../stores/index.ts'
import { ANA } from './bench-box.ts'
import { foldPrefix } from './check-history.ts'

/**
 * A copy of a store in which one run has only its first records, as if its worker had died right after making the last
 * of them durable: the row, effects and requests are what the records say. For runs of one branch.
 */
export async function storePrefix(from: Store, runId: string, length: number): Promise<Store> {
  const { tenant } = ANA
  const row = await from.run(tenant, runId)
  const stored = (await from.records(tenant, runId)).slice(0, length)
  const [genesis, ...rest] = stored
  const last = stored.at(-1)
  if (!row || !genesis || !last) throw new Error(`there is no run ${runId}`)
  const store = memoryStore()
  for (const subject of ['$tenant', row.subject]) {
    const key = await from.key(tenant, subject)
    if (key?.wrapped) await store.putKey(tenant, subject, key.wrapped)
  }
  const definition = await from.definition(row.signature)
  if (definition !== null) await store.putDefinition(row.signature, definition)
  await store.create({ ...row, genesis })
  if (rest.length === 0) return store
  await store.claim({ worker: 'gone', now: 0, leaseUntil: 1, limit: 1, signatures: null, only: { tenant, runId } })
  const records = stored.map(decodeRecord)
  const fold = foldPrefix(records, length)
  const effects = await from.effects(tenant, runId)
  const claimed = effects.filter((effect) => effect.intentSeq <= length).map((effect) => claimAt(effect, records))
  const requests = await from.requests({ tenant, runId, limit: 100 })
  await store.commit([
    {
      tenant,
      runId,
      epoch: 1,
      expectSeq: 1,
      records: rest,
      seq: last.seq,
      head: last.hash,
      row: {
        status: fold.status,
        code: null,
        branch: fold.branch,
        checkpointSeq: fold.checkpointSeq,
        superstep: fold.checkpoint.superstep,
        // A worker that died while a run waited had given its time; here it is looked at at once.
        wakeAt: 1,
        costNanoUsd: '0',
        updatedAt: row.updatedAt,
      },
      release: false,
      consumed: [],
      effects: claimed.map((effect) => ({ kind: 'claim' as const, row: effect })),
      requests: requests.filter((request) => request.seq <= length).map((request) => requestAt(request, records)),
      closed: [],
    },
  ])
  await settleEffects(store, claimed, records, {
    runId,
    seq: last.seq,
    head: last.hash,
    checkpointSeq: fold.checkpointSeq,
  })
  return store
}

/** A request as it stood: open until the record of its answer. */
function requestAt(request: PersonRequestRow, records: readonly RunRecord[]): PersonRequestRow {
  const answered = records.some(
    (record) =>
      (record.type === 'approval.decided' && record.approval_id === request.id) ||
      (record.type === 'response.received' && record.request_id === request.id) ||
      (record.type === 'request.answered' && record.request_id === request.id),
  )
  return answered ? request : { ...request, state: 'open', decidedBy: null, decidedAt: null }
}

function claimAt(effect: EffectRow, records: readonly RunRecord[]): EffectRow {
  const state = endOf(effect, records) === null ? 'open' : effect.state
  return { ...effect, state: state === 'succeeded' ? 'succeeded' : 'open', outcomeSeq: endOf(effect, records) }
}

function endOf(effect: EffectRow, records: readonly RunRecord[]): number | null {
  return effect.outcomeSeq !== null && effect.outcomeSeq <= records.length ? effect.outcomeSeq : null
}

async function settleEffects(
  store: Store,
  claimed: readonly EffectRow[],
  records: readonly RunRecord[],
  at: { runId: string; seq: number; head: string; checkpointSeq: number },
): Promise<void> {
  const free = claimed.filter((effect) => endOf(effect, records) !== null && effect.state !== 'succeeded')
  const row = await store.run(ANA.tenant, at.runId)
  if (free.length === 0 || !row) return
  await store.commit([
    {
      tenant: ANA.tenant,
      runId: at.runId,
      epoch: 1,
      expectSeq: at.seq,
      records: [],
      seq: at.seq,
      head: at.head,
      row: { ...row, checkpointSeq: at.checkpointSeq },
      release: false,
      consumed: [],
      effects: free.map((effect) => ({
        kind: 'settle' as const,
        effectId: effect.effectId,
        state: 'failed' as const,
        outcomeSeq: effect.outcomeSeq,
      })),
      requests: [],
      closed: [],
    },
  ])
}

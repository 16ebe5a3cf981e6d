import { SignalboxError } from '../../base/errors.ts'
import type { AlertCommit, AlertCommitResult } from '../../contracts/alerts.ts'
import { FACTS_CURSOR, type FactBatch } from '../../contracts/facts.ts'
import type { OutboxCommit, OutboxCommitResult } from '../../contracts/outbox.ts'
import type { SwitchChange } from '../../contracts/switches.ts'
import type { CommitResult, RunCommit, Store } from '../../contracts/store.ts'

/**
 * A caller that does what ENGINE R11 asks after an answer was lost: read again, and find out whether it happened. Through
 * it a store that loses answers must behave as one that does not.
 */
export function rereadingStore(store: Store): Store {
  const twice = async <T>(call: () => Promise<T>): Promise<T> => {
    try {
      return await call()
    } catch (thrown) {
      if (!answerLost(thrown)) throw thrown
      return call()
    }
  }
  return {
    ...store,
    create: async (run) => {
      try {
        return await store.create(run)
      } catch (thrown) {
        if (!answerLost(thrown)) throw thrown
        const row = await store.run(run.tenant, run.runId)
        return row?.head === run.genesis.hash && row.requestId === run.requestId
          ? { status: 'created' }
          : store.create(run)
      }
    },
    commit: async (commits) => {
      try {
        return await store.commit(commits)
      } catch (thrown) {
        if (!answerLost(thrown)) throw thrown
        const results: CommitResult[] = []
        for (const commit of commits) results.push(await readAgain(store, commit))
        return results
      }
    },
    post: async (item) => {
      try {
        return await store.post(item)
      } catch (thrown) {
        if (!answerLost(thrown)) throw thrown
        const result = await store.post(item)
        return result.status === 'duplicate' ? { status: 'stored' } : result
      }
    },
    setLease: (row, expect) => leaseAgain(store, row, expect),
    commitSchedule: async (change) => {
      try {
        return await store.commitSchedule(change)
      } catch (thrown) {
        if (!answerLost(thrown)) throw thrown
        const { tenant, name, revision, updatedBy } = change.row
        const now = (await store.schedules(tenant)).find((each) => each.name === name)
        return now?.revision === revision && now.updatedBy === updatedBy ? 'committed' : store.commitSchedule(change)
      }
    },
    putKey: (tenant, subject, wrapped) => twice(() => store.putKey(tenant, subject, wrapped)),
    destroyKey: (tenant, subject, at) => twice(() => store.destroyKey(tenant, subject, at)),
    notify: (notices) => twice(() => store.notify(notices)),
    commitOutbox: (change) => outboxAgain(store, change),
    commitAlerts: (change) => alertsAgain(store, change),
    putLineageTerms: (rows) => twice(() => store.putLineageTerms(rows)),
    putLineageFindings: (rows) => twice(() => store.putLineageFindings(rows)),
    addFacts: (batch) => factsAgain(store, batch),
    clearFacts: () => twice(() => store.clearFacts()),
    commitSwitch: (change) => switchAgain(store, change),
    putSwitchWorker: (row) => twice(() => store.putSwitchWorker(row)),
    setCursor: (name, position) => twice(() => store.setCursor(name, position)),
    putDefinition: (signature, text) => twice(() => store.putDefinition(signature, text)),
    heartbeat: (worker, held, until) => twice(() => store.heartbeat(worker, held, until)),
  }
}

async function outboxAgain(store: Store, change: OutboxCommit): Promise<OutboxCommitResult> {
  try {
    return await store.commitOutbox(change)
  } catch (thrown) {
    if (!answerLost(thrown)) throw thrown
    const result = await store.commitOutbox(change)
    // What is there already was stored by the first call.
    return result === 'changed' ? 'committed' : result
  }
}

async function alertsAgain(store: Store, change: AlertCommit): Promise<AlertCommitResult> {
  try {
    return await store.commitAlerts(change)
  } catch (thrown) {
    if (!answerLost(thrown)) throw thrown
    const result = await store.commitAlerts(change)
    // What is there already was stored by the first call.
    return result === 'changed' ? 'committed' : result
  }
}

async function factsAgain(store: Store, batch: FactBatch): Promise<boolean> {
  try {
    return await store.addFacts(batch)
  } catch (thrown) {
    if (!answerLost(thrown)) throw thrown
    return (await store.cursor(FACTS_CURSOR)) === batch.to || (await store.addFacts(batch))
  }
}

async function switchAgain(store: Store, change: SwitchChange): Promise<number | null> {
  try {
    return await store.commitSwitch(change)
  } catch (thrown) {
    if (!answerLost(thrown)) throw thrown
    const { tenant, seq, hash } = change.event
    const now = (await store.switchEvents(tenant)).find((each) => each.seq === seq)
    return now?.hash === hash ? now.position : switchAgain(store, change)
  }
}

async function leaseAgain(store: Store, ...call: Parameters<Store['setLease']>): Promise<boolean> {
  const [row] = call
  try {
    return await store.setLease(...call)
  } catch (thrown) {
    if (!answerLost(thrown)) throw thrown
    const now = await store.lease(row.name)
    if (now.owner === row.owner && now.epoch === row.epoch && now.beat === row.beat) return true
    return leaseAgain(store, ...call)
  }
}

function answerLost(thrown: unknown): boolean {
  return (
    thrown instanceof SignalboxError &&
    thrown.code === 'STORE_UNAVAILABLE' &&
    thrown.message.startsWith('planned fault')
  )
}

async function readAgain(store: Store, commit: RunCommit): Promise<CommitResult> {
  const row = await store.run(commit.tenant, commit.runId)
  if (row && row.seq === commit.seq && row.head === commit.head && row.epoch === commit.epoch) {
    // A release without records does not move the head: the lease tells.
    if (commit.records.length > 0 || (commit.release && row.leaseOwner === null)) return { status: 'committed' }
  }
  const [result] = await store.commit([commit])
  if (!result) throw new SignalboxError('INTERNAL', 'a commit gave no result')
  return result
}

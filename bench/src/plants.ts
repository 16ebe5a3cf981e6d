/** Faults that are put in on purpose, to show that the benchmark's own checks find them (Invariant 17). */
import { type RunCommit, type Store, systemHost } from 'signalbox'
import { openFaultySqliteStore } from 'signalbox/testing'
import { honestStore, type OpenStore } from './box.ts'

/** Commits are not flushed. Seen by counting flushes from outside the process. */
export const withoutFlush: OpenStore = (path) =>
  openFaultySqliteStore({ path, host: systemHost }, { unsafeSyncOff: true })

/** Commits after a run's third superstep are acknowledged and not stored. */
export const acknowledgesOnly: OpenStore = async (path) => {
  const store = await honestStore(path)
  const late = (commit: RunCommit): boolean => commit.row.superstep > 3
  return withCommit(store, async (commits) => {
    const stored = (await store.commit(commits.filter((commit) => !late(commit)))).values()
    return commits.map((commit) =>
      late(commit) ? { status: 'committed' } : (stored.next().value ?? { status: 'fenced' }),
    )
  })
}

/** Each record drags along as many bytes as the run has stored so far: a checkpoint that holds its whole history. */
export const historySized: OpenStore = async (path) => {
  const store = await honestStore(path)
  const stored = new Map<string, number>()
  const grown = (commit: RunCommit): RunCommit => ({
    ...commit,
    records: commit.records.map((record) => {
      if (record.type !== 'position.saved') return record
      const before = stored.get(commit.runId) ?? 0
      stored.set(commit.runId, before + record.body.length + (record.sealed?.length ?? 0))
      return { ...record, sealed: Buffer.concat([record.sealed ?? Buffer.alloc(0), Buffer.alloc(before)]) }
    }),
  })
  return withCommit(store, (commits) => store.commit(commits.map(grown)))
}

/** Where a run's last checkpoint lies is forgotten: to go on, all that ever happened in it is read. */
export const readsHistory: OpenStore = async (path) => {
  const store = await honestStore(path)
  return withMethod(store, 'claim', async (request) =>
    (await store.claim(request)).map((row) => ({ ...row, checkpointSeq: 1 })),
  )
}

/** The store with another `commit`. */
function withCommit(store: Store, commit: Store['commit']): Store {
  return withMethod(store, 'commit', commit)
}

/** The store with one method put in the place of its own. */
function withMethod<N extends 'commit' | 'claim'>(store: Store, replaced: N, method: Store[N]): Store {
  return new Proxy(store, {
    get: (target, name) => {
      if (name === replaced) return method
      const value: unknown = Reflect.get(target, name)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

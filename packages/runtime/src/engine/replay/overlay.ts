import { SignalboxError } from '../../base/errors.ts'
import type { Store, StoredRecord } from '../../contracts/store.ts'

const READS: ReadonlySet<string> = new Set([
  'version',
  'capabilities',
  'run',
  'runs',
  'records',
  'definition',
  'effect',
  'effects',
  'runEffects',
  'switchBook',
  'key',
  'keys',
  'tenants',
  'forks',
])

/**
 * A store as the replay of one stretch sees it: reads what is on record, and keeps what the replayed run would commit to
 * itself. Everything else that could change the store is refused.
 */
export function overlayStore(inner: Store): Store {
  const kept = new Map<number, StoredRecord>()
  const own: Partial<Store> = {
    commit: (commits) => {
      for (const commit of commits) for (const record of commit.records) kept.set(record.seq, record)
      return Promise.resolve(commits.map(() => ({ status: 'committed' as const })))
    },
    recordsAt: async (tenant, runId, seqs) => {
      const ours = seqs.flatMap((seq) => kept.get(seq) ?? [])
      return ours.length === seqs.length ? ours : inner.recordsAt(tenant, runId, seqs)
    },
    putDefinition: () => Promise.resolve(),
    inbox: () => Promise.resolve([]),
  }
  return new Proxy(inner, {
    get: (target, name) => {
      if (Object.hasOwn(own, name)) return own[name as keyof Store]
      if (typeof name === 'string' && !READS.has(name)) return () => refuse(name)
      const value: unknown = Reflect.get(target, name)
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
}

function refuse(name: string): never {
  throw new SignalboxError('INTERNAL', `a replay writes nothing, and \`${name}\` of the store was called`)
}

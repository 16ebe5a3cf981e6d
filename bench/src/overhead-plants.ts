/** Engines whose telemetry is measured, and faults in it that the measurement has to find (Invariant 17). */
import { projectRecords, type RunRecord, type Store } from 'signalbox'

/** Without telemetry, with all of it, and with each planted fault. */
export type EngineKind = 'none' | 'full' | 'projects_ten_times' | 'loses_outcomes'

/** The store as the exporter of each kind of engine reads it. */
export const exporterStores: Readonly<Record<EngineKind, (store: Store) => Store>> = {
  none: (store) => store,
  full: (store) => store,
  projects_ten_times: (store) =>
    withExport(store, (records) => {
      // The store gives back what the engine wrote.
      for (const { body } of records) for (let i = 0; i < 10; i++) projectRecords(null, [JSON.parse(body) as RunRecord])
      return records
    }),
  loses_outcomes: (store) =>
    withExport(store, (records) => {
      const last = records.at(-1)
      return records.filter((record) => record === last || record.type !== 'activity.outcome')
    }),
}

type Exported = Awaited<ReturnType<Store['export']>>

function withExport(store: Store, change: (records: Exported) => Exported): Store {
  return new Proxy(store, {
    get: (target, name) => {
      if (name === 'export') return async (after: number, limit: number) => change(await target.export(after, limit))
      const value: unknown = Reflect.get(target, name)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

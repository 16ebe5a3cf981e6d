import {
  type ErasureParts,
  type ErasurePlan,
  type ErasureReport,
  eraseSubject,
  type Host,
  loadAuditKey,
  type Mode,
  type Principal,
  planErasure,
  reapplyErasures,
  type SigningKey,
  type Store,
  signingKey,
} from 'signalbox'
import type { EnvValues } from '../project.ts'
import { addErasure, erasureLogPath, readErasureLog, unloggedErasures, unloggedText } from './log.ts'

/** Erases persons of a store, on record in the log outside of it. */
export interface ErasureService {
  plan(tenant: string, subject: string): Promise<ErasurePlan>
  erase(order: { subject: string; reason: string; by: Principal }): Promise<ErasureReport>
  /** Erases again who came back with an older copy of the store; the number of persons. */
  reapply(): Promise<number>
  /** A sentence when erased persons of the store are not in the log; null when all are. */
  missingLog(): Promise<string | null>
}

/** Where the log is, and what signs it. */
export interface ErasurePlace extends ErasureParts {
  readonly dataDir: string
  readonly env: EnvValues
  readonly mode: Mode
}

/** The service of a data folder. The audit key is loaded when an erasure is signed: KEY_MISSING comes then. */
export function erasureService(place: ErasurePlace): ErasureService {
  const { dataDir, env, mode, host } = place
  const path = erasureLogPath(dataDir, env)
  const key = (): SigningKey => signingKey(loadAuditKey({ dir: dataDir, env, mode, host }))
  return {
    plan: (tenant, subject) => planErasure(place, { tenant, subject }),
    erase: ({ subject, reason, by }) =>
      eraseSubject(place, {
        tenant: by.tenant,
        subject,
        reason,
        by,
        announce: async (erasure) => addErasure(path, { ...erasure, atMs: host.now() }, key()),
      }),
    missingLog: async () => {
      const count = await unloggedErasures(place.store, readErasureLog(path))
      return count === 0 ? null : unloggedText(count, path)
    },
    reapply: async () => {
      const { erasures } = readErasureLog(path)
      return erasures.length === 0 ? 0 : reapplyErasures(place, erasures)
    },
  }
}

/** Erases again, by the log of a data folder, who came into a store with older data; needs no key. The number of persons. */
export async function erasedByLog(store: Store, host: Host, dataDir: string, env: EnvValues): Promise<number> {
  const { erasures } = readErasureLog(erasureLogPath(dataDir, env))
  const destroySubject = (tenant: string, subject: string): Promise<void> =>
    store.destroyKey(tenant, subject, host.now())
  return await reapplyErasures({ store, host, vault: { destroySubject } }, erasures)
}

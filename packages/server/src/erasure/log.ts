/** The log of erased persons as a file outside the database: lines are added and never changed. */
import { join } from 'node:path'
import { type ErasureLog, erasureLine, readErasures, type SigningKey, type Store } from 'signalbox'
import type { EnvValues } from '../project.ts'
import { addSigned, logText } from '../signed-log.ts'

/** The log's file: `SIGNALBOX_ERASURE_LOG`, else `erasures.ndjson` in the data folder. */
export function erasureLogPath(dataDir: string, env: EnvValues): string {
  const given = env.SIGNALBOX_ERASURE_LOG
  return given === undefined || given === '' ? join(dataDir, 'erasures.ndjson') : given
}

/** Reads the log; empty when there is none. */
export function readErasureLog(path: string): ErasureLog {
  return readErasures(logText(path))
}

/**
 * Persons whose key was destroyed in the store and of whom the log has no line: it is not the log of this store, as after a
 * copy was brought back without it. A log that is lost beside a copy from before every erasure cannot be noticed.
 */
export async function unloggedErasures(
  store: Pick<Store, 'keys' | 'tenants'>,
  { erasures }: Pick<ErasureLog, 'erasures'>,
): Promise<number> {
  let missing = 0
  for (const tenant of await store.tenants()) {
    const destroyed = (await store.keys(tenant)).filter((key) => key.destroyedAt !== null).length
    missing += Math.max(0, destroyed - erasures.filter((erasure) => erasure.tenant === tenant).length)
  }
  return missing
}

/** What is said of it. */
export function unloggedText(count: number, path: string): string {
  return `${count} erased persons of this store are not in the log of erasures \`${path}\`: bring the log that belongs to the store, or whoever was erased after the copy was made stays in it`
}

/** Adds an erasure, durable when it returns. Throws AUDIT_FAILED over a log that is not sound, and the codes of `ioError`. */
export function addErasure(path: string, erasure: Parameters<typeof erasureLine>[1], key: SigningKey): void {
  addSigned(path, readErasures, 'nobody is erased', (log) => erasureLine(log, erasure, key))
}

/** The desk as the demo's processes open it: one SQLite file and one key in one folder. */
import { join } from 'node:path'
import { loadMasterKey, openSqliteStore, type Signalbox, systemHost } from 'signalbox'
import { openDesk } from './desk.ts'
import { ENVIRONMENT_ACCESS } from './tools/index.ts'

/** Opens the desk in a folder. A lost payment call is given up after three seconds, so that the demo stays short. */
export async function openDemoDesk(folder: string): Promise<Signalbox> {
  const host = systemHost
  const store = await openSqliteStore({ path: join(folder, 'signalbox.db'), host })
  const masterKey = loadMasterKey({ dir: folder, env: process.env, mode: 'development', host })
  return openDesk({ store, masterKey, access: { ...ENVIRONMENT_ACCESS, timeoutSeconds: 3 } })
}

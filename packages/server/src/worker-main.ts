/** Entry of a worker process: opens the data folder with the project and advances runs until it is told to stop. */
import { join } from 'node:path'
import {
  localStops,
  openSqliteStore,
  type SqliteStoreOptions,
  type Store,
  type StreamItem,
  systemHost,
  toSignalboxError,
} from 'signalbox'
import { compose, STOP_FILE } from './dev/compose.ts'
import { ALIVE_EVERY_MS, type FromWorker, type WorkerStart } from './dev/ipc.ts'
import { type StoreFaultNote, watchedStore } from './health/watched-store.ts'
import { keepWorkerPolicy } from './policy/follow.ts'
import { loadProject } from './project.ts'

const tell = (message: FromWorker): void => {
  // Nobody listens when the server is gone; the store has everything that counts.
  if (process.connected) process.send?.(message, () => undefined)
}

const TELL_AGAIN_MS = 2_000

/** Passes trouble on, each code every two seconds: a full disk would be told with every look at the store. */
function troubleTeller(): (note: StoreFaultNote) => void {
  const last = new Map<string, number>()
  return ({ code, detail }) => {
    const now = systemHost.monotonicMs()
    if (now - (last.get(code) ?? Number.NEGATIVE_INFINITY) < TELL_AGAIN_MS) return
    last.set(code, now)
    tell({ type: 'trouble', code, message: detail })
  }
}

function noteOf(thrown: Error): StoreFaultNote {
  const { code, message } = toSignalboxError(thrown)
  // The text of an unexpected fault may hold content.
  return { code, detail: code === 'INTERNAL' ? `an unexpected fault (${thrown.name})` : message }
}

/** Deltas on their way to the server process; what does not fit is left out, and the gap shows in their offsets. */
const MAX_ON_THE_WAY = 1_000

/** Passes deltas on as long as the server process takes them: a busy one must not make this process grow. */
function deltaTeller(): (item: StreamItem) => void {
  let onTheWay = 0
  return (item) => {
    if (item.kind === 'record' || !process.connected) return
    if (item.kind === 'delta' && onTheWay >= MAX_ON_THE_WAY) return
    onTheWay += 1
    const message: FromWorker = { type: 'delta', item }
    process.send?.(message, () => {
      onTheWay -= 1
    })
  }
}

async function main(): Promise<void> {
  // Written by the server process for exactly this entry.
  const start = JSON.parse(process.argv[2] ?? '') as WorkerStart
  const project = await loadProject(start.configPath)
  const trouble = troubleTeller()
  const openStore = async (options: SqliteStoreOptions): Promise<Store> =>
    watchedStore(await openSqliteStore(options), systemHost, trouble)
  const stops = localStops({ path: join(start.dataDir, STOP_FILE) })
  const composed = await compose(project, start.dataDir, systemHost, process.env, { openStore, stops, part: 'member' })
  process.on('SIGUSR2', () => stops.stopAll('stopped by SIGUSR2', systemHost.now()))
  // Tools of this process shall not find in the environment what was declared for one of them.
  for (const name of composed.credentials.variables()) delete process.env[name]
  composed.signalbox.onItem(deltaTeller())
  const handle = composed.signalbox.work({
    worker: start.name,
    concurrency: start.concurrency,
    onTrouble: (thrown) => trouble(noteOf(thrown)),
  })
  const keeper = await keepWorkerPolicy(composed, start.name, trouble)
  let stopping = false
  const stop = async (): Promise<void> => {
    if (stopping) return
    stopping = true
    await handle.stop(start.drainMs)
    await keeper.close()
    await composed.close()
    process.exit(0)
  }
  process.on('message', () => void stop())
  process.on('disconnect', () => void stop())
  process.on('SIGTERM', () => void stop())
  // A terminal sends Ctrl-C to every process of its group: the server alone acts on it, and tells its workers.
  process.on('SIGINT', () => undefined)
  tell({ type: 'ready' })
  giveSignsOfLife()
}

/** A tool that keeps this process busy keeps it silent too: the server process notices, and ends it. */
function giveSignsOfLife(): void {
  tell({ type: 'alive' })
  systemHost.after(ALIVE_EVERY_MS, giveSignsOfLife)
}

main().catch((thrown: unknown) => {
  const error = toSignalboxError(thrown)
  tell({ type: 'failed', code: error.code, message: error.message })
  process.exitCode = error.exitCode
  if (process.connected) process.disconnect()
})

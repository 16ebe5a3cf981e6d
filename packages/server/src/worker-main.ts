/** Entry of a worker process: opens the data folder with the project and advances runs until it is told to stop. */
import { systemHost, toSignalboxError } from 'signalbox'
import { compose } from './dev/compose.ts'
import type { FromWorker, WorkerStart } from './dev/ipc.ts'
import { loadProject } from './project.ts'

const tell = (message: FromWorker): void => {
  // Nobody listens when the server is gone; the store has everything that counts.
  if (process.connected) process.send?.(message, () => undefined)
}

async function main(): Promise<void> {
  // Written by the server process for exactly this entry.
  const start = JSON.parse(process.argv[2] ?? '') as WorkerStart
  const project = await loadProject(start.configPath)
  const composed = await compose(project, start.dataDir, systemHost, process.env)
  composed.signalbox.onItem((item) => {
    if (item.kind !== 'record') tell({ type: 'delta', item })
  })
  const handle = composed.signalbox.work({ worker: start.name, concurrency: start.concurrency })
  let stopping = false
  const stop = async (): Promise<void> => {
    if (stopping) return
    stopping = true
    await handle.stop()
    await composed.close()
    process.exit(0)
  }
  process.on('message', () => void stop())
  process.on('disconnect', () => void stop())
  process.on('SIGTERM', () => void stop())
  // A terminal sends Ctrl-C to every process of its group: the server alone acts on it, and tells its workers.
  process.on('SIGINT', () => undefined)
  tell({ type: 'ready' })
}

main().catch((thrown: unknown) => {
  const error = toSignalboxError(thrown)
  tell({ type: 'failed', code: error.code, message: error.message })
  process.exitCode = error.exitCode
  if (process.connected) process.disconnect()
})

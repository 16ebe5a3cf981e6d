/**
 * A worker of the demo, in a process of its own: opens the store in the folder that it is given and advances runs until
 * it is told to stop or killed. Says `ready` to the process that forked it, and ends with it.
 *
 *   node demo-worker.ts FOLDER NAME
 */
import { keepAlive } from 'signalbox'
import { openDemoDesk } from './demo-desk.ts'

const [folder = '', worker = ''] = process.argv.slice(2)
const signalbox = await openDemoDesk(folder)
const release = keepAlive()
const handle = signalbox.work({ worker, leaseMs: 3_000, pollMs: 50 })
const end = async (): Promise<void> => {
  await handle.stop()
  await signalbox.close()
  release()
  process.exit(0)
}
process.on('SIGTERM', () => void end())
// Ctrl-C goes to every process of the terminal; the demo itself ends its workers.
process.on('SIGINT', () => {})
process.on('disconnect', () => process.exit(1))
process.send?.('ready')

/** A fresh process that restores one run: `node cold.ts <file> <run> <seq>`. Tells its parent how long it took. */
import { keepAlive } from 'signalbox'
import { honestStore } from './box.ts'
import { RestoreBox } from './restore-box.ts'

/** Milliseconds of a cold restore. */
export interface Cold {
  /** From the start of the process until its code was loaded. */
  readonly loading: number
  /** From there until the run's node began with the restored state: opening file and keys, restoring, claiming. */
  readonly restored: number
}

const [path = '', runId = '', seq = '1'] = process.argv.slice(2)
const release = keepAlive()
const loading = performance.now()
const box = new RestoreBox(await honestStore(path))
const worker = box.box.work()
await box.restore(runId, Number(seq))
const cold: Cold = { loading, restored: box.begunAt - loading }
process.send?.(cold)
await worker.stop()
await box.box.close()
release()

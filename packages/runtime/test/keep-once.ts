/**
 * A process that keeps house once and dies by SIGKILL at a chosen write: `node keep-once.ts <what> <path> <point> <n> [file]`.
 * `before` is before the n-th write of its kind, `after` is after it was acknowledged.
 */
import { systemHost } from '../src/base/host.ts'
import type { Store } from '../src/contracts/store.ts'
import { importRuns } from '../src/keeping/import.ts'
import { applyRetention } from '../src/keeping/retention.ts'
import { readRetention } from '../src/reliability/retention.ts'
import { openSqliteStore } from '../src/stores/index.ts'
import { overrideStore } from '../src/testing/planted-faults.ts'

const [what = '', path = '', point = '', at = '1', file = ''] = process.argv.slice(2)
const store = await openSqliteStore({ path, host: systemHost })
let writes = 0

/** Dies around the chosen write. */
async function around<T>(write: () => Promise<T>): Promise<T> {
  writes++
  if (point === 'before' && writes === Number(at)) process.kill(process.pid, 'SIGKILL')
  const result = await write()
  if (point === 'after' && writes === Number(at)) process.kill(process.pid, 'SIGKILL')
  return result
}

const watched: Store = overrideStore(store, {
  commit: (commits) => around(() => store.commit(commits)),
  adopt: (run) => around(() => store.adopt(run)),
})
const MONTH = 31 * 86_400_000
if (what === 'prune') {
  const host = { ...systemHost, now: () => systemHost.now() + MONTH }
  await applyRetention(watched, readRetention([{ olderThanDays: 30, keep: 'nothing' }]), host, { batch: 2 })
} else await importRuns({ store: watched, path: file, resume: true })
await store.close()
console.log('done')

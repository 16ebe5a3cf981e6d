/**
 * A worker process of the kill tests. Started with one JSON argument, it opens the desk and says `ready`; told `go` with
 * its orders, it advances runs. At a point that an order names it says so and ends itself with SIGKILL: nothing after
 * that point happens; or it stops there until it is let go on. It ends with the process that forked it.
 *
 *   node kill-worker.ts '{"folder": …, "worldUrl": …, "worker": …}'
 */
import { writeSync } from 'node:fs'
import { type FaultHook, keepAlive, type Store } from 'signalbox'
import { overrideStore } from 'signalbox/testing'
import type { KillOrder, WorkerStart, WorkerTold } from './kill-orders.ts'
import { LEASE_MS, openKillDesk } from './kill-desk.ts'

// The argument comes from kill-drive.ts, which makes it as this type.
const start = JSON.parse(process.argv[2] ?? '{}') as WorkerStart
const hits = new Map<string, number>()
let orders: readonly KillOrder[] = []

const fault: FaultHook = (point, info) => {
  for (const order of orders) {
    if (order.point !== point || order.runId !== info.runId || !info.name.startsWith(order.name)) continue
    const hit = (hits.get(order.id) ?? 0) + 1
    hits.set(order.id, hit)
    if (hit !== order.nth) continue
    if (order.signal === 'SIGSTOP') {
      say(`stopped ${order.id}`)
      process.kill(process.pid, 'SIGSTOP')
      // Somebody has let it go on: as if it had only been slow.
      return undefined
    }
    say(`killed ${order.id}`)
    process.kill(process.pid, 'SIGKILL')
    return new Promise(() => undefined)
  }
  return undefined
}

function say(line: string): void {
  writeSync(1, `${line}\n`)
}

/** Tells each batch of commits that the store has acknowledged, by runs and sequences. */
function acknowledging(store: Store): Store {
  return overrideStore(store, {
    commit: async (commits) => {
      const results = await store.commit(commits)
      const committed = commits.filter((_, i) => results[i]?.status === 'committed')
      if (committed.length > 0) say(`ack ${committed.map((each) => `${each.runId}:${each.seq}`).join(' ')}`)
      return results
    },
  })
}

const desk = await openKillDesk({
  folder: start.folder,
  worldUrl: start.worldUrl,
  planted: start.planted ?? null,
  syncOff: start.syncOff ?? false,
  fault,
  ...(start.tellCommits ? { wrap: acknowledging } : {}),
})
const release = keepAlive()
process.on('disconnect', () => process.exit(1))
process.on('message', (told: WorkerTold) => {
  orders = told.orders
  const handle = desk.work({
    worker: start.worker,
    leaseMs: LEASE_MS,
    pollMs: 30,
    // Few at a time, so that the times above hold on a busy machine.
    concurrency: 6,
    onTrouble: (error) => console.error(`${start.worker}: ${error.message}`),
  })
  process.once('SIGTERM', async () => {
    await handle.stop()
    await desk.close()
    release()
    process.exit(0)
  })
})
say('ready')

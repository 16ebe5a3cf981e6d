/**
 * A worker process of a drill. Started with one JSON argument, it opens the drill's data folder and says `ready`; told to
 * go with its orders, it advances runs. At a point that an order names it says so and ends itself with SIGKILL: nothing
 * after that point happens; or it stops there until it is let go on. It ends with the process that forked it.
 */
import { writeSync } from 'node:fs'
import { type FaultHook, keepAlive, openSqliteStore, type SqliteStoreOptions, type Store, systemHost } from 'signalbox'
import { openFaultySqliteStore, overrideStore, plantFault } from 'signalbox/testing'
import { compose } from './dev/compose.ts'
import { drilledSwitches } from './drill/switch-seams.ts'
import { chosenDrills } from './drill/choose.ts'
import {
  type DrillWorkerStart,
  type DrillWorkerTold,
  type KillOrder,
  type KillPoint,
  LEASE_MS,
  PLANTED_LEASE_MS,
} from './drill/orders.ts'
import { loadProject } from './project.ts'

// Written by the drill for exactly this entry.
const start = JSON.parse(process.argv[2] ?? '{}') as DrillWorkerStart
const hits = new Map<string, number>()
let orders: readonly KillOrder[] = []

function say(line: string): void {
  writeSync(1, `${line}\n`)
}

/** Ends or stops this process when an order says so. */
function reach(point: KillPoint, runId: string, name: string): Promise<void> | undefined {
  if (start.observe) say(`point ${runId} ${point} ${name}`)
  for (const order of orders) {
    if (order.point !== point || !isNamed(order, name)) continue
    if (order.runId !== null && order.runId !== runId) continue
    const hit = (hits.get(order.id) ?? 0) + 1
    hits.set(order.id, hit)
    if (hit !== order.nth) continue
    if (order.signal === 'SIGSTOP') {
      say(`stopped ${order.id}`)
      process.kill(process.pid, 'SIGSTOP')
      // Somebody has let it go on: as if it had only been slow.
      return undefined
    }
    say(`killed ${systemHost.now()} ${order.id}`)
    process.kill(process.pid, 'SIGKILL')
    return new Promise(() => undefined)
  }
  return undefined
}

function isNamed(order: KillOrder, name: string): boolean {
  return order.exact ? order.name === name : name.startsWith(order.name)
}

/** The tool of each run whose call was handed over last, for the answers that come to it. */
const sending = new Map<string, string>()

const fault: FaultHook = (point, { runId, name }) => {
  if (point === 'sent') sending.set(runId, name)
  if (point === 'answered') sending.delete(runId)
  return reach(point, runId, name)
}

/** The platform's fetch, with a place to die once the outside system has answered. */
const answeringFetch: typeof fetch = async (input, init) => {
  const request = new Request(input, init)
  const answer = await fetch(request)
  const runId = request.headers.get('x-signalbox-run-id') ?? ''
  const tool = sending.get(runId)
  if (tool !== undefined && !['GET', 'HEAD'].includes(request.method)) await reach('answer_lost', runId, tool)
  return answer
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

async function openStore(options: SqliteStoreOptions): Promise<Store> {
  const { planted = null } = start
  const opened =
    planted === 'sync_off'
      ? await openFaultySqliteStore(options, { unsafeSyncOff: true })
      : await openSqliteStore(options)
  // A dropped event is planted in the file, by the process that made it.
  const store =
    planted === null || planted === 'sync_off' || planted === 'event_dropped' ? opened : plantFault(opened, planted)
  return start.tellCommits ? acknowledging(store) : store
}

const switches = drilledSwitches(start.switches ?? null, systemHost)
const loaded = await loadProject(start.configPath)
const project = start.switches
  ? { ...loaded, switches: { ...loaded.switches, leaseSeconds: start.switches.leaseSeconds } }
  : loaded
const [drill] = chosenDrills(project, start.workflow)
const { signalbox } = await compose(project, start.dataDir, switches.host, process.env, {
  openStore: async (options) => switches.store(await openStore(options)),
  fault,
  fetch: answeringFetch,
  ...(drill?.models ? { models: drill.models } : {}),
})
const release = keepAlive()
process.on('disconnect', () => process.exit(1))
function work(): void {
  const handle = signalbox.work({
    worker: start.worker,
    // A worker that does not see time pass keeps its runs: its fault must show in what it sends.
    leaseMs: start.switches?.fault ? PLANTED_LEASE_MS : LEASE_MS,
    pollMs: 30,
    concurrency: start.concurrency ?? 6,
    onTrouble: (error) => process.stderr.write(`${start.worker}: ${error.message}\n`),
  })
  process.once('SIGTERM', async () => {
    await handle.stop()
    await signalbox.close()
    release()
    process.exit(0)
  })
}

let isWorking = false
process.on('message', async (told: DrillWorkerTold) => {
  if ('switches' in told) {
    await switches.tell(told.switches)
    say(told.switches)
    return
  }
  orders = told.orders
  if (!isWorking) work()
  isWorking = true
  say('told')
})
say('ready')

/** A runtime with its outside world in which incidents happen: one store, real runs, people, a service of its own. */
import {
  createSignalbox,
  type Host,
  type JsonObject,
  keyVault,
  openSqliteStore,
  type PolicyBundle,
  type Principal,
  type RunResult,
  type Signalbox,
  sleep,
  type Store,
  systemHost,
  type Vault,
  type WorkerHandle,
} from 'signalbox'
import { skewedHost, type SkewedHost } from 'signalbox/testing'
import { DESK, deskBundle, deskModels, type DeskVersion, deskWorkflows, type ModelCall, type Order } from './desk.ts'
import { type Outside, startOutside } from './outside.ts'

/** The tenant of the drill. */
export const TENANT = 'drill'

const person = (id: string, ...roles: string[]): Principal => ({
  id: `user:${id}`,
  kind: 'user',
  tenant: TENANT,
  roles,
})

/** People of the drill. */
export const PEOPLE = {
  ana: person('ana', 'requester'),
  ben: person('ben', 'requester', 'approver'),
  paul: person('paul', 'approver'),
  vera: person('vera', 'approver', 'treasury'),
  olga: person('olga', 'operator'),
  otto: person('otto', 'operator'),
} as const
/** Name of a person of the drill. */
export type PersonName = keyof typeof PEOPLE

/** What differs between two processes of the world. */
export interface BoxChanges {
  readonly version?: DeskVersion
  readonly policy?: PolicyBundle
}

/** What a run is started with beside its order. */
export interface Start {
  readonly reference?: string
  /** Name of the workflow. Default: the desk. */
  readonly workflow?: string
  /** Whom it is about. */
  readonly subject?: string
}

/** One process of the world. */
export interface Box {
  readonly box: Signalbox
  readonly worker: WorkerHandle
}

/** Key of the drill's contents, which hold nothing of anybody. */
export const MASTER_KEY = new Uint8Array(32).fill(7)

/** Real time after which a drill that waits has failed. */
const PATIENCE_MS = 20_000

/** The world of a drill. */
export class World {
  readonly store: Store
  readonly vault: Vault
  readonly host: SkewedHost
  readonly outside: Outside
  /** Calls of the clerk's model, as the model counted them. */
  readonly calls: ModelCall[] = []
  readonly policy = deskBundle()
  readonly loose = deskBundle(true)
  private readonly boxes: Box[] = []
  private invoices: number

  /** Path of the store's file. */
  readonly path: string

  private constructor(store: Store, path: string, host: SkewedHost, outside: Outside, firstInvoice: number) {
    this.invoices = firstInvoice
    this.store = store
    this.path = path
    this.host = host
    this.outside = outside
    this.vault = drillVault(store, host)
  }

  /**
   * Opens a world over the store of a file, which is made when there is none; closing the world closes it. Numbers of
   * invoices come after `firstInvoice`.
   */
  static async open(path: string, firstInvoice = 4_700): Promise<World> {
    const host = skewedHost()
    return new World(await openSqliteStore({ path, host }), path, host, await startOutside(), firstInvoice)
  }

  /** By how many milliseconds the clock of the drill is ahead. */
  readonly aheadMs = (): number => this.host.now() - systemHost.now()

  /** The runtime of another process on the same store, which works on nothing. */
  idle(changes: BoxChanges = {}): Signalbox {
    const { version = '1.0.0', policy = this.policy } = changes
    const { store, host, vault, outside } = this
    const models = deskModels((call) => this.calls.push(call))
    const workflows = deskWorkflows(outside, version)
    return createSignalbox({ store, host, vault, policy, models, workflows, mode: 'production' })
  }

  /** Another process on the same store, with a worker. */
  process(changes: BoxChanges = {}): Box {
    const box = this.idle(changes)
    // A machine that stalls for longer than a lease would charge calls in full, which no planter could know.
    const made = { box, worker: box.work({ pollMs: 5, leaseMs: 300_000 }) }
    this.boxes.push(made)
    return made
  }

  /** Does something with a process, then stops its worker. */
  async during<T>(changes: BoxChanges, act: (box: Signalbox) => Promise<T>): Promise<T> {
    const { box, worker } = this.process(changes)
    try {
      return await act(box)
    } finally {
      await worker.stop()
    }
  }

  /** A number of an invoice that no other run has. */
  invoice(): string {
    this.invoices += 1
    return `INV-${this.invoices}`
  }

  /** Starts a run of the desk for somebody; its reference is the number of its invoice unless told otherwise. */
  async start(box: Signalbox, order: Order, by: PersonName = 'ana', more: Start = {}): Promise<string> {
    const { reference = order.invoice, subject, workflow = DESK } = more
    const input: JsonObject = { ...order }
    const about = subject === undefined ? {} : { subject }
    const request = { workflow, input, principal: PEOPLE[by], requestId: reference, ...about }
    return (await box.runs.start(request)).runId
  }

  /** Waits until a run ends or waits for somebody. */
  settled(box: Signalbox, runId: string): Promise<RunResult> {
    return this.patiently((signal) => box.runs.wait(TENANT, runId, { untilWaiting: true, signal }))
  }

  /** Waits until a run has ended. */
  ended(box: Signalbox, runId: string): Promise<RunResult> {
    return this.patiently((signal) => box.runs.wait(TENANT, runId, { signal }))
  }

  private async patiently<T>(wait: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const ending = new AbortController()
    const cancel = systemHost.after(PATIENCE_MS, () => ending.abort())
    try {
      return await wait(ending.signal)
    } finally {
      cancel()
    }
  }

  /** The open request of a run to people, when it waits for one. */
  async asked(box: Signalbox, runId: string): Promise<string> {
    await this.settled(box, runId)
    const [open] = await box.runs.requests({ tenant: TENANT, runId, state: 'open', limit: 1 })
    if (!open) throw new Error(`run ${runId} asks nobody`)
    return open.id
  }

  /** Waits until `look` gives something. */
  async until<T>(what: string, look: () => Promise<T | null>): Promise<T> {
    const limit = systemHost.monotonicMs() + PATIENCE_MS
    for (;;) {
      const found = await look()
      if (found !== null) return found
      if (systemHost.monotonicMs() > limit) throw new Error(`${what} did not come in time`)
      await sleep(systemHost, 5)
    }
  }

  /** Waits until a run has ended, and passes the times for which it waits by itself. */
  async endedInTime(box: Signalbox, runId: string): Promise<void> {
    await this.until('the end', async () => {
      const { status, wakeAt } = await box.runs.get(TENANT, runId)
      const ahead = status === 'waiting' && wakeAt !== null ? wakeAt - this.host.now() : 0
      if (ahead > 0) await this.host.advance(ahead + 1)
      return status === 'completed' ? true : null
    })
  }

  /** Stops all workers and the service, and closes the store. */
  async close(): Promise<void> {
    await Promise.all(this.boxes.map(({ worker }) => worker.stop()))
    await this.outside.stop()
    await this.store.close()
  }
}

function drillVault(store: Store, host: Host): Vault {
  return keyVault({ store, host, masterKey: MASTER_KEY })
}

/** The desk in a process of its own, over the same store and service. */
export function workerParts(
  store: Store,
  host: Host,
  outside: Pick<Outside, 'url' | 'host'>,
  count: (call: ModelCall) => void,
): { readonly box: Signalbox; begin(order: Order): Promise<string> } {
  const vault = drillVault(store, host)
  const workflows = deskWorkflows(outside, '1.0.0')
  const models = deskModels(count)
  const box = createSignalbox({ store, host, vault, policy: deskBundle(), models, workflows, mode: 'production' })
  return {
    box,
    begin: async (order) =>
      (await box.runs.start({ workflow: DESK, input: { ...order }, principal: PEOPLE.ana, requestId: order.invoice }))
        .runId,
  }
}

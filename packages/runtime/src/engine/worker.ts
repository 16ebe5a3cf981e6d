import { type ErrorCode, toSignalboxError } from '../base/errors.ts'
import { sleep } from '../base/host.ts'
import { newId } from '../base/ids.ts'
import type { Place } from '../contracts/outlet.ts'
import type { SegmentStarted } from '../contracts/records.ts'
import type { WorkerHandle } from '../contracts/runtime.ts'
import type { ClaimRequest, RunRow } from '../contracts/store.ts'
import { advance } from './advance.ts'
import { claimKeys } from './definitions.ts'
import type { Env } from './env.ts'
import { drainInbox } from './inbox.ts'
import { type Deadline, deadlineIn } from './lease.ts'
import type { LiveRun } from './live-run.ts'
import { loadRun } from './load.ts'
import { recordLocalStops } from './switches/acts.ts'
import { stopBySwitch } from './switches/standing.ts'
import { QUARANTINE_AFTER, quarantine } from './quarantine.ts'

/** How a worker claims and keeps runs. */
export interface WorkerOptions {
  readonly worker?: string
  /** Runs in memory at once. Default 64. */
  readonly concurrency?: number
  /** How often to look for runs when nobody wakes this worker. Default 100. */
  readonly pollMs?: number
  /** A run whose worker is silent for this long is taken over. Default 15,000. */
  readonly leaseMs?: number
  /** A run of another version that nobody takes for this long is taken over, or parked (ENGINE R14). Default 10,000. */
  readonly adoptAfterMs?: number
  /** Claims without progress after which a run is set aside (ENGINE R15). Default 5. */
  readonly quarantineAfter?: number
  /** Called with a malfunction that has no run to be recorded in (the store does not answer). */
  readonly onTrouble?: (error: Error) => void
}

type Returned = NonNullable<ClaimRequest['returned']>[number]

/** Codes of a store that does not take or give anything just now. */
const TROUBLE: ReadonlySet<ErrorCode> = new Set(['STORE_FULL', 'STORE_READ_ONLY', 'STORE_UNAVAILABLE'])

interface Held {
  readonly run: LiveRun
}

/**
 * The local scheduler: claims runs from the store, advances them, keeps their leases, takes over those of dead workers
 * (ARCHITECTURE.md). Several may share a store: the claim raises the epoch, and a commit under an old one is refused.
 */
export class Worker implements WorkerHandle {
  /** By run and epoch: a run that this worker takes over from itself is another one. */
  private readonly held = new Map<string, Held>()
  /** Everything claimed and not ended, loading included. */
  private readonly taken = new Set<Promise<void>>()
  private readonly env: Env
  private readonly name: string
  private readonly concurrency: number
  private readonly pollMs: number
  private readonly leaseMs: number
  private readonly quarantineAfter: number
  private readonly adoptAfterMs: number
  /** Claims to be given back with the next one. */
  private returned: readonly Returned[] = []
  private readonly onTrouble: (error: Error) => void
  private stopping = false
  private wakeUp: (() => void) | null = null
  private woken = false
  private readonly unlisten: () => void
  private readonly unwatch: () => void
  private readonly ending = new AbortController()
  private loading = 0
  private seenSwitches = ''
  /** What this worker said last of the switches. */
  private told: { readonly version: number; readonly at: number } | null = null
  private readonly polling: Promise<void>
  private readonly beating: Promise<void>

  constructor(env: Env, options: WorkerOptions = {}) {
    this.env = env
    this.name = options.worker ?? newId(env.host, 'wrk')
    this.concurrency = options.concurrency ?? 64
    this.pollMs = options.pollMs ?? 100
    this.leaseMs = options.leaseMs ?? 15_000
    this.adoptAfterMs = options.adoptAfterMs ?? 10_000
    this.quarantineAfter = options.quarantineAfter ?? QUARANTINE_AFTER
    this.onTrouble = options.onTrouble ?? (() => undefined)
    this.unlisten = env.scheduler.serve(() => this.wake())
    this.unwatch = env.outlet.onUnmediated((place, host) => this.onUnmediated(place, host))
    this.polling = this.poll()
    this.beating = this.beat()
  }

  /**
   * Takes no new runs, lets each reach its next barrier or position for up to `graceMs`, and drops the rest safely. Every
   * lease is given up, so that another worker goes on at once.
   */
  async stop(graceMs = 10_000): Promise<void> {
    await this.takeNoMore()
    for (const { run } of this.held.values()) run.drain()
    await this.orAfter(Promise.all(this.taken), graceMs)
    const left = [...this.held.values()].map(({ run }) => run)
    await this.end()
    await this.giveUpLeases(left)
    await this.tellSwitches(true).catch((thrown: unknown) => this.onTrouble(toSignalboxError(thrown)))
  }

  /** Drops everything at once, as a process that dies does: the leases stay. For tests. */
  async drop(): Promise<void> {
    await this.takeNoMore()
    await this.end()
  }

  private async takeNoMore(): Promise<void> {
    this.stopping = true
    this.unlisten()
    this.wake()
    await this.polling
  }

  /** What is held still is dropped between two commits. */
  private async end(): Promise<void> {
    for (const { run } of this.held.values()) run.unload()
    await Promise.all(this.taken)
    this.ending.abort()
    await this.beating
    this.unwatch()
  }

  /** What was dropped commits nothing more; an effect under way is waited for by whoever takes the run (ENGINE R4). */
  private async giveUpLeases(runs: readonly LiveRun[]): Promise<void> {
    if (runs.length === 0) return
    const held = runs.map(({ tenant, runId, epoch }) => ({ tenant, runId, epoch }))
    try {
      await this.env.store.heartbeat(this.name, held, this.env.host.now())
    } catch (thrown) {
      // Then they run out by themselves.
      this.onTrouble(toSignalboxError(thrown, 'STORE_UNAVAILABLE'))
    }
  }

  /** Calls that went out beside the door are on record; production ends the run. */
  private onUnmediated(place: Place, host: string): void {
    const held = [...this.held.values()].find(({ run }) => run.runId === place.runId)
    if (!held || held.run.dead) return
    const { run } = held
    run.append({ type: 'unmediated.call' as const, activation: place.activation, where: place.where, host })
    if (this.env.mode !== 'production') return
    run.stopWith({
      kind: 'stop',
      end: 'stopped',
      reason: { kind: 'unmediated', code: 'UNMEDIATED_CALL', subject: host },
      by: null,
    })
    run.abort.abort()
  }

  private wake(): void {
    this.woken = true
    this.wakeUp?.()
  }

  private async poll(): Promise<void> {
    while (!this.stopping) {
      this.woken = false
      try {
        await this.lookAtSwitches()
        const lease = deadlineIn(this.env.host, this.leaseMs)
        for (const row of await this.claim(lease)) this.take(row, lease)
        for (const { run } of this.held.values()) if (!run.dead) await drainInbox(run)
      } catch (thrown) {
        this.onTrouble(toSignalboxError(thrown, 'STORE_UNAVAILABLE'))
      }
      if (!this.woken && !this.stopping) await this.nap()
    }
  }

  /** Reads the switches when it is time, acts on them, and says that it does: that is its acknowledgement. */
  private async lookAtSwitches(): Promise<void> {
    const { switches } = this.env
    if (!switches.isDue) return
    try {
      await switches.refresh()
      await recordLocalStops(this.env)
    } catch (thrown) {
      // Sends are held up from the end of the lease on; what stops runs here counts without the store.
      this.onTrouble(toSignalboxError(thrown, 'STORE_UNAVAILABLE'))
    }
    const isNew = this.seenSwitches !== switches.mark
    this.seenSwitches = switches.mark
    for (const { run } of this.held.values()) {
      stopBySwitch(run)
      if (isNew) run.waits.wakeAll(['switch'])
    }
    if (switches.isFresh) await this.tellSwitches(false)
  }

  /** Written when it has taken up something, and once a lease, so that the others see that it lives. */
  private async tellSwitches(ended: boolean): Promise<void> {
    const { host, store, switches } = this.env
    const { version, since, leaseMs } = switches
    const now = host.now()
    const { told } = this
    if (!ended && told && told.version === version && Math.abs(now - told.at) < leaseMs) return
    this.told = { version, at: now }
    await store.putSwitchWorker({ worker: this.name, seenAt: now, version, since, leaseMs, ended })
  }

  private nap(): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.env.host.after(this.pollMs, () => this.wakeUp?.())
      this.wakeUp = () => {
        this.wakeUp = null
        cancel()
        resolve()
      }
    })
  }

  private async claim(lease: Deadline): Promise<readonly RunRow[]> {
    const limit = this.concurrency - this.held.size - this.loading
    if (limit <= 0) return []
    const now = this.env.host.now()
    const { returned } = this
    const rows = await this.env.store.claim({
      worker: this.name,
      now,
      leaseUntil: lease.wallMs,
      limit,
      signatures: claimKeys(this.env),
      orphans: {
        workflows: [...this.env.workflows.values()].map((spec) => spec.name),
        quietSince: now - this.adoptAfterMs,
      },
      returned,
    })
    this.returned = this.returned.filter((one) => !returned.includes(one))
    return rows
  }

  /** Sets the run aside when it was claimed too often, else brings it to life. */
  private async open(row: RunRow, lease: Deadline): Promise<LiveRun | null> {
    if (row.attempts > this.quarantineAfter) {
      await quarantine(this.env, row, this.name)
      return null
    }
    try {
      return await loadRun(this.env, row, lease)
    } catch (thrown) {
      // The store's trouble says nothing about the run; what the run itself has counts against it.
      if (TROUBLE.has(toSignalboxError(thrown).code)) this.giveBack(row)
      throw thrown
    }
  }

  private giveBack({ tenant, runId, epoch }: Returned): void {
    this.returned = [...this.returned, { tenant, runId, epoch }]
  }

  private take(row: RunRow, lease: Deadline): void {
    const key = `${row.tenant}/${row.runId}/${row.epoch}`
    const why = whyClaimed(row)
    this.env.scheduler.cancel(row)
    this.loading += 1
    const started = this.open(row, lease).finally(() => {
      this.loading -= 1
    })
    const ended: Promise<void> = started
      .then(async (run) => {
        if (!run) return
        this.dropEarlier(run)
        this.held.set(key, { run })
        if (this.stopping) run.drain()
        await advance(run, this.name, why)
        if (run.isReturned) this.giveBack(run)
        if (run.trouble) this.onTrouble(run.trouble)
      })
      .catch((thrown: unknown) => this.onTrouble(toSignalboxError(thrown)))
      .finally(() => {
        this.held.delete(key)
        this.taken.delete(ended)
        this.wake()
      })
    this.taken.add(ended)
  }

  /** A lease of ours ran out and we claimed the run again: what the earlier epoch still does must not go on. */
  private dropEarlier(run: LiveRun): void {
    for (const held of this.held.values())
      if (held.run.runId === run.runId && held.run.tenant === run.tenant) held.run.unload()
  }

  /** How many runs are in memory. A run that waits is not (ENGINE R7). */
  get inMemory(): number {
    return this.held.size
  }

  /** Extends the leases well before they end; a run that is no longer ours is dropped at once (ENGINE R4). */
  private async beat(): Promise<void> {
    while (!this.ending.signal.aborted) {
      await sleep(this.env.host, this.leaseMs / 4, this.ending.signal)
      const runs = [...this.held.values()].map((held) => held.run).filter((run) => !run.dead)
      if (runs.length === 0) continue
      const lease = deadlineIn(this.env.host, this.leaseMs)
      try {
        const lost = new Set(
          await this.env.store.heartbeat(
            this.name,
            runs.map(({ tenant, runId, epoch }) => ({ tenant, runId, epoch })),
            lease.wallMs,
          ),
        )
        for (const run of runs) {
          if (lost.has(run.runId)) run.unload()
          else run.lease = lease
        }
      } catch (thrown) {
        // Leases run out while the store does not answer; sends are refused from then on.
        this.onTrouble(toSignalboxError(thrown, 'STORE_UNAVAILABLE'))
      }
    }
  }

  private orAfter(promise: Promise<unknown>, ms: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.env.host.after(ms, resolve)
      promise.then(() => {
        cancel()
        resolve()
      })
    })
  }
}

function whyClaimed(row: RunRow): SegmentStarted['why'] {
  if (row.status === 'queued') return row.seq === 1 ? 'start' : 'person'
  return row.status === 'running' || row.status === 'stopping' ? 'takeover' : 'wake'
}

import { SignalboxError, toSignalboxError } from '../../base/errors.ts'
import type { Host } from '../../base/host.ts'
import type { Store } from '../../contracts/store.ts'
import type { KillSwitch, LocalStops, SwitchBook } from '../../contracts/switches.ts'
import { type Deadline, deadlineIn, isPast } from '../lease.ts'
import type { TwoPersonLift } from '../../policy/index.ts'

/** How a process keeps the state of the kill switches. */
export interface SwitchSettings {
  /**
   * For how long a process acts on what it has read; at most so long after a switch was thrown something may still be
   * sent. Default 3.
   */
  readonly leaseSeconds?: number
  /** How often a worker reads them. Default: a twelfth of the lease. */
  readonly refreshMs?: number
  /** Which lifts take two persons. Default: none. */
  readonly twoPersonLift?: readonly TwoPersonLift[]
  /** Stops that come beside the store: a file, a signal. */
  readonly local?: LocalStops
}

const LEASE_SECONDS = 3
const READS_PER_LEASE = 12

interface Held {
  readonly book: SwitchBook
  /** Both clocks: a process that stood still, or whose clock was set back, trusts nothing that it read before. */
  readonly until: Deadline
  readonly readAt: number
  /** Since when it has had this version. */
  readonly since: number
}

/**
 * What this process knows of the kill switches. It is read again and again and trusted for a lease that begins before the
 * read: whatever is thrown is unknown here for no longer than that. Without a fresh reading nothing may be sent, so a
 * store that is away, a process that stood still and a clock that jumped all stop sends (ENGINE R4, invariant 2).
 */
export class SwitchBoard {
  readonly leaseMs: number
  readonly twoPersonLift: readonly TwoPersonLift[]
  private readonly refreshMs: number
  private readonly host: Host
  private readonly store: Store
  private readonly local: LocalStops | null
  private held: Held | null = null
  private reading: Promise<void> | null = null

  constructor(host: Host, store: Store, settings: SwitchSettings = {}) {
    const { leaseSeconds = LEASE_SECONDS, twoPersonLift = [], local } = settings
    this.host = host
    this.store = store
    this.leaseMs = leaseSeconds * 1_000
    this.refreshMs = settings.refreshMs ?? this.leaseMs / READS_PER_LEASE
    this.twoPersonLift = twoPersonLift
    this.local = local ?? null
  }

  /** Position of the newest event that is known here; 0 before the first reading. */
  get version(): number {
    return this.held?.book.version ?? 0
  }

  /** When this version was read first: milliseconds since 1970. */
  get since(): number {
    return this.held?.since ?? 0
  }

  /** True while what was read may be acted on. */
  get isFresh(): boolean {
    return this.held !== null && !isPast(this.host, this.held.until)
  }

  /** True when a worker should read again. */
  get isDue(): boolean {
    return this.held === null || !this.isFresh || this.host.monotonicMs() - this.held.readAt >= this.refreshMs
  }

  /** Switches to judge by: those that were read, and those of this machine alone. */
  get switches(): readonly KillSwitch[] {
    const read = this.held?.book.switches ?? []
    const local = this.local?.stops() ?? []
    return local.length === 0 ? read : [...read, ...local]
  }

  /** Changes whenever something was thrown or let go of, here or in the store. */
  get mark(): string {
    return [this.version, ...(this.local?.stops() ?? []).map(({ id }) => id)].join()
  }

  /** Stops of this machine that the store does not have yet. */
  get unrecorded(): readonly KillSwitch[] {
    const known = new Set(this.held?.book.switches.map(({ id }) => id))
    return (this.local?.stops() ?? []).filter(({ id }) => !known.has(id))
  }

  /** Leave to pass a switch that was read, for this ask. */
  overrideFor(switchId: string, runId: string, ask: string): SwitchBook['overrides'][number] | null {
    const now = this.host.now()
    const found = this.held?.book.overrides.find(
      (one) => one.switchId === switchId && one.runId === runId && one.ask === ask && one.expiresAt > now,
    )
    return found ?? null
  }

  /** Reads them. Calls at the same time share one reading. Throws SWITCHES_STALE. */
  refresh(): Promise<void> {
    this.reading ??= this.read().finally(() => {
      this.reading = null
    })
    return this.reading
  }

  /** A change that this process made itself is known here from then on. */
  async readAgain(): Promise<void> {
    // A reading under way may have begun before the change.
    await this.reading?.catch(() => undefined)
    await this.refresh()
  }

  private async read(): Promise<void> {
    // The lease begins before the reading: what is thrown while the store answers may not be in the answer.
    const until = deadlineIn(this.host, this.leaseMs)
    const readAt = this.host.monotonicMs()
    try {
      const book = await this.store.switchBook()
      const same = this.held?.book.version === book.version
      const since = same && this.held ? this.held.since : this.host.now()
      this.held = { book, until, readAt, since }
    } catch (thrown) {
      const { message } = toSignalboxError(thrown, 'STORE_UNAVAILABLE')
      throw new SignalboxError('SWITCHES_STALE', `kill switches cannot be read: ${message}`, { cause: thrown })
    }
  }
}

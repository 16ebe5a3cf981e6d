import { type Host, newId, type ScheduleStore } from 'signalbox'

/** How long a leader may be silent before another process takes over, in milliseconds. */
export const LEASE_MS = 9_000

/** What a candidate works with. */
export interface LeadershipOptions {
  readonly store: Pick<ScheduleStore, 'lease' | 'setLease'>
  readonly host: Host
  /** Name of the lease. */
  readonly name: string
  readonly leaseMs?: number
}

/**
 * One candidate for a lease. A follower watches the leader's beats on its own monotonic clock and takes over when none came
 * for the length of a lease, so that no wall clock matters. What the leader writes is checked against its epoch: one that
 * was stopped for a while and goes on changes nothing (Invariant 10).
 */
export class Leadership {
  readonly owner: string
  readonly #options: LeadershipOptions
  readonly #leaseMs: number
  #epoch: number | null = null
  #beatAt = 0
  #seen = { epoch: -1, beat: -1, at: 0 }

  constructor(options: LeadershipOptions) {
    this.#options = options
    this.#leaseMs = options.leaseMs ?? LEASE_MS
    this.owner = newId(options.host, 'srv')
  }

  /** The epoch while this process leads, by what it knows; null when it does not, or has been silent for too long. */
  get epoch(): number | null {
    const silentMs = this.#options.host.monotonicMs() - this.#beatAt
    return silentMs < this.#leaseMs ? this.#epoch : null
  }

  /** Gives a sign of life, or takes the lease when it is free or its owner silent. The epoch, or null for a follower. */
  async hold(): Promise<number | null> {
    const { store, host, name } = this.#options
    const now = host.monotonicMs()
    if (this.#epoch !== null && now - this.#beatAt < this.#leaseMs / 3) return this.#epoch
    const row = await store.lease(name)
    const mine = row.owner === this.owner && row.epoch === this.#epoch
    if (!mine) this.#epoch = null
    if (row.epoch !== this.#seen.epoch || row.beat !== this.#seen.beat)
      this.#seen = { epoch: row.epoch, beat: row.beat, at: now }
    if (!mine && row.owner !== null && now - this.#seen.at < this.#leaseMs) return null
    const epoch = mine ? row.epoch : row.epoch + 1
    const moved = await store.setLease({ name, owner: this.owner, epoch, beat: row.beat + 1 }, row)
    if (!moved) {
      this.#epoch = null
      return null
    }
    this.#epoch = epoch
    // From before the write: the lease is never longer here than others see it.
    this.#beatAt = now
    return epoch
  }

  /** Gives the lease back, so that another process need not wait. */
  async release(): Promise<void> {
    const { store, name } = this.#options
    if (this.#epoch === null) return
    const row = await store.lease(name)
    if (row.owner === this.owner && row.epoch === this.#epoch)
      await store.setLease({ ...row, owner: null, beat: row.beat + 1 }, row)
    this.#epoch = null
  }
}

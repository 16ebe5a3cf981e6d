import type {
  ChannelState,
  Delivery,
  DeliveryFilter,
  Notice,
  OutboxCommit,
  OutboxCommitResult,
  OutboxStore,
  StoredNotice,
} from '../contracts/outbox.ts'
import { MemoryScopes } from './memory-scopes.ts'
import { type DeliveryPlace, followsStored } from './outbox-rules.ts'

interface MemoryNotice {
  readonly notice: StoredNotice
  routed: boolean
}

/** Notices and deliveries of the store in memory. */
export abstract class MemoryOutbox extends MemoryScopes implements OutboxStore {
  readonly #notices = new Map<string, MemoryNotice>()
  readonly #deliveries = new Map<string, Delivery>()
  readonly #channels = new Map<string, ChannelState>()
  #entries = 0

  async notify(notices: readonly Notice[]): Promise<void> {
    this.check()
    this.addNotices(notices)
  }

  async unrouted(limit: number): Promise<readonly StoredNotice[]> {
    this.check()
    const open = [...this.#notices.values()].filter((each) => !each.routed)
    return open.slice(0, limit).map((each) => each.notice)
  }

  async notices(tenant: string, ids: readonly string[]): Promise<readonly Notice[]> {
    this.check()
    const found = [...this.#notices.values()].filter(
      ({ notice }) => notice.tenant === tenant && ids.includes(notice.id),
    )
    return found.map(({ notice: { entry: _, ...notice } }) => notice)
  }

  async deliveries(filter: DeliveryFilter): Promise<readonly Delivery[]> {
    this.check()
    const { tenant, channel, id, state, dueAt, order, limit } = filter
    return [...this.#deliveries.values()]
      .filter(
        (each) =>
          (tenant === undefined || each.tenant === tenant) &&
          (channel === undefined || each.channel === channel) &&
          (id === undefined || each.id === id) &&
          (state === undefined || each.state === state) &&
          (dueAt === undefined || each.nextAt <= dueAt),
      )
      .sort((a, b) => (order === 'due' ? a.nextAt - b.nextAt : b.createdAt - a.createdAt) || (a.id < b.id ? -1 : 1))
      .slice(0, limit)
  }

  async channelStates(tenant: string): Promise<readonly ChannelState[]> {
    this.check()
    const own = [...this.#channels.values()].filter((each) => each.tenant === tenant)
    return own.sort((a, b) => (a.channel < b.channel ? -1 : 1))
  }

  async commitOutbox(commit: OutboxCommit): Promise<OutboxCommitResult> {
    this.check()
    const { lease, routed, deliveries, channels, forgetBefore } = commit
    if (lease && (await this.lease(lease.name)).epoch !== lease.epoch) return 'fenced'
    if (!followsStored(commit, (each) => this.#deliveries.get(placeOf(each))?.revision ?? null)) return 'changed'
    const entries = new Set(routed)
    for (const each of this.#notices.values()) if (entries.has(each.notice.entry)) each.routed = true
    for (const each of deliveries) this.#deliveries.set(placeOf(each), { ...each })
    for (const each of channels) this.#channels.set(JSON.stringify([each.tenant, each.channel]), { ...each })
    if (forgetBefore !== null) this.#forget(forgetBefore)
    return 'committed'
  }

  /** Stores notices of a change that is being stored; one whose id is there already is left out. */
  protected addNotices(notices: readonly Notice[] = []): void {
    for (const notice of notices) {
      const place = JSON.stringify([notice.tenant, notice.id])
      if (this.#notices.has(place)) continue
      this.#notices.set(place, { notice: { ...notice, entry: ++this.#entries }, routed: false })
    }
  }

  #forget(before: number): void {
    for (const [place, { state, updatedAt }] of this.#deliveries)
      if (state !== 'queued' && updatedAt < before) this.#deliveries.delete(place)
    const kept = [...this.#deliveries.values()]
    const needed = new Set(kept.flatMap(({ tenant, notices }) => notices.map((id) => JSON.stringify([tenant, id]))))
    for (const [place, { notice, routed }] of this.#notices)
      if (routed && notice.at < before && !needed.has(place)) this.#notices.delete(place)
  }
}

function placeOf({ tenant, channel, id }: DeliveryPlace): string {
  return JSON.stringify([tenant, channel, id])
}

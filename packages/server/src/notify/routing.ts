import {
  type ChannelState,
  type Delivery,
  type DeliveryFilter,
  type Host,
  newId,
  type Notice,
  type StoredNotice,
} from 'signalbox'
import { accepts, type Channel } from './definition.ts'

/** The most notices in one digest; the next one begins another. */
const MOST_IN_DIGEST = 500

/** What routing reads. */
export interface RoutingReads {
  deliveries(filter: DeliveryFilter): Promise<readonly Delivery[]>
  channelStates(tenant: string): Promise<readonly ChannelState[]>
}

/**
 * Which deliveries come of some notices: each channel that accepts one gets a message of its own, or has it in the digest
 * that it is collecting. For a channel that is disabled the message is put aside as dead, so that nothing is lost in
 * silence. Only reads.
 */
export class Routing {
  readonly #reads: RoutingReads
  readonly #host: Host
  readonly #made = new Map<string, Delivery>()
  /** The newest delivery of each (tenant, channel) with a digest. */
  readonly #newest = new Map<string, Delivery | null>()
  readonly #disabled = new Map<string, ReadonlySet<string>>()

  constructor(reads: RoutingReads, host: Host) {
    this.#reads = reads
    this.#host = host
  }

  /** New and changed deliveries so far. */
  get deliveries(): readonly Delivery[] {
    return [...this.#made.values()]
  }

  async route(notice: StoredNotice, channels: readonly Channel[]): Promise<void> {
    for (const channel of channels) if (accepts(channel, notice)) await this.#add(notice, channel)
  }

  async #add(notice: Notice, channel: Channel): Promise<void> {
    const now = this.#host.now()
    const disabled = await this.#disabledOf(notice.tenant)
    if (disabled.has(channel.name))
      return this.#put(
        newDelivery(notice, channel, { now, nextAt: now, state: 'dead', detail: 'the channel is disabled' }),
      )
    if (channel.digestSeconds === 0 || notice.severity === 'urgent')
      return this.#put(newDelivery(notice, channel, { now, nextAt: now }))
    const place = JSON.stringify([notice.tenant, channel.name])
    const newest = await this.#newestOf(place, notice.tenant, channel.name)
    const collecting = newest !== null && newest.state === 'queued' && newest.attempts === 0 && newest.nextAt > now
    if (collecting && newest.notices.length < MOST_IN_DIGEST) return this.#append(place, newest, notice, now)
    const quietUntil = newest === null ? now : newest.createdAt + channel.digestSeconds * 1_000
    const alone = quietUntil <= now
    const made = newDelivery(notice, channel, { now, nextAt: alone ? now : quietUntil })
    const delivery = alone ? made : { ...made, id: newId(this.#host, 'dig') }
    this.#newest.set(place, delivery)
    this.#put(delivery)
  }

  #append(place: string, into: Delivery, notice: Notice, now: number): void {
    const before = this.#made.has(placeOf(into))
    const revision = before ? into.revision : into.revision + 1
    const grown = { ...into, notices: [...into.notices, notice.id], revision, updatedAt: now }
    this.#newest.set(place, grown)
    this.#put(grown)
  }

  #put(delivery: Delivery): void {
    this.#made.set(placeOf(delivery), delivery)
  }

  async #newestOf(place: string, tenant: string, channel: string): Promise<Delivery | null> {
    const known = this.#newest.get(place)
    if (known !== undefined) return known
    // An urgent one may be newer than the digest that is being collected.
    const recent = await this.#reads.deliveries({ tenant, channel, order: 'newest', limit: 50 })
    const open = recent.find((each) => each.state === 'queued' && each.attempts === 0 && each.nextAt > each.createdAt)
    const found = open ?? recent[0] ?? null
    this.#newest.set(place, found)
    return found
  }

  async #disabledOf(tenant: string): Promise<ReadonlySet<string>> {
    const known = this.#disabled.get(tenant)
    if (known) return known
    const states = await this.#reads.channelStates(tenant)
    const found = new Set(states.filter((each) => each.disabledAt !== null).map((each) => each.channel))
    this.#disabled.set(tenant, found)
    return found
  }
}

function placeOf({ tenant, channel, id }: Delivery): string {
  return JSON.stringify([tenant, channel, id])
}

function newDelivery(
  { tenant, id }: Notice,
  { name: channel }: Channel,
  {
    now,
    nextAt,
    state = 'queued',
    detail = '',
  }: { now: number; nextAt: number; state?: Delivery['state']; detail?: string },
): Delivery {
  const times = { nextAt, createdAt: now, updatedAt: now }
  return { tenant, channel, id, notices: [id], state, attempts: 0, revision: 1, detail, changedBy: 'outbox', ...times }
}

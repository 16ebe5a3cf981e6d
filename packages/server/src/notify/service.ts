import {
  type ChannelState,
  type Delivery,
  type DeliveryState,
  type Host,
  newId,
  type NoticeKind,
  type OutboxStore,
  type Principal,
  SignalboxError,
} from 'signalbox'
import type { Channel, Notifications } from './definition.ts'

/** A channel as people see it. */
export interface ChannelStanding {
  readonly channel: Channel
  /** Null when it was never disabled. */
  readonly state: ChannelState | null
}

/** Where a delivery is. */
export interface DeliveryPlace {
  readonly channel: string
  readonly id: string
}

/** How many messages wait and were given up, and which channels are disabled. */
export interface OutboxSummary {
  readonly queued: number
  readonly dead: number
  readonly disabled: readonly string[]
}

/** What people do with messages. Sending is the leader's. */
export interface OutboxService {
  channels(tenant: string): Promise<readonly ChannelStanding[]>
  /** Newest first. */
  list(filter: {
    readonly tenant: string
    readonly channel?: string
    readonly state?: DeliveryState
    readonly limit: number
  }): Promise<readonly Delivery[]>
  /** The kinds of the notices that these tell of, by the notice's id. */
  kinds(tenant: string, deliveries: readonly Delivery[]): Promise<ReadonlyMap<string, NoticeKind>>
  /** Counts up to a thousand each. */
  summary(tenant: string): Promise<OutboxSummary>
  /** Sends it again from the first attempt on. Throws NOT_FOUND, and CONFLICT when it was delivered. */
  retry(place: DeliveryPlace, by: Principal): Promise<Delivery>
  /** It is not sent any more. Throws NOT_FOUND, and CONFLICT when it is not waiting or dead. */
  drop(place: DeliveryPlace, by: Principal, reason: string): Promise<Delivery>
  /** A disabled channel is used again. Throws NOT_FOUND and CONFLICT. */
  enable(channel: string, by: Principal): Promise<void>
  /** Sends a message that says that the channel works. Throws NOT_FOUND. */
  test(channel: string, by: Principal): Promise<Delivery>
}

const MOST_COUNTED = 1_000
/** The leader may change the row between a read and a write: so often it is tried again. */
const TRIES = 10

const NOTHING = { lease: null, routed: [], deliveries: [], channels: [], forgetBefore: null }

/** The service over a store, with or without a server that leads. */
export function outboxService(options: {
  readonly store: Pick<OutboxStore, 'deliveries' | 'channelStates' | 'commitOutbox' | 'notify' | 'notices'>
  readonly notifications: Notifications
  readonly host: Host
}): OutboxService {
  const { store, notifications, host } = options
  const channelOf = (name: string): Channel => {
    const found = notifications.channels.find((each) => each.name === name)
    if (found) return found
    const known = notifications.channels.map((each) => `\`${each.name}\``).join(', ') || 'none'
    throw new SignalboxError('NOT_FOUND', `there is no channel \`${name}\` in this project; there is ${known}`)
  }
  const change = (place: DeliveryPlace, by: Principal, edit: Edit): Promise<Delivery> =>
    changeRow(options, place, by, edit)
  return {
    channels: async (tenant) => {
      const states = new Map((await store.channelStates(tenant)).map((each) => [each.channel, each]))
      const own = notifications.channels.filter((each) => each.tenants === undefined || each.tenants.includes(tenant))
      return own.map((channel) => ({ channel, state: states.get(channel.name) ?? null }))
    },
    list: async (filter) => await store.deliveries({ ...filter, order: 'newest' }),
    kinds: async (tenant, deliveries) => {
      const ids = deliveries.flatMap((each) => each.notices)
      return new Map((await store.notices(tenant, ids)).map((each) => [each.id, each.kind]))
    },
    summary: async (tenant) => {
      const count = async (state: DeliveryState): Promise<number> =>
        (await store.deliveries({ tenant, state, order: 'newest', limit: MOST_COUNTED })).length
      const states = await store.channelStates(tenant)
      const disabled = states.filter((each) => each.disabledAt !== null).map((each) => each.channel)
      return { queued: await count('queued'), dead: await count('dead'), disabled }
    },
    retry: (place, by) =>
      change(place, by, (row) => {
        if (row.state === 'delivered')
          throw new SignalboxError('CONFLICT', `message \`${row.id}\` was delivered already`)
        return { state: 'queued', attempts: 0, nextAt: host.now(), detail: '' }
      }),
    drop: (place, by, reason) =>
      change(place, by, (row) => {
        if (row.state !== 'queued' && row.state !== 'dead')
          throw new SignalboxError('CONFLICT', `message \`${row.id}\` is ${row.state} already`)
        return { state: 'dropped', detail: reason }
      }),
    enable: async (name, by) => {
      channelOf(name)
      const state = (await store.channelStates(by.tenant)).find((each) => each.channel === name)
      if (!state || state.disabledAt === null)
        throw new SignalboxError('CONFLICT', `channel \`${name}\` is not disabled`)
      await store.commitOutbox({ ...NOTHING, channels: [{ ...state, disabledAt: null, changedBy: by.id }] })
    },
    test: async (name, by) => {
      const { name: channel } = channelOf(name)
      const { tenant } = by
      const [id, at] = [newId(host, 'tst'), host.now()]
      const notice = { tenant, id, kind: 'channel.test', severity: 'urgent', at } as const
      const delivery: Delivery = {
        ...{ tenant, channel, id, notices: [id], state: 'queued', attempts: 0, nextAt: at, revision: 1, detail: '' },
        ...{ changedBy: by.id, createdAt: at, updatedAt: at },
      }
      await store.notify([{ ...notice, runId: null, workflow: null, subject: null, roles: [], facts: {} }])
      await store.commitOutbox({ ...NOTHING, deliveries: [delivery] })
      return delivery
    },
  }
}

type Edit = (row: Delivery) => Partial<Delivery>

async function changeRow(
  { store, host }: { readonly store: Pick<OutboxStore, 'deliveries' | 'commitOutbox'>; readonly host: Host },
  { channel, id }: DeliveryPlace,
  by: Principal,
  edit: Edit,
): Promise<Delivery> {
  for (let tries = 0; tries < TRIES; tries++) {
    const [row] = await store.deliveries({ tenant: by.tenant, channel, id, order: 'newest', limit: 1 })
    if (!row) throw new SignalboxError('NOT_FOUND', `there is no message \`${id}\` for channel \`${channel}\``)
    const next = { ...row, ...edit(row), revision: row.revision + 1, changedBy: by.id, updatedAt: host.now() }
    if ((await store.commitOutbox({ ...NOTHING, deliveries: [next] })) === 'committed') return next
  }
  throw new SignalboxError('CONFLICT', `message \`${id}\` changes all the time: try again`)
}

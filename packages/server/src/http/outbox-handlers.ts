import type { OutboxChannelView, OutboxMessageView } from '@signalbox/protocol'
import { type Delivery, memoryStore, SignalboxError } from 'signalbox'
import { readNotifications } from '../notify/definition.ts'
import { type ChannelStanding, type OutboxService, outboxService } from '../notify/service.ts'
import { isoOf, isoOrNull } from '../views/runs.ts'
import type { ApiDeps, Handlers } from './handlers.ts'

type Names = 'outbox' | 'retryMessage' | 'dropMessage' | 'enableChannel' | 'testChannel'

/** The service of an application without channels. */
export function noOutbox(deps: Pick<ApiDeps, 'host'>): OutboxService {
  return outboxService({ store: memoryStore(), notifications: readNotifications(undefined), host: deps.host })
}

/** Endpoints about notifications. */
export function outboxHandlers(deps: ApiDeps): Pick<Handlers, Names> {
  const outbox = deps.outbox ?? noOutbox(deps)
  return {
    outbox: async ({ query }, who) => {
      const { channel, state, limit } = query
      const filter = { tenant: who.tenant, limit, ...(channel ? { channel } : {}), ...(state ? { state } : {}) }
      const [channels, found] = [await outbox.channels(who.tenant), await outbox.list(filter)]
      const kinds = await outbox.kinds(who.tenant, found)
      return { channels: channels.map(channelView), messages: found.map((each) => messageView(each, kinds)) }
    },
    retryMessage: async ({ body }, who) => messageView(await outbox.retry(body, who)),
    dropMessage: async ({ body: { reason, ...place } }, who) => messageView(await outbox.drop(place, who, reason)),
    enableChannel: async ({ body }, who) => {
      await outbox.enable(body.channel, who)
      const found = (await outbox.channels(who.tenant)).find((each) => each.channel.name === body.channel)
      if (!found) throw new SignalboxError('NOT_FOUND', `there is no channel \`${body.channel}\` for this tenant`)
      return channelView(found)
    },
    testChannel: async ({ body }, who) => messageView(await outbox.test(body.channel, who)),
  }
}

const SHOWN_KINDS = 5

function messageView(row: Delivery, kinds: ReadonlyMap<string, string> = new Map()): OutboxMessageView {
  const told = row.notices.flatMap((id) => kinds.get(id) ?? [])
  return {
    channel: row.channel,
    id: row.id,
    state: row.state,
    kinds: [...new Set(told)].slice(0, SHOWN_KINDS),
    notices: row.notices.length,
    attempts: row.attempts,
    next_at: row.state === 'queued' ? isoOf(row.nextAt) : null,
    detail: row.detail,
    changed_by: row.changedBy,
    created_at: isoOf(row.createdAt),
    updated_at: isoOf(row.updatedAt),
  }
}

function channelView({ channel, state }: ChannelStanding): OutboxChannelView {
  const { name, kind, kinds, severity, carries, digestSeconds } = channel
  const disabled = state?.disabledAt ?? null
  return {
    ...{ name, kind, kinds: kinds ?? null, severity, carries, digest_seconds: digestSeconds },
    disabled_at: isoOrNull(disabled),
    detail: disabled === null ? '' : (state?.detail ?? ''),
  }
}

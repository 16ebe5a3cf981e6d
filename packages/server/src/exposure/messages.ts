import type { Delivery, Notice, Store } from 'signalbox'
import type { Channel } from '../notify/definition.ts'
import { messageOf, webhookBody } from '../notify/message.ts'
import type { Piece, Searched } from './pieces.ts'
import { tablePieces } from './tables.ts'

const MOST = 100_000

/** Stored notices and deliveries, and the messages that are made of them for each channel, with what a channel carries. */
export async function* messagePieces(searched: Searched): AsyncIterable<Piece> {
  yield* tablePieces(searched.dataDir, 'notifications')
  const { store, notifications } = searched
  for (const tenant of await store.tenants())
    for (const delivery of await store.deliveries({ tenant, order: 'newest', limit: MOST })) {
      const channel = notifications.channels.find((each) => each.name === delivery.channel)
      if (channel) yield* deliveryPieces(delivery, channel, await noticesOf(store, delivery), searched)
    }
}

function noticesOf(store: Store, { tenant, notices }: Delivery): Promise<readonly Notice[]> {
  return store.notices(tenant, notices)
}

async function* deliveryPieces(
  delivery: Delivery,
  channel: Channel,
  notices: readonly Notice[],
  { runs, capture }: Searched,
): AsyncIterable<Piece> {
  if (notices.length === 0) return
  const parts = { runs, baseUrl: '', redactor: capture.redactor }
  const where = { channel: channel.name, message: delivery.id }
  const bare = await messageOf(delivery.id, notices, { ...channel, carries: 'link' }, parts)
  yield { text: webhookBody(bare), where, explained: null }
  if (channel.carries === 'link') return
  const { items } = await messageOf(delivery.id, notices, channel, parts)
  for (const { preview } of items)
    if (preview)
      yield {
        text: JSON.stringify(preview),
        where: { ...where, field: 'preview' },
        explained: `channel ${channel.name} carries ${channel.carries}`,
      }
}

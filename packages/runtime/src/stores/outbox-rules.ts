/** What every store decides in the same way about notices and deliveries. */
import { SignalboxError } from '../base/errors.ts'
import type { Delivery, OutboxCommit } from '../contracts/outbox.ts'

/** Where a delivery stands among those of its store. */
export type DeliveryPlace = Pick<Delivery, 'tenant' | 'channel' | 'id'>

/**
 * Whether the change was made for what is stored: each delivery follows its stored revision by one, or is new at 1.
 * Throws INTERNAL when one delivery is in it twice: the caller is at fault.
 */
export function followsStored(
  { deliveries }: OutboxCommit,
  revisionOf: (place: DeliveryPlace) => number | null,
): boolean {
  const places = new Set(deliveries.map(({ tenant, channel, id }) => JSON.stringify([tenant, channel, id])))
  if (places.size < deliveries.length)
    throw new SignalboxError('INTERNAL', 'a change of the outbox holds one delivery twice')
  return deliveries.every((each) => each.revision === (revisionOf(each) ?? 0) + 1)
}

import { z } from 'zod'
import { reasonSchema, timeSchema } from './common.ts'

/** How a message stands. `dead`: given up after the declared number of attempts; `dropped`: by a person. */
export const messageStateSchema = z.enum(['queued', 'delivered', 'dead', 'dropped'])

/** A message for a channel. What it says is made when it is sent. */
export const outboxMessageSchema = z.object({
  channel: z.string(),
  /** What the receiver sees as the message's id, with every attempt. */
  id: z.string(),
  state: messageStateSchema,
  /** Kinds of the notices that it tells of, the first ones. */
  kinds: z.array(z.string()),
  /** How many notices it tells of. */
  notices: z.int(),
  attempts: z.int(),
  /** When it is tried next; null when it is not. */
  next_at: timeSchema.nullable(),
  /** Why the last attempt failed, or why it was dropped. */
  detail: z.string(),
  /** `outbox`, or who changed it last. */
  changed_by: z.string(),
  created_at: timeSchema,
  updated_at: timeSchema,
})
/** A message for a channel. */
export type OutboxMessageView = z.output<typeof outboxMessageSchema>

/** A channel that the project declares. Its address and secrets are never told. */
export const outboxChannelSchema = z.object({
  name: z.string(),
  kind: z.enum(['webhook', 'slack']),
  /** Kinds of notice that it tells of; null for all. */
  kinds: z.array(z.string()).nullable(),
  severity: z.enum(['info', 'warning', 'urgent']),
  carries: z.enum(['link', 'summary', 'arguments']),
  digest_seconds: z.number(),
  /** Null while it is in use. */
  disabled_at: timeSchema.nullable(),
  detail: z.string(),
})
/** A channel that the project declares. */
export type OutboxChannelView = z.output<typeof outboxChannelSchema>

/** Channels, and messages newest first. */
export const outboxSchema = z.object({
  channels: z.array(outboxChannelSchema),
  messages: z.array(outboxMessageSchema),
})

/** Which messages are listed; what is absent does not narrow. */
export const outboxQuerySchema = z.object({
  channel: z.string().min(1).optional(),
  state: messageStateSchema.optional(),
  limit: z.coerce.number().int().min(1).max(500).default(50),
})

const placeSchema = z.strictObject({ channel: z.string().min(1).max(64), id: z.string().min(1).max(200) })

/** Endpoints about notifications. */
export const OUTBOX_ENDPOINTS = {
  outbox: {
    method: 'get',
    path: '/outbox',
    summary: 'Channels and their messages, newest first',
    permission: 'read',
    status: 200,
    query: outboxQuerySchema,
    response: outboxSchema,
  },
  retryMessage: {
    method: 'post',
    path: '/outbox/retry',
    summary: 'Send a message again, from its first attempt on',
    permission: 'outbox.write',
    status: 202,
    body: placeSchema,
    response: outboxMessageSchema,
  },
  dropMessage: {
    method: 'post',
    path: '/outbox/drop',
    summary: 'Give a message up',
    permission: 'outbox.write',
    status: 200,
    body: placeSchema.extend({ reason: reasonSchema }),
    response: outboxMessageSchema,
  },
  enableChannel: {
    method: 'post',
    path: '/outbox/channels/enable',
    summary: 'Use a disabled channel again',
    permission: 'outbox.write',
    status: 200,
    body: z.strictObject({ channel: z.string().min(1).max(64) }),
    response: outboxChannelSchema,
  },
  testChannel: {
    method: 'post',
    path: '/outbox/channels/test',
    summary: 'Send a message that says that the channel works',
    permission: 'outbox.write',
    status: 202,
    body: z.strictObject({ channel: z.string().min(1).max(64) }),
    response: outboxMessageSchema,
  },
} as const

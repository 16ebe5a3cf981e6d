import {
  type ChannelState,
  type Delivery,
  type Host,
  type OutboxStore,
  type ScheduleStore,
  SignalboxError,
  sleep,
  toSignalboxError,
} from 'signalbox'
import { Leadership } from '../schedules/leadership.ts'
import type { Channel, Notifications } from './definition.ts'
import { type MessageParts, messageOf, webhookBody } from './message.ts'
import { post, type PostResult } from './post.ts'
import { Routing } from './routing.ts'
import { signedHeaders } from './sign.ts'
import { traceHeaders } from './trace.ts'
import { slackBody } from './slack.ts'

/** Name of the lease of the one process that sends. */
export const OUTBOX_LEASE = 'outbox'

const BATCH = 200
const TICK_MS = 500
const MOST_RETRY_MS = 3_600_000
const FORGET_EVERY_MS = 3_600_000
const DAY_MS = 86_400_000
/** Beyond an attempt's own time: by then whoever made it has recorded its end, or is gone. */
const MARGIN_MS = 30_000
const DISABLED = 'the channel is disabled'
const UNDECLARED = 'the project declares no such channel any more'

/** What an outbox works with. */
export interface OutboxOptions extends MessageParts {
  readonly store: OutboxStore & Pick<ScheduleStore, 'lease' | 'setLease'>
  readonly host: Host
  readonly notifications: Notifications
  readonly log: (line: string) => void
  /** `host:port` entries that are told the run in `baggage`. Default: none. */
  readonly baggageHosts?: readonly string[]
  /** Default 500. */
  readonly tickMs?: number
  readonly leaseMs?: number
}

/** An outbox at work. */
export interface OutboxHandle {
  /** Ends at once: a message under way is broken off, and sent again by the next leader. */
  stop(): Promise<void>
}

/** Sends notices to their channels while this process leads. Notices are routed to nowhere when there are no channels. */
export function startOutbox(options: OutboxOptions): OutboxHandle {
  const stopping = new AbortController()
  const outbox = new Outbox(options, stopping.signal)
  const ended = ticking(outbox, options, stopping.signal)
  return {
    stop: async () => {
      stopping.abort()
      await ended
    },
  }
}

async function ticking(outbox: Outbox, options: OutboxOptions, signal: AbortSignal): Promise<void> {
  let told = ''
  while (!signal.aborted) {
    try {
      await outbox.tick()
      told = ''
    } catch (thrown) {
      const { code, message } = toSignalboxError(thrown)
      if (message !== told) options.log(`notifications: ${code}: ${message}`)
      told = message
    }
    await sleep(options.host, options.tickMs ?? TICK_MS, signal)
  }
  await outbox.idle()
  await outbox.leadership.release().catch(() => undefined)
}

/**
 * Routes notices and sends their messages while it leads: at least once, under the same id, and never before the attempt is
 * on record (Invariant 3). What it writes is checked against its epoch. One channel that hangs holds up no other.
 */
export class Outbox {
  readonly leadership: Leadership
  readonly #options: OutboxOptions
  readonly #signal: AbortSignal
  readonly #busy = new Map<string, Promise<void>>()
  #forgotAt = Number.NEGATIVE_INFINITY

  constructor(options: OutboxOptions, signal: AbortSignal) {
    this.#options = options
    this.#signal = signal
    const { store, host, leaseMs } = options
    this.leadership = new Leadership({ store, host, name: OUTBOX_LEASE, ...(leaseMs === undefined ? {} : { leaseMs }) })
  }

  /** Looks once: routes what is new, and begins to send what is due. Throws the store's codes. */
  async tick(): Promise<void> {
    const epoch = await this.leadership.hold()
    if (epoch === null) return
    await this.#route(epoch)
    const { store, host } = this.#options
    const due = await store.deliveries({ state: 'queued', dueAt: host.now(), order: 'due', limit: BATCH })
    for (const [channel, own] of Map.groupBy(due, (each) => each.channel)) {
      if (this.#busy.has(channel)) continue
      const working = this.#send(channel, own).finally(() => this.#busy.delete(channel))
      this.#busy.set(channel, working)
    }
  }

  /** Resolves when nothing is being sent. */
  async idle(): Promise<void> {
    while (this.#busy.size > 0) await Promise.all(this.#busy.values())
  }

  async #route(epoch: number): Promise<void> {
    const { store, host, notifications } = this.#options
    const now = host.monotonicMs()
    const forgets = now - this.#forgotAt >= FORGET_EVERY_MS
    const notices = await store.unrouted(BATCH)
    if (notices.length === 0 && !forgets) return
    const routing = new Routing(store, host)
    for (const notice of notices) await routing.route(notice, notifications.channels)
    const result = await store.commitOutbox({
      lease: { name: OUTBOX_LEASE, epoch },
      routed: notices.map((each) => each.entry),
      deliveries: routing.deliveries,
      channels: [],
      forgetBefore: forgets ? host.now() - notifications.keepDays * DAY_MS : null,
    })
    if (result === 'committed' && forgets) this.#forgotAt = now
  }

  async #send(name: string, due: readonly Delivery[]): Promise<void> {
    const channel = this.#options.notifications.channels.find((each) => each.name === name)
    const gone = new Set<string>()
    const off = new Map<string, boolean>()
    for (const delivery of due) {
      if (this.#signal.aborted || gone.has(delivery.tenant)) continue
      try {
        const isOff = off.get(delivery.tenant) ?? (await this.#isDisabled(delivery))
        off.set(delivery.tenant, isOff)
        const open =
          channel && !isOff
            ? await this.#attempt(delivery, channel)
            : await this.#write(dead(delivery, this.#options.host.now(), isOff ? DISABLED : UNDECLARED))
        if (!open) gone.add(delivery.tenant)
      } catch (thrown) {
        const { code, message } = toSignalboxError(thrown)
        this.#options.log(`notifications: channel ${name}: ${code}: ${message}`)
        return
      }
    }
  }

  async #isDisabled({ tenant, channel }: Delivery): Promise<boolean> {
    const states = await this.#options.store.channelStates(tenant)
    return states.some((each) => each.channel === channel && each.disabledAt !== null)
  }

  /** One attempt, recorded before and after. False when nothing more can be sent for this tenant now. */
  async #attempt(delivery: Delivery, channel: Channel): Promise<boolean> {
    const { host, log } = this.#options
    const now = host.now()
    const begun: Delivery = {
      ...delivery,
      attempts: delivery.attempts + 1,
      // Should this process die now, the next one waits until this attempt is over.
      nextAt: now + channel.timeoutSeconds * 1_000 + MARGIN_MS,
      revision: delivery.revision + 1,
      changedBy: 'outbox',
      updatedAt: now,
    }
    if (!(await this.#write(begun))) return false
    const result = await this.#post(begun, channel)
    if (this.#signal.aborted) return false
    const ended = endOf(begun, result, channel, host)
    if (result.kind === 'answered' && result.status === 410) {
      log(`channel ${channel.name} is gone (410) and disabled for ${delivery.tenant}`)
      await this.#write(ended, disabled(delivery, host.now()))
      return false
    }
    if (ended.state === 'dead') log(`channel ${channel.name}: message ${ended.id} is given up: ${ended.detail}`)
    return await this.#write(ended)
  }

  async #post(delivery: Delivery, channel: Channel): Promise<PostResult> {
    const { store, host } = this.#options
    try {
      const notices = await store.notices(delivery.tenant, delivery.notices)
      if (notices.length === 0) return { kind: 'failed', detail: 'what it tells of was deleted by its age' }
      const message = await messageOf(delivery.id, notices, channel, this.#options)
      const body = channel.kind === 'slack' ? slackBody(message) : webhookBody(message)
      const url = typeof channel.url === 'string' ? channel.url : await channel.url()
      const secrets = channel.kind === 'webhook' ? await Promise.all(channel.secrets.map((each) => each())) : []
      const signed = secrets.length > 0 ? signedHeaders({ id: delivery.id, at: host.now(), body }, secrets) : {}
      const headers = { ...traceHeaders(delivery.id, notices, url, this.#options.baggageHosts), ...signed }
      const { timeoutSeconds, privateHosts } = channel
      return await post({
        url,
        headers,
        body,
        timeoutMs: timeoutSeconds * 1_000,
        privateHosts,
        host,
        signal: this.#signal,
      })
    } catch (thrown) {
      if (thrown instanceof SignalboxError) return { kind: 'failed', detail: thrown.message }
      // A provider of secrets that is the project's own: what it says could hold the secret.
      return { kind: 'failed', detail: 'the secret or the address of the channel could not be had' }
    }
  }

  async #write(delivery: Delivery, channel?: ChannelState): Promise<boolean> {
    const { epoch } = this.leadership
    if (epoch === null) return false
    const result = await this.#options.store.commitOutbox({
      lease: { name: OUTBOX_LEASE, epoch },
      routed: [],
      deliveries: [delivery],
      channels: channel ? [channel] : [],
      forgetBefore: null,
    })
    // Changed: a person retried or dropped it meanwhile, and that stands.
    return result !== 'fenced'
  }
}

function endOf(begun: Delivery, result: PostResult, channel: Channel, host: Host): Delivery {
  const now = host.now()
  const next = { ...begun, revision: begun.revision + 1, updatedAt: now }
  if (result.kind === 'answered' && result.status >= 200 && result.status < 300)
    return { ...next, state: 'delivered', detail: '' }
  const detail = result.kind === 'failed' ? result.detail : answerText(result.status)
  const gone = result.kind === 'answered' && result.status === 410
  if (gone || begun.attempts >= channel.attempts) return { ...next, state: 'dead', detail }
  const asked = result.kind === 'answered' ? (result.retryAfterSeconds ?? 0) * 1_000 : 0
  return {
    ...next,
    detail,
    nextAt: now + Math.max(backoffMs(begun.attempts, channel, host), Math.min(asked, MOST_RETRY_MS)),
  }
}

function answerText(status: number): string {
  if (status >= 300 && status < 400) return `the receiver answered ${status}: redirects are not followed`
  return `the receiver answered ${status}`
}

/** Doubled with each attempt, and by chance between half of it and all of it. */
function backoffMs(attempts: number, { retrySeconds }: Channel, host: Host): number {
  const whole = Math.min(retrySeconds * 1_000 * 2 ** (attempts - 1), MOST_RETRY_MS)
  const chance = (host.randomBytes(1)[0] ?? 0) / 255
  return Math.ceil(whole * (0.5 + chance / 2))
}

function dead(delivery: Delivery, now: number, detail: string): Delivery {
  return { ...delivery, state: 'dead', detail, revision: delivery.revision + 1, changedBy: 'outbox', updatedAt: now }
}

function disabled({ tenant, channel }: Delivery, now: number): ChannelState {
  return { tenant, channel, disabledAt: now, detail: 'the receiver answered 410', changedBy: 'outbox' }
}

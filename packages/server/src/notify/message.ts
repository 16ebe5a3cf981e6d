import {
  type ApprovalPacket,
  isoTime,
  type Notice,
  type NoticeKind,
  type Redactor,
  type RunsApi,
  SignalboxError,
} from 'signalbox'
import { z } from 'zod'
import type { Channel } from './definition.ts'

/** What a reviewer would see of what is asked, as the channel may carry it. Its texts are untrusted. */
export interface MessagePreview {
  readonly summary: string
  readonly target: { readonly type: string; readonly id: string }
  /** `120.00 EUR`, or the tool's own words. */
  readonly impact: string
  readonly rollback: string
  /** JSON text. Only where the channel is declared to carry arguments. */
  readonly arguments?: string
}

/** One notice as a message tells it. */
export interface MessageItem {
  readonly id: string
  readonly type: NoticeKind
  readonly severity: Notice['severity']
  /** One sentence of ours. */
  readonly title: string
  readonly tenant: string
  readonly run_id: string | null
  readonly workflow: string | null
  readonly subject: string | null
  readonly roles: readonly string[]
  readonly facts: Notice['facts']
  /** ISO 8601. */
  readonly at: string
  /** Null where the content was erased, the channel carries none, or there is none. */
  readonly preview: MessagePreview | null
  /** Where a person signs in and acts. A message never decides anything. */
  readonly link: string
}

/** A message: one notice, or a digest of several. */
export interface Message {
  readonly id: string
  readonly items: readonly MessageItem[]
  /** How many notices it tells of; more than `items` when the digest is long. */
  readonly count: number
  /** The inbox, or the one item's own page. */
  readonly link: string
}

/** A digest spells out so many; the rest is a number and a link. */
const SPELLED_OUT = 20

/** What messages are made from. */
export interface MessageParts {
  readonly runs: Pick<RunsApi, 'request'>
  /** Without a slash at the end. */
  readonly baseUrl: string
  /** Looks at previews before they leave. Default: they leave as they are. */
  readonly redactor?: Redactor
}

/** The message of some notices for a channel. Equal for every attempt, unless content was erased in between. */
export async function messageOf(
  id: string,
  notices: readonly Notice[],
  channel: Channel,
  parts: MessageParts,
): Promise<Message> {
  const items = await Promise.all(notices.slice(0, SPELLED_OUT).map((notice) => itemOf(notice, channel, parts)))
  const [only] = items
  const link = items.length === 1 && only ? only.link : `${parts.baseUrl}/approvals`
  return { id, items, count: notices.length, link }
}

/** The body of a webhook: `type` and `data` as the Standard Webhooks specification suggests. */
export function webhookBody({ items, count, link }: Message): string {
  const [only] = items
  if (count === 1 && only) return JSON.stringify({ type: only.type, timestamp: only.at, data: only })
  const last = items.at(-1)?.at ?? ''
  return JSON.stringify({ type: 'digest', timestamp: last, data: { count, items, link } })
}

async function itemOf(notice: Notice, channel: Channel, parts: MessageParts): Promise<MessageItem> {
  const { id, kind, severity, tenant, runId, workflow, subject, roles, facts, at } = notice
  return {
    ...{
      id,
      type: kind,
      severity,
      title: TITLES[kind](notice),
      tenant,
      run_id: runId,
      workflow,
      subject,
      roles,
      facts,
    },
    at: isoTime(at),
    preview: await previewOf(notice, channel, parts),
    link: linkOf(notice, parts.baseUrl),
  }
}

async function previewOf(notice: Notice, channel: Channel, parts: MessageParts): Promise<MessagePreview | null> {
  const preview = await carriedOf(notice, channel, parts)
  if (preview === null || !parts.redactor) return preview
  const { target, ...texts } = preview
  const cleaned = await parts.redactor.clean('notification', { ...texts, target: { ...target } })
  // What could not be looked at is left out, and the message says so.
  return cleaned.status === 'clean' && isPreview(cleaned.value) ? cleaned.value : WITHHELD
}

/** Stands where a preview could not be looked at. */
const WITHHELD: MessagePreview = {
  summary: 'withheld: the rule that looks at what leaves did not finish',
  target: { type: 'withheld', id: '' },
  impact: 'withheld',
  rollback: 'withheld',
}

/** A project's rule may have changed texts; it must not have changed what a preview is. */
function isPreview(value: unknown): value is MessagePreview {
  return previewSchema.safeParse(value).success
}

const previewSchema = z.strictObject({
  summary: z.string(),
  target: z.strictObject({ type: z.string(), id: z.string() }),
  impact: z.string(),
  rollback: z.string(),
  arguments: z.string().optional(),
})

async function carriedOf(notice: Notice, channel: Channel, { runs }: MessageParts): Promise<MessagePreview | null> {
  const asks = notice.kind.startsWith('approval.') && notice.kind !== 'approval.decided'
  if (channel.carries === 'link' || !asks || notice.subject === null) return null
  const packet = await packetOf(notice.tenant, notice.subject, runs)
  if (packet === null) return null
  const { type, id } = packet.target
  return {
    summary: packet.summary,
    target: { type, id },
    impact: impactOf(packet),
    rollback: packet.rollback,
    ...(channel.carries === 'arguments' ? { arguments: packet.arguments } : {}),
  }
}

async function packetOf(tenant: string, id: string, runs: MessageParts['runs']): Promise<ApprovalPacket | null> {
  try {
    const { packet } = await runs.request(tenant, id)
    return packet !== null && 'summary' in packet ? packet : null
  } catch (thrown) {
    // The run was pruned or moved: the message tells what it can.
    if (thrown instanceof SignalboxError && !thrown.code.startsWith('STORE_')) return null
    throw thrown
  }
}

function impactOf({ impact }: ApprovalPacket): string {
  const { money, text } = impact
  const amount = money ? `${moneyText(money.minor, money.currency)}` : ''
  return [amount, text ?? ''].filter((part) => part !== '').join(', ') || 'not told'
}

function moneyText(minor: number, currency: string): string {
  const digits =
    new Intl.NumberFormat('en', { style: 'currency', currency }).resolvedOptions().maximumFractionDigits ?? 2
  return `${(minor / 10 ** digits).toFixed(digits)} ${currency}`
}

function linkOf({ kind, subject, runId }: Notice, baseUrl: string): string {
  const page = subject === null ? undefined : PAGES[kind.slice(0, kind.indexOf('.'))]
  if (page !== undefined && subject !== null) return `${baseUrl}/${page}/${encodeURIComponent(subject)}`
  if (kind.startsWith('kill_switch.')) return `${baseUrl}/kill-switches`
  return runId === null ? `${baseUrl}/approvals` : `${baseUrl}/runs/${encodeURIComponent(runId)}`
}

const PAGES: Readonly<Record<string, string>> = {
  approval: 'approvals',
  question: 'questions',
  request: 'requests',
  alert: 'alerts',
}

function fact({ facts }: Notice, name: string): string {
  const value = facts[name]
  return value === undefined || value === null ? 'something' : String(value)
}

/** What each kind of notice says, in a sentence that holds names of the project and ids alone. */
const TITLES: Readonly<Record<NoticeKind, (notice: Notice) => string>> = {
  'approval.requested': (n) => `Approval needed: ${fact(n, 'tool')} in ${n.workflow ?? 'a workflow'}`,
  'approval.reminder': (n) => `Approval still needed: ${fact(n, 'tool')} in ${n.workflow ?? 'a workflow'}`,
  'approval.escalated': (n) => `Approval escalated: ${fact(n, 'tool')} in ${n.workflow ?? 'a workflow'}`,
  'approval.decided': (n) => `Approval ${fact(n, 'answer')} in ${n.workflow ?? 'a workflow'}`,
  'question.asked': (n) => `Somebody must say what became of ${fact(n, 'tool')} in ${n.workflow ?? 'a workflow'}`,
  'question.answered': (n) => `A question about an effect was answered in ${n.workflow ?? 'a workflow'}`,
  'request.asked': (n) => `An answer is needed: ${fact(n, 'tool')} of ${n.workflow ?? 'a workflow'}`,
  'request.answered': (n) => `A request of ${n.workflow ?? 'a workflow'} is over: ${fact(n, 'answer')}`,
  'run.parked': (n) => `A run of ${n.workflow ?? 'a workflow'} stands still: ${fact(n, 'code')}`,
  'kill_switch.engaged': (n) => `Kill switch engaged for ${fact(n, 'scope')} ${fact(n, 'target')}`,
  'kill_switch.lifted': (n) => `Kill switch lifted for ${fact(n, 'scope')} ${fact(n, 'target')}`,
  'policy.activated': (n) => `Policy bundle ${fact(n, 'bundle')} is in force`,
  'policy.refused': (n) => `Policy bundle ${fact(n, 'bundle')} was refused; the one before stays in force`,
  'budget.warning': (n) => `${fact(n, 'percent')} % of ${fact(n, 'limit')} is used`,
  'budget.near_miss': (n) => `A run came close to ${fact(n, 'limit')}`,
  'budget.debt': (n) => `A call cost more than was reserved for it, of ${n.subject ?? 'a budget'}`,
  'alert.opened': (n) => `${fact(n, 'severity')}: ${fact(n, 'title')}`,
  'alert.escalated': (n) => `nobody acknowledged it: ${fact(n, 'title')}`,
  'alert.resolved': (n) => `resolved: ${fact(n, 'title')}`,
  'channel.test': () => 'This channel works',
}

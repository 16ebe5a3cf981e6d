import { nanoToUsd, parseNano } from '../base/money.ts'
import type { ContentRef, OutcomeStatus } from '../contracts/common.ts'
import type { Decision } from '../contracts/policy.ts'
import type { StopReason } from '../contracts/records.ts'

/** Opens a sealed content for someone who may see it: its JSON text, or null when it was erased. */
export type ContentLookup = (ref: ContentRef) => string | null

/** Longest piece of content that an explanation quotes, in characters. */
const QUOTE_LENGTH = 200

/** Text of a content as it may stand in a sentence: one line, no control characters, no backticks, cut at 200. */
export function plainText(text: string): string {
  // Contents are untrusted: control and direction characters could rewrite what a terminal shows.
  const line = text
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}`]+/gu, ' ')
    .replace(/\s+/g, ' ')
    .trim()
  return line.length > QUOTE_LENGTH ? `${line.slice(0, QUOTE_LENGTH - 1)}…` : line
}

/** A name from the records in backticks. Names may come from a model, so they are cleaned like content. */
export function name(text: string): string {
  return `\`${plainText(text)}\``
}

/** A content in quotes, or what stands for it: sealed when nobody may open it here, erased when it is gone. */
export function quoted(ref: ContentRef | null, contents: ContentLookup | undefined): string {
  if (ref === null) return 'nothing'
  if (!contents) return 'content sealed'
  const text = contents(ref)
  return text === null ? 'content erased' : `"${plainText(unwrapped(text))}"`
}

/** The value of a content as parsed JSON, or null when it is sealed, erased or no JSON. */
export function opened(ref: ContentRef | null, contents: ContentLookup | undefined): unknown {
  const text = ref && contents ? contents(ref) : null
  if (text === null) return null
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

function unwrapped(text: string): string {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'string' ? value : text
  } catch {
    return text
  }
}

/** Nano-USD as a short dollar text. */
export function dollars(nanoUsd: string): string {
  return `${nanoToUsd(parseNano(nanoUsd))} USD`
}

/** A duration for people: `350 ms`, `4.2 s`, `3 min`, `5 h`, `2 days`. */
export function duration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`
  if (ms < 120_000) return `${trimmed(ms / 1_000)} s`
  if (ms < 7_200_000) return `${trimmed(ms / 60_000)} min`
  if (ms < 172_800_000) return `${trimmed(ms / 3_600_000)} h`
  return `${trimmed(ms / 86_400_000)} days`
}

function trimmed(value: number): string {
  return value.toFixed(1).replace(/\.0$/, '')
}

/** A count with its noun in the right number. */
export function count(n: number, one: string, many = `${one}s`): string {
  return `${n} ${n === 1 ? one : many}`
}

/** A list of texts as English has it. */
export function listed(items: readonly string[]): string {
  if (items.length < 2) return items.join('')
  return `${items.slice(0, -1).join(', ')} and ${items.at(-1) ?? ''}`
}

/** What policy decided, with the policies and the reason code. */
export function verdictText(decision: Decision): string {
  const by = decision.policies.length > 0 ? ` by ${listed(decision.policies.map(name))}` : ''
  const under = `(${decision.reason_code}, bundle ${name(shortBundle(decision.bundle))})`
  switch (decision.verdict) {
    case 'allow':
      return `policy allowed it${by} ${under}`
    case 'warn':
      return `policy allowed it with a warning${by} ${under}`
    case 'transform':
      return `policy changed it${by} ${under}`
    case 'deny':
      return `policy denied it${by} ${under}`
    case 'require_approval':
      return `policy asked for a person${by} ${under}`
    default:
      return decision.verdict satisfies never
  }
}

function shortBundle(bundle: string): string {
  const [named = '', digest = ''] = bundle.split('@')
  return digest.length > 12 ? `${named}@${digest.slice(0, 12)}` : bundle
}

const STATUS_WORDS: Readonly<Record<OutcomeStatus, string>> = {
  succeeded: 'succeeded',
  failed: 'failed',
  unknown: 'was sent, and whether it happened is unknown',
  denied: 'was denied and never sent',
  rejected: 'was rejected by a person and never sent',
  expired: 'was never sent, because nobody answered in time',
  cancelled: 'was cancelled and never sent',
  refused: 'was refused by the budget and never sent',
  not_sent: 'was not sent',
}

/** How a call ended, as the end of a sentence that names the call. */
export function endWords(status: OutcomeStatus, code: string | null): string {
  return leftUnknown(status, code)
    ? 'was sent, and what became of it stays unknown: the run was stopped'
    : STATUS_WORDS[status]
}

/** True for a call that was sent, and that a person left unresolved by stopping the run. */
export function leftUnknown(status: OutcomeStatus, code: string | null): boolean {
  return status === 'cancelled' && code === 'EFFECT_UNKNOWN'
}

/** Whether a call changed something outside; null where nobody knows. `elsewhere`: it is the call of another run or record. */
export function happened(status: OutcomeStatus | 'open', code: string | null, elsewhere: boolean): boolean | null {
  if (elsewhere) return false
  if (status === 'succeeded') return true
  return status === 'open' || status === 'unknown' || leftUnknown(status, code) ? null : false
}

/** Why a run stopped, as a clause after `because`. */
export function stopText(reason: StopReason): string {
  const of = reason.subject === null ? '' : ` (${name(reason.subject)})`
  const why: Readonly<Record<StopReason['kind'], string>> = {
    budget: `the budget${of} was used up`,
    failed: `a step${of} failed`,
    rejected: `a person rejected the action${of}`,
    denied: `policy denied the action${of}`,
    person: `a person ordered it${of}`,
    supersteps: `it passed the limit of supersteps${of}`,
    deadline: `its deadline${of} passed`,
    unmediated: `a call went out beside the door${of}`,
    completion_event: 'its own completion event came about, but it has no output',
    timeout: `its time${of} was over`,
    loop: `it repeated itself${of}`,
    quality: `the quality check${of} failed too often`,
  }
  return `${why[reason.kind]}, code ${reason.code}`
}

import type { JsonValue } from '../base/json.ts'
import type { Way } from './ways.ts'

/** What an activity may change in the outside world. */
export type EffectClass = 'none' | 'reversible' | 'irreversible'

/** How far a value may be trusted, and how it may be shown. Carried by every persisted value; joined most-restrictive. */
export interface Labels {
  /** 0 untrusted (web, mail, documents), 1 partner, 2 internal system, 3 the user or operator. */
  readonly integrity: 0 | 1 | 2 | 3
  /** Free confidentiality marks such as `personal`; the union is carried on. */
  readonly marks: readonly string[]
}

/** The labels of a value that nobody labelled: most restrictive. */
export const UNLABELLED: Labels = { integrity: 0, marks: [] }

/** Labels of what the operator wrote: instructions, configuration. */
export const OPERATOR_LABELS: Labels = { integrity: 3, marks: [] }

/** The most restrictive join: lowest integrity, union of marks in sorted order. Of nothing: the operator's labels. */
export function joinLabels(all: readonly Labels[]): Labels {
  let integrity = OPERATOR_LABELS.integrity
  const marks = new Set<string>()
  for (const labels of all) {
    if (labels.integrity < integrity) integrity = labels.integrity
    for (const mark of labels.marks) marks.add(mark)
  }
  return { integrity, marks: [...marks].sort() }
}

/** A sealed value: which record of which run holds it, at which place, and its keyed hash (invariant 14, ENGINE R16). */
export interface ContentRef {
  /** Sequence of the record beside which the content is sealed. */
  readonly s: number
  /** Place within that record's contents. */
  readonly i: number
  /** HMAC-SHA-256 over salt and bytes under the tenant's digest key, base64url. */
  readonly h: string
  /** The run that holds it, when it is not the run of the record that carries this reference (a fork). */
  readonly r?: string
  /** Labels of the value. */
  readonly l: Labels
}

/** A growing list stored as (last appending record, length, rolling digest); walk back over `at` to read it (ENGINE R8). */
export interface ListRef {
  readonly list: true
  /** Sequence of the last record that appended, or null when empty. */
  readonly at: number | null
  readonly length: number
  /** Rolling SHA-256 over the keyed hashes of the items, hex. */
  readonly head: string
  readonly r?: string
  readonly l: Labels
}

/** One append to a list: what was added and what the list was before. */
export interface ListAppend {
  readonly before: ListRef
  readonly items: readonly ContentRef[]
}

/** Who someone is, as their credential says; never taken from a request body. */
export interface Principal {
  /** `user:ana`, `service:importer`, `agent:clerk`. */
  readonly id: string
  readonly kind: 'user' | 'service' | 'agent'
  readonly tenant: string
  readonly roles: readonly string[]
  /** What the credential is limited to, as permissions of the API; absent: all that the roles give. */
  readonly scopes?: readonly string[]
  /** Name of the credential that was presented. Never its value. */
  readonly credential?: string
  /** The agent that presented it: it acts for the user that `id` names, and `kind` is `agent`. */
  readonly via?: string
}

/** Amounts that budgets count. Every field is used and reserved per run; `cost_nano_usd` is a decimal string. */
export interface Amounts {
  readonly turns: number
  readonly tool_calls: number
  readonly tokens: number
  readonly cost_nano_usd: string
}

/** Amounts of nothing: the start of every ledger. */
export const NO_AMOUNTS: Amounts = { turns: 0, tool_calls: 0, tokens: 0, cost_nano_usd: '0' }

/** Hard limits of a run (invariant 6). */
export interface BudgetLimits {
  readonly max_turns: number
  readonly max_tool_calls: number
  /** Active time: waiting for people and downtime do not count. */
  readonly max_runtime_seconds: number
  readonly max_tokens: number
  readonly max_cost_nano_usd: string
  /** Parts of each limit, in per cent, at which people are told. */
  readonly warn_at_percent?: readonly number[]
}

/** Limits of a nested scope beside those of its run; a field that is not there is limited by the run alone. */
export type OwnLimits = Partial<Omit<BudgetLimits, 'max_runtime_seconds' | 'warn_at_percent'>>

/** Token usage of one model call as the provider told it; null where it did not. */
export interface Usage {
  /** Input tokens, cached ones included. */
  readonly input_tokens: number | null
  readonly cache_read_tokens: number | null
  readonly cache_write_tokens: number | null
  /** Output tokens, reasoning included. */
  readonly output_tokens: number | null
  readonly reasoning_tokens: number | null
  /** Of the cache writes, those that are kept for an hour; absent: the provider did not tell them apart. */
  readonly cache_write_1h_tokens?: number
  /** Of the input tokens, those of sound; absent: none were told. */
  readonly audio_input_tokens?: number
  /** Of the output tokens, those of sound; absent: none were told. */
  readonly audio_output_tokens?: number
  /** Searches of the web that the provider made for the answer, each with a fee of its own. */
  readonly web_searches?: number
  /** The tier that the provider served the call in, where it is not the standard one. */
  readonly service_tier?: string
  /** What the provider says that the call cost, in nano-USD as a decimal string. */
  readonly told_cost_nano_usd?: string
}

/** How an activity ended. */
export type OutcomeStatus =
  | 'succeeded'
  | 'failed'
  | 'unknown'
  | 'denied'
  | 'rejected'
  | 'expired'
  | 'cancelled'
  | 'refused'
  | 'not_sent'

/** What kind of call goes through the door. The door serves every kind with the same stages (invariant 1). */
export type ActivityKind = Way<'activity'>

/** Production refuses what development warns about. */
export type Mode = 'development' | 'production'

/** A JSON value with its labels. */
export interface Labelled {
  readonly value: JsonValue
  readonly labels: Labels
}

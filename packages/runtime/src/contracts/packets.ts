import type { EffectClass, Labels } from './common.ts'

/** What the reviewer sees; its texts are untrusted and shown as text. */
export interface ApprovalPacket {
  readonly summary: string
  readonly target: { readonly type: string; readonly id: string; readonly version: string }
  readonly impact: { readonly money?: { readonly minor: number; readonly currency: string }; readonly text?: string }
  readonly rollback: string
  readonly tool: string
  readonly class: string
  readonly effect: EffectClass
  /** The arguments as JSON text. */
  readonly arguments: string
  readonly requested_by: string
  readonly why: readonly string[]
  readonly labels: Labels
  /** Set where the arguments are what this reviewer made of those that were proposed. */
  readonly edited_by?: string
}

/** What a person sees who is asked about an effect. */
export interface QuestionPacket {
  readonly tool: string
  readonly class: string
  readonly arguments: string
  readonly idempotency_key: string
  readonly sent_at: string
  /** For other arguments: what the ledger holds. */
  readonly earlier: { readonly run: string; readonly arguments: string | null; readonly status: string } | null
}

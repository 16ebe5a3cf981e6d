/** What may leave this product with content in it, and what a project may take out before it does (invariant 14). */
import type { JsonValue } from '../base/json.ts'

/** On which way something leaves. */
export type LeavingKind = 'telemetry' | 'notification' | 'export' | 'log'

/**
 * A project's own rule: gives what may leave in the place of the value, of the same kind. It may answer later, but for
 * `log`, whose lines do not wait. When it throws, takes too long or gives no JSON, the content is left out.
 */
export type RedactHook = (kind: LeavingKind, value: JsonValue) => JsonValue | Promise<JsonValue>

/** Why a content was left out although it was to be sent. */
export type LeftOutReason = 'redaction_failed' | 'redaction_slow'

/** What may leave; nothing of a value that could not be looked at. */
export type Cleaned =
  | { readonly status: 'clean'; readonly value: JsonValue }
  | { readonly status: 'left_out'; readonly why: LeftOutReason }

/** Looks at everything that leaves. Never rejects. */
export interface Redactor {
  clean(kind: LeavingKind, value: JsonValue): Promise<Cleaned>
  /** Without waiting: a rule that answers later counts as failed. */
  cleanNow(kind: LeavingKind, value: JsonValue): Cleaned
}

/**
 * Where content goes in telemetry. `span` and `event` follow the attributes and the event of the conventions; with
 * `reference` only the place and a keyed hash are sent, and the content stays sealed.
 */
export const CAPTURE_MODES = ['none', 'span', 'event', 'span_and_event', 'reference'] as const
/** Where content goes in telemetry. */
export type CaptureMode = (typeof CAPTURE_MODES)[number]

/** What may leave in telemetry. Both are off unless the operator switched them on (invariant 14). */
export interface CaptureSettings {
  readonly mode: CaptureMode
  /** Whether `user.id` is sent. */
  readonly identity: boolean
}

/** Nothing leaves: the default. */
export const CAPTURE_NOTHING: CaptureSettings = { mode: 'none', identity: false }

import type { CredentialHeader } from './credential.ts'

/** Where user code runs: told to the watch, so that a call beside the door can be named. */
export interface Place {
  readonly runId: string
  readonly activation: string | null
  readonly where: 'node' | 'condition' | 'preview' | 'facts' | 'tool' | 'step'
  /** True inside `execute` and `reconcile` of a tool with an effect, where a tool may use a client of its own. */
  readonly mediated: boolean
}

/** What `ctx.fetch` of one activity may do, and whom it tells. */
export interface OutletOptions {
  readonly hosts: readonly string[]
  /** False when only reading is allowed: POST, PUT, PATCH and DELETE are refused. */
  readonly unsafeAllowed: boolean
  /** Run id and traceparent; sent with every request, but not to the host that a redirect leads to. */
  readonly headers: Readonly<Record<string, string>>
  /** `baggage` of the run; sent only to hosts that are trusted with it. */
  readonly baggage: string
  /** Sent as `Idempotency-Key` with unsafe methods; null for reads. */
  readonly idempotencyKey: string | null
  /** The tool's credential for a host, or null. Asked before each request, so before `beforeSend`. */
  readonly credential?: (host: string) => Promise<CredentialHeader | null>
  readonly signal: AbortSignal
  /** Right before each send: throws when lease, deadline or kill switch forbid it (ENGINE R4). */
  readonly beforeSend: () => Promise<void>
  /** An unsafe request may have left the process. */
  readonly onSend: () => void
  /** An answer of the target arrived, whatever its status. */
  readonly onAnswer: () => void
  /** The request certainly did not reach the target (nothing listens there). */
  readonly onNotSent: () => void
}

/** The way out of the process for tools, and the watch over what goes out beside it. */
export interface OutletPort {
  fetch(options: OutletOptions): typeof fetch
  /** True for a `host:port` that may be told the run in `baggage`. */
  isTrusted(host: string): boolean
  /** Runs code with its place known to the watch. */
  runIn<T>(place: Place, fn: () => T): T
  /** Calls back for every outside call in a place that is not mediated; the returned function stops. */
  onUnmediated(listener: (place: Place, host: string) => void): () => void
}

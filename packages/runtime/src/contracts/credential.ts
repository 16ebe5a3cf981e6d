import type { JsonValue } from '../base/json.ts'

/**
 * The credential of one tool, as the tool gets it. `ctx.fetch` applies it by itself to the hosts that it is for, so that
 * most tools never ask. Throws KEY_MISSING, naming the tool and its source, when it has none or it cannot be had now.
 */
export interface ToolCredential {
  /** The text of an Authorization header, such as `Bearer …`. */
  header(): Promise<string>
  value(): Promise<string>
}

/** One header that goes out with a request. */
export interface CredentialHeader {
  readonly name: string
  readonly value: string
}

/** A value without credentials, and the tools whose credential was found in it. */
export interface Redacted<T extends JsonValue> {
  readonly value: T
  readonly leaked: readonly string[]
}

/** The credentials of the tools of one process. */
export interface CredentialPort {
  of(tool: string): ToolCredential
  /** What `ctx.fetch` of the tool adds to a request to `host` (`host:port`); null when its credential is not for it. */
  headerFor(tool: string, host: string): Promise<CredentialHeader | null>
  /** Takes every credential out that this process has held, also encoded as base64, hexadecimal or in a URL. */
  redact<T extends JsonValue>(value: T): Redacted<T>
}

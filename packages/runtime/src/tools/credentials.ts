import { SignalboxError, toSignalboxError } from '../base/errors.ts'
import type { Host } from '../base/host.ts'
import type { JsonValue } from '../base/json.ts'
import type { CredentialHeader, CredentialPort, Redacted, ToolCredential } from '../contracts/credential.ts'
import type { CredentialDef } from './credential-sources.ts'
import { readHosts } from './hosts.ts'
import { mediatedCall } from './place.ts'
import { spellings } from '../base/secret-spellings.ts'
import { redacted } from './redact.ts'

/** How the credential of one tool stands. Never its value. */
export interface CredentialStatus {
  readonly tool: string
  /** `environment`, `file`, `command`, or what a provider calls itself. */
  readonly kind: string
  /** The variable, path or program. */
  readonly source: string
  readonly hosts: readonly string[]
  readonly header: string
  /** Null: it was not asked for yet. */
  readonly resolves: boolean | null
  /** Why it does not resolve, or null. */
  readonly problem: string | null
  /** Milliseconds since 1970; null when it has no expiry of its own, or is not known. */
  readonly expiresAt: number | null
  /** Another tool with the same value; null when there is none. */
  readonly sharedWith: string | null
}

interface Held {
  readonly value: string
  readonly expiresAt: number | null
  /** When the source is asked again; null: never. */
  readonly rereadAt: number | null
}

/** What the keeper needs of the process. */
export interface KeeperParts {
  readonly host: Host
  readonly env: Readonly<Record<string, string | undefined>>
}

const LEAST_LENGTH = 8
const MOST_LENGTH = 16_384
/** A credential is renewed this share of its life before its end, but never more than a minute before. */
const RENEW_SHARE = 0.2
const RENEW_MS = 60_000
/** So many former values of each credential are still known, and taken out of what is stored. */
const KEPT_VALUES = 4

/** Holds the credentials of the tools of one process, each got when it is needed, and renewed before it expires. */
export class CredentialKeeper implements CredentialPort {
  readonly #defs: ReadonlyMap<string, CredentialDef>
  readonly #parts: KeeperParts
  readonly #held = new Map<string, Held>()
  readonly #pending = new Map<string, Promise<Held>>()
  readonly #problems = new Map<string, string>()
  readonly #values = new Map<string, readonly string[]>()
  #spellings: readonly { readonly tool: string; readonly text: string }[] = []

  constructor(defs: Readonly<Record<string, CredentialDef>>, parts: KeeperParts) {
    this.#defs = new Map(Object.entries(defs))
    this.#parts = parts
  }

  of(tool: string): ToolCredential {
    return {
      value: async () => (await this.#get(tool)).value,
      header: async () => `Bearer ${(await this.#get(tool)).value}`,
    }
  }

  async headerFor(tool: string, host: string): Promise<CredentialHeader | null> {
    const def = this.#defs.get(tool)
    if (def === undefined || !hostsOf(def).includes(host)) return null
    const { value } = await this.#get(tool)
    return def.header === undefined ? { name: 'authorization', value: `Bearer ${value}` } : { name: def.header, value }
  }

  redact<T extends JsonValue>(value: T): Redacted<T> {
    return redacted(value, this.#spellings)
  }

  /** Asks every source, and tells how each credential stands. Throws nothing. */
  async prove(): Promise<readonly CredentialStatus[]> {
    await Promise.all([...this.#defs.keys()].map((tool) => this.#get(tool).catch(() => undefined)))
    return this.status()
  }

  /** How each credential stands now, by tool; asks no source. */
  status(): readonly CredentialStatus[] {
    return [...this.#defs].map(([tool, def]) => this.#statusOf(tool, def)).sort((a, b) => (a.tool < b.tool ? -1 : 1))
  }

  /** Variables that hold credentials: to be taken out of the environment of a process that runs tools. */
  variables(): readonly string[] {
    return [...this.#defs.values()].flatMap(({ source }) => (source.kind === 'environment' ? [source.name] : []))
  }

  #statusOf(tool: string, def: CredentialDef): CredentialStatus {
    const held = this.#held.get(tool)
    const problem = this.#problems.get(tool) ?? null
    return {
      tool,
      kind: def.source.kind,
      source: def.source.name,
      hosts: hostsOrNone(def),
      header: def.header ?? 'authorization',
      resolves: problem !== null ? false : held ? true : null,
      problem,
      expiresAt: held?.expiresAt ?? null,
      sharedWith: held ? this.#sharedWith(tool, held.value) : null,
    }
  }

  #sharedWith(tool: string, value: string): string | null {
    for (const [other, { value: theirs }] of this.#held) if (other !== tool && theirs === value) return other
    return null
  }

  async #get(tool: string): Promise<Held> {
    const def = this.#defs.get(tool)
    if (def === undefined)
      throw notHad(`tool \`${tool}\` has no credential: declare one for it in \`credentials\` of the project`)
    const held = this.#held.get(tool)
    const now = this.#parts.host.now()
    if (held && (held.rereadAt === null || now < held.rereadAt)) return held
    try {
      return await this.#renew(tool, def)
    } catch (thrown) {
      // The old one is good until its own end, whatever the source says about the next.
      if (held?.expiresAt !== null && held && this.#parts.host.now() < held.expiresAt) return held
      this.#held.delete(tool)
      throw notHad(`the credential of tool \`${tool}\` cannot be had: ${toSignalboxError(thrown).message}`)
    }
  }

  /** Asks the source, once for all who wait. */
  #renew(tool: string, def: CredentialDef): Promise<Held> {
    const known = this.#pending.get(tool)
    if (known) return known
    const asked = this.#ask(tool, def).finally(() => this.#pending.delete(tool))
    this.#pending.set(tool, asked)
    return asked
  }

  async #ask(tool: string, { source }: CredentialDef): Promise<Held> {
    try {
      const { value, expiresInSeconds } = await mediatedCall(() => source.read(this.#parts.env))
      checkValue(value)
      const now = this.#parts.host.now()
      const lifeMs = expiresInSeconds === undefined ? null : expiresInSeconds * 1_000
      const rereadMs = source.rereadSeconds === null ? null : source.rereadSeconds * 1_000
      const renewMs = lifeMs === null ? rereadMs : lifeMs - Math.min(RENEW_MS, lifeMs * RENEW_SHARE)
      const held = {
        value,
        expiresAt: lifeMs === null ? null : now + lifeMs,
        rereadAt: renewMs === null ? null : now + renewMs,
      }
      this.#remember(tool, value)
      this.#held.set(tool, held)
      this.#problems.delete(tool)
      return held
    } catch (thrown) {
      const why = thrown instanceof SignalboxError ? thrown.message : 'its source failed'
      this.#problems.set(tool, why)
      throw new SignalboxError('KEY_MISSING', why)
    }
  }

  #remember(tool: string, value: string): void {
    const before = this.#values.get(tool) ?? []
    if (before.includes(value)) return
    this.#values.set(tool, [value, ...before].slice(0, KEPT_VALUES))
    this.#spellings = [...this.#values].flatMap(([name, values]) =>
      values.flatMap((each) => spellings(each).map((text) => ({ tool: name, text }))),
    )
  }
}

function hostsOf({ hosts }: CredentialDef): readonly string[] {
  return readHosts(typeof hosts === 'function' ? hosts() : hosts)
}

/** A list that cannot be read now is told by the call that needs it. */
function hostsOrNone(def: CredentialDef): readonly string[] {
  try {
    return hostsOf(def)
  } catch {
    return []
  }
}

function checkValue(value: string): void {
  if (typeof value !== 'string' || value.length < LEAST_LENGTH || value.length > MOST_LENGTH)
    throw notHad(`its source gives a value that is not ${LEAST_LENGTH} to ${MOST_LENGTH} characters long`)
  // Such a value could not be sent in a header, and would tell of a page of text rather than of a credential.
  if (!/^[\x21-\x7e]+$/.test(value)) throw notHad('its source gives a value with spaces or characters beyond ASCII')
}

function notHad(message: string): SignalboxError {
  // It is asked for before anything is sent.
  return new SignalboxError('KEY_MISSING', message, { details: { not_sent: true } })
}

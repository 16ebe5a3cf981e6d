import { SignalboxError } from './errors.ts'
import type { Host } from './host.ts'

declare const brand: unique symbol

/** A string that only its own constructor makes. */
export type Id<Kind extends string> = string & { readonly [brand]: Kind }

/** Identifies a run within all tenants (`run_` and a time-ordered number). */
export type RunId = Id<'run'>

/** Identifies a tenant: the isolation key, part of every key (invariant 16). */
export type TenantId = Id<'tenant'>

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz'

/** 48 bits of wall time and 64 random bits in Crockford base 32: 10 + 13 characters, sortable by time. */
function timeOrdered(host: Host): string {
  let time = host.now()
  let head = ''
  for (let i = 0; i < 10; i++) {
    head = ALPHABET.charAt(time % 32) + head
    time = Math.floor(time / 32)
  }
  let tail = ''
  for (const byte of host.randomBytes(13)) tail += ALPHABET.charAt(byte & 31)
  return head + tail
}

/** A new identifier with a readable prefix, such as `apr_01j...`. */
export function newId(host: Host, prefix: string): string {
  return `${prefix}_${timeOrdered(host)}`
}

/** A new run id. */
export function newRunId(host: Host): RunId {
  // The prefix and the alphabet make it a run id; nothing else makes one.
  return newId(host, 'run') as RunId
}

const RUN_ID = /^run_[0-9a-z]{10,40}$/
const TENANT_ID = /^[a-z0-9][a-z0-9_-]{0,62}$/

/** Reads a run id that came from outside. Throws INPUT_INVALID. */
export function asRunId(text: string): RunId {
  if (!RUN_ID.test(text)) throw new SignalboxError('INPUT_INVALID', `run id \`${text}\` is not of the form run_...`)
  return text as RunId
}

/** Reads a tenant id that came from outside: lower-case letters, digits, `-` and `_`, at most 63. Throws INPUT_INVALID. */
export function asTenantId(text: string): TenantId {
  if (!TENANT_ID.test(text))
    throw new SignalboxError(
      'INPUT_INVALID',
      `tenant \`${text}\` must be lower-case letters, digits, - or _, at most 63`,
    )
  return text as TenantId
}

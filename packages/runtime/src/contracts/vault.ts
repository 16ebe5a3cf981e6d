import type { Labels } from './common.ts'

/** One record's contents, encrypted together, with a keyed hash of each (invariant 14, ENGINE R16). */
export interface Sealed {
  /** Ciphertext with everything needed to open it but the key. Stored beside the record. */
  readonly bytes: Uint8Array
  /** For each content, in order: HMAC over salt and bytes under the tenant's digest key, base64url. */
  readonly hashes: readonly string[]
}

/** Seals and opens contents for one data subject of one tenant. Synchronous: keys are loaded when it is made. */
export interface Sealer {
  /** Encrypts texts under the subject's key with a fresh salt. */
  seal(texts: readonly string[]): Sealed
  /** Opens what `seal` gave. Throws CONTENT_ERASED when the bytes or the key are gone, STORE_CORRUPT when they do not verify. */
  open(bytes: Uint8Array | null): readonly string[]
  /** Opens as `open` does, with the keyed hash of each text: what a record's references must hold. */
  openHashed(bytes: Uint8Array | null): { readonly texts: readonly string[]; readonly hashes: readonly string[] }
  /** Keyed digest of a text under the tenant's digest key, equal for equal texts within the tenant. */
  digest(text: string): string
}

/** Gives sealers; makes a subject's key at first use. */
export interface Vault {
  /** Throws KEY_MISSING when the tenant's key cannot be had. */
  sealer(tenant: string, subject: string): Promise<Sealer>
  /** What `digest` of every sealer of the tenant gives, for who asks about no subject. Throws KEY_MISSING. */
  digester(tenant: string): Promise<Sealer['digest']>
  /** Destroys a subject's key: every content sealed under it is gone, the chain stays verifiable. */
  destroySubject(tenant: string, subject: string): Promise<void>
}

/** A value to be sealed into a record, and its labels. */
export interface ContentDraft {
  readonly text: string
  readonly labels: Labels
}

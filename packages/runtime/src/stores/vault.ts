/**
 * Sealed content (invariant 14, ENGINE R16). The master key wraps one key per tenant; from that come the tenant's digest
 * key and the key that wraps the keys of data subjects; a subject's key encrypts contents. Destroying a subject's key
 * erases its contents and leaves every hash and digest as it was.
 */
import { createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto'
import { SignalboxError } from '../base/errors.ts'
import { hmacBase64Url } from '../base/hash.ts'
import type { Host } from '../base/host.ts'
import type { Store } from '../contracts/store.ts'
import type { Sealed, Sealer, Vault } from '../contracts/vault.ts'

/** First byte of everything encrypted here. */
const FORMAT = 1
const KEY_BYTES = 32
const NONCE_BYTES = 12
const SALT_BYTES = 16
const TAG_BYTES = 16
const HEAD_BYTES = 1 + NONCE_BYTES
/** The subject under which a tenant's own key is stored; names that start with `$` are not for data subjects. */
const TENANT_SUBJECT = '$tenant'
const CACHED_KEYS = 2_000

/** What a vault needs. */
export interface KeyVaultOptions {
  readonly store: Pick<Store, 'key' | 'putKey' | 'destroyKey'>
  readonly host: Host
  /** 32 bytes. Whoever has it and the store can read everything. */
  readonly masterKey: Uint8Array
  /** How many keys of tenants and subjects each are kept in memory. Default 2,000. */
  readonly cachedKeys?: number
}

interface TenantKeys {
  readonly digest: Uint8Array
  readonly wrap: Uint8Array
}

/** A value per key, made once, with the longest unused dropped. */
class Recent<T> {
  readonly #limit: number
  readonly #entries = new Map<string, Promise<T>>()

  constructor(limit: number) {
    this.#limit = limit
  }

  /** The value for the key; `make` runs when it is not there, and a failure is not kept. */
  get(key: string, make: () => Promise<T>): Promise<T> {
    const found = this.#entries.get(key)
    if (found) {
      this.#entries.delete(key)
      this.#entries.set(key, found)
      return found
    }
    const made = make()
    this.#entries.set(key, made)
    made.catch(() => {
      if (this.#entries.get(key) === made) this.#entries.delete(key)
    })
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= this.#limit) break
      this.#entries.delete(oldest)
    }
    return made
  }

  drop(key: string): void {
    this.#entries.delete(key)
  }
}

class SubjectSealer implements Sealer {
  readonly #host: Host
  readonly #digestKey: Uint8Array
  readonly #subject: string
  readonly #keyInForce: () => Uint8Array | null

  constructor(host: Host, digestKey: Uint8Array, subject: string, keyInForce: () => Uint8Array | null) {
    this.#host = host
    this.#digestKey = digestKey
    this.#subject = subject
    this.#keyInForce = keyInForce
  }

  seal(texts: readonly string[]): Sealed {
    const salt = this.#host.randomBytes(SALT_BYTES)
    const plain = Buffer.concat([salt, Buffer.from(JSON.stringify(texts), 'utf8')])
    return {
      bytes: encrypt(this.#host, this.#key(), plain, ''),
      hashes: texts.map((text) => hmacBase64Url(this.#digestKey, salt, text)),
    }
  }

  open(bytes: Uint8Array | null): readonly string[] {
    if (bytes === null) throw erased(this.#subject)
    const plain = decrypt(this.#key(), bytes, '')
    const texts = plain && readTexts(plain.subarray(SALT_BYTES))
    if (!texts) throw new SignalboxError('STORE_CORRUPT', 'sealed content does not verify: restore the last backup')
    return texts
  }

  digest(text: string): string {
    return hmacBase64Url(this.#digestKey, text)
  }

  #key(): Uint8Array {
    const key = this.#keyInForce()
    if (!key) throw erased(this.#subject)
    return key
  }
}

class KeyVault implements Vault {
  readonly #store: KeyVaultOptions['store']
  readonly #host: Host
  readonly #masterKey: Uint8Array
  readonly #tenants: Recent<TenantKeys>
  readonly #sealers: Recent<Sealer>
  /** Subjects destroyed through this vault: sealers that are still held somewhere must refuse too. */
  readonly #destroyed = new Set<string>()

  constructor(options: KeyVaultOptions) {
    if (options.masterKey.length !== KEY_BYTES)
      throw new SignalboxError(
        'KEY_MISSING',
        `the master key has ${options.masterKey.length} bytes and must have ${KEY_BYTES}`,
      )
    this.#store = options.store
    this.#host = options.host
    this.#masterKey = options.masterKey.slice()
    this.#tenants = new Recent(options.cachedKeys ?? CACHED_KEYS)
    this.#sealers = new Recent(options.cachedKeys ?? CACHED_KEYS)
  }

  sealer(tenant: string, subject: string): Promise<Sealer> {
    return this.#sealers.get(place(tenant, subject), () => this.#makeSealer(tenant, subject))
  }

  async destroySubject(tenant: string, subject: string): Promise<void> {
    refuseReserved(subject)
    this.#destroyed.add(place(tenant, subject))
    this.#sealers.drop(place(tenant, subject))
    await this.#store.destroyKey(tenant, subject, this.#host.now())
  }

  async #makeSealer(tenant: string, subject: string): Promise<Sealer> {
    refuseReserved(subject)
    const { digest, wrap } = await this.#tenants.get(tenant, () => this.#tenantKeys(tenant))
    const bound = `subject:${place(tenant, subject)}`
    const key = await this.#storedKey(tenant, subject, wrap, bound)
    const at = place(tenant, subject)
    return new SubjectSealer(this.#host, digest, subject, () => (this.#destroyed.has(at) ? null : key))
  }

  async #tenantKeys(tenant: string): Promise<TenantKeys> {
    const key = await this.#storedKey(tenant, TENANT_SUBJECT, this.#masterKey, `tenant:${tenant}`)
    if (!key) throw new SignalboxError('KEY_MISSING', `the key of tenant \`${tenant}\` was destroyed`)
    return { digest: derive(key, 'signalbox digest'), wrap: derive(key, 'signalbox subject keys') }
  }

  /** The key of a subject, made at first use; null when it was destroyed. The first process to store one wins. */
  async #storedKey(tenant: string, subject: string, under: Uint8Array, bound: string): Promise<Uint8Array | null> {
    let wrapped = (await this.#store.key(tenant, subject)) ?? undefined
    if (!wrapped) {
      const fresh = encrypt(this.#host, under, this.#host.randomBytes(KEY_BYTES), bound)
      wrapped = { wrapped: await this.#store.putKey(tenant, subject, fresh), destroyedAt: null }
    }
    if (!wrapped.wrapped) return null
    const key = decrypt(under, wrapped.wrapped, bound)
    if (key) return key
    const sentence = `the key of tenant \`${tenant}\` does not open: give the master key that the data was made with`
    throw new SignalboxError('KEY_MISSING', sentence)
  }
}

function place(tenant: string, subject: string): string {
  return `${tenant.length}:${tenant}${subject}`
}

function refuseReserved(subject: string): void {
  if (subject.startsWith('$') || subject === '')
    throw new SignalboxError('INPUT_INVALID', `subject \`${subject}\` must not be empty or start with $`)
}

function erased(subject: string): SignalboxError {
  return new SignalboxError('CONTENT_ERASED', `the content of subject \`${subject}\` was erased`)
}

function derive(key: Uint8Array, purpose: string): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', key, new Uint8Array(0), purpose, KEY_BYTES))
}

/** Format byte, nonce, ciphertext, tag. `bound` is authenticated with it and must be equal to decrypt. */
function encrypt(host: Host, key: Uint8Array, plain: Uint8Array, bound: string): Uint8Array {
  const head = Buffer.concat([Buffer.of(FORMAT), host.randomBytes(NONCE_BYTES)])
  const cipher = createCipheriv('aes-256-gcm', key, head.subarray(1))
  cipher.setAAD(Buffer.from(`${FORMAT}${bound}`, 'utf8'))
  return Buffer.concat([head, cipher.update(plain), cipher.final(), cipher.getAuthTag()])
}

/** The plain bytes, or null when they do not verify. */
function decrypt(key: Uint8Array, bytes: Uint8Array, bound: string): Uint8Array | null {
  if (bytes.length < HEAD_BYTES + TAG_BYTES || bytes[0] !== FORMAT) return null
  const end = bytes.length - TAG_BYTES
  const cipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(1, HEAD_BYTES), { authTagLength: TAG_BYTES })
  cipher.setAAD(Buffer.from(`${FORMAT}${bound}`, 'utf8'))
  cipher.setAuthTag(bytes.subarray(end))
  try {
    return Buffer.concat([cipher.update(bytes.subarray(HEAD_BYTES, end)), cipher.final()])
  } catch {
    return null
  }
}

function readTexts(bytes: Uint8Array): readonly string[] | null {
  const value: unknown = JSON.parse(Buffer.from(bytes).toString('utf8'))
  return Array.isArray(value) && value.every((text) => typeof text === 'string') ? value : null
}

/** Seals contents under keys that are kept, wrapped, in the store. Throws KEY_MISSING for a master key of another length. */
export function keyVault(options: KeyVaultOptions): Vault {
  return new KeyVault(options)
}

/**
 * Sealed content (invariant 14, ENGINE R16). The master key wraps one key per tenant; from that come the tenant's digest
 * key and the key that wraps the keys of data subjects; a subject's key encrypts contents. Destroying a subject's key
 * erases its contents and leaves every hash and digest as it was.
 */
import { createCipheriv, createDecipheriv, hkdfSync, type KeyObject } from 'node:crypto'
import { SignalboxError } from '../base/errors.ts'
import { hmacBase64Url, secretKey } from '../base/hash.ts'
import type { Host } from '../base/host.ts'
import type { Store } from '../contracts/store.ts'
import type { Sealed, Sealer, Vault } from '../contracts/vault.ts'

/** First byte of everything encrypted here. */
const FORMAT = 1
const KEY_BYTES = 32
const NONCE_BYTES = 12
const SALT_BYTES = 16
const LENGTH_BYTES = 4
const TAG_BYTES = 16
const HEAD_BYTES = 1 + NONCE_BYTES
/** The subject under which a tenant's own key is stored; names that start with `$` are not for data subjects. */
export const TENANT_SUBJECT = '$tenant'
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
  readonly digest: KeyObject
  readonly wrap: KeyObject
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
  readonly #digestKey: KeyObject
  readonly #subject: string
  readonly #keyInForce: () => KeyObject | null

  constructor(host: Host, digestKey: KeyObject, subject: string, keyInForce: () => KeyObject | null) {
    this.#host = host
    this.#digestKey = digestKey
    this.#subject = subject
    this.#keyInForce = keyInForce
  }

  seal(texts: readonly string[]): Sealed {
    const salt = this.#host.randomBytes(SALT_BYTES)
    const { plain, parts } = pack(salt, texts)
    return {
      bytes: encrypt(this.#host, this.#key(), plain, ''),
      hashes: parts.map((part) => hmacBase64Url(this.#digestKey, salt, part)),
    }
  }

  open(bytes: Uint8Array | null): readonly string[] {
    return this.#unseal(bytes).texts
  }

  openHashed(bytes: Uint8Array | null): { readonly texts: readonly string[]; readonly hashes: readonly string[] } {
    const { plain, texts } = this.#unseal(bytes)
    const salt = plain.subarray(0, SALT_BYTES)
    return { texts, hashes: texts.map((text) => hmacBase64Url(this.#digestKey, salt, text)) }
  }

  #unseal(bytes: Uint8Array | null): { readonly plain: Buffer; readonly texts: readonly string[] } {
    if (bytes === null) throw erased(this.#subject)
    const plain = decrypt(this.#key(), bytes, '')
    const texts = plain && unpack(plain)
    if (!plain || !texts)
      throw new SignalboxError('STORE_CORRUPT', 'sealed content does not verify: restore the last backup')
    return { plain, texts }
  }

  digest(text: string): string {
    return hmacBase64Url(this.#digestKey, text)
  }

  #key(): KeyObject {
    const key = this.#keyInForce()
    if (!key) throw erased(this.#subject)
    return key
  }
}

class KeyVault implements Vault {
  readonly #store: KeyVaultOptions['store']
  readonly #host: Host
  readonly #masterKey: KeyObject
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
    this.#masterKey = secretKey(options.masterKey)
    this.#tenants = new Recent(options.cachedKeys ?? CACHED_KEYS)
    this.#sealers = new Recent(options.cachedKeys ?? CACHED_KEYS)
  }

  sealer(tenant: string, subject: string): Promise<Sealer> {
    return this.#sealers.get(place(tenant, subject), () => this.#makeSealer(tenant, subject))
  }

  async digester(tenant: string): Promise<Sealer['digest']> {
    const { digest } = await this.#tenants.get(tenant, () => this.#tenantKeys(tenant))
    return (text) => hmacBase64Url(digest, text)
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
  async #storedKey(tenant: string, subject: string, under: KeyObject, bound: string): Promise<KeyObject | null> {
    let wrapped = (await this.#store.key(tenant, subject)) ?? undefined
    if (!wrapped) {
      const fresh = encrypt(this.#host, under, this.#host.randomBytes(KEY_BYTES), bound)
      wrapped = { wrapped: await this.#store.putKey(tenant, subject, fresh), destroyedAt: null }
    }
    if (!wrapped.wrapped) return null
    const key = decrypt(under, wrapped.wrapped, bound)
    if (key) return secretKey(key)
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

function derive(key: KeyObject, purpose: string): KeyObject {
  return secretKey(new Uint8Array(hkdfSync('sha256', key, new Uint8Array(0), purpose, KEY_BYTES)))
}

/** Format byte, nonce, ciphertext, tag. `bound` is authenticated with it and must be equal to decrypt. */
function encrypt(host: Host, key: KeyObject, plain: Uint8Array, bound: string): Uint8Array {
  const head = Buffer.concat([Buffer.of(FORMAT), host.randomBytes(NONCE_BYTES)])
  const cipher = createCipheriv('aes-256-gcm', key, head.subarray(1))
  cipher.setAAD(Buffer.from(`${FORMAT}${bound}`, 'utf8'))
  return Buffer.concat([head, cipher.update(plain), cipher.final(), cipher.getAuthTag()])
}

/** The plain bytes, or null when they do not verify. */
function decrypt(key: KeyObject, bytes: Uint8Array, bound: string): Buffer | null {
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

/** Salt, then each text as its length in bytes (32 bits, big endian) and its UTF-8; `parts` are the texts in it. */
function pack(salt: Uint8Array, texts: readonly string[]): { readonly plain: Buffer; readonly parts: Buffer[] } {
  const lengths = texts.map((text) => Buffer.byteLength(text))
  const plain = Buffer.allocUnsafe(lengths.reduce((sum, length) => sum + LENGTH_BYTES + length, SALT_BYTES))
  plain.set(salt)
  let at = SALT_BYTES
  const parts = texts.map((text, i) => {
    const from = plain.writeUInt32BE(lengths[i] ?? 0, at)
    at = from + plain.write(text, from)
    return plain.subarray(from, at)
  })
  return { plain, parts }
}

/** The texts that were packed, or null when the lengths do not fit the bytes. */
function unpack(plain: Buffer): readonly string[] | null {
  const texts: string[] = []
  let at = SALT_BYTES
  while (at + LENGTH_BYTES <= plain.length) {
    const from = at + LENGTH_BYTES
    at = from + plain.readUInt32BE(at)
    texts.push(plain.toString('utf8', from, at))
  }
  return at === plain.length ? texts : null
}

/** Seals contents under keys that are kept, wrapped, in the store. Throws KEY_MISSING for a master key of another length. */
export function keyVault(options: KeyVaultOptions): Vault {
  return new KeyVault(options)
}

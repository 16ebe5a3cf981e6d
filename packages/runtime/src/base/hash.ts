import { createHmac, createSecretKey, hash, type KeyObject } from 'node:crypto'

/** SHA-256 of a text's UTF-8 bytes, in hex. */
export function sha256Hex(text: string): string {
  return hash('sha256', text, 'hex')
}

/** A secret key made ready once: signing or encrypting with its bare bytes prepares them again at each call. */
export function secretKey(bytes: Uint8Array): KeyObject {
  return createSecretKey(bytes)
}

/** HMAC-SHA-256 over the given parts, in base64url (43 characters). */
export function hmacBase64Url(key: Uint8Array | KeyObject, ...parts: readonly (string | Uint8Array)[]): string {
  const mac = createHmac('sha256', key)
  for (const part of parts) mac.update(part)
  return mac.digest('base64url')
}

/** SHA-256 over the given bytes one after another: 32 bytes. */
export function sha256Bytes(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(hash('sha256', Buffer.concat(parts), 'buffer'))
}

import { createHmac } from 'node:crypto'
import { SignalboxError } from 'signalbox'

const PREFIX = 'whsec_'

/** The headers of a message by the Standard Webhooks specification, signed with each secret; `at` in ms since 1970. */
export function signedHeaders(
  message: { readonly id: string; readonly at: number; readonly body: string },
  secrets: readonly string[],
): Readonly<Record<string, string>> {
  const timestamp = String(Math.floor(message.at / 1_000))
  const signed = `${message.id}.${timestamp}.${message.body}`
  const signatures = secrets.map((secret) => {
    const made = createHmac('sha256', keyOf(secret)).update(signed, 'utf8').digest('base64')
    return `v1,${made}`
  })
  return { 'webhook-id': message.id, 'webhook-timestamp': timestamp, 'webhook-signature': signatures.join(' ') }
}

/** 24 to 64 bytes, as the specification asks. Throws CONFIG_INVALID, without the secret. */
function keyOf(secret: string): Buffer {
  const text = secret.startsWith(PREFIX) ? secret.slice(PREFIX.length) : ''
  const key = Buffer.from(text, 'base64')
  if (key.length >= 24 && key.length <= 64) return key
  throw new SignalboxError(
    'CONFIG_INVALID',
    "a webhook's secret must be `whsec_` and 24 to 64 bytes in base 64: make one with `openssl rand -base64 32`",
  )
}

// #region verify
import { createHmac, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'

/** Seconds that a message may be old: an older one may be somebody's copy. */
const TOLERANCE = 300

/** True when the message was signed with one of the secrets, not long ago. `body` is the text exactly as it arrived. */
export function isSigned(
  headers: IncomingHttpHeaders,
  body: string,
  secrets: readonly string[],
  nowMs: number,
): boolean {
  const { 'webhook-id': id, 'webhook-timestamp': time, 'webhook-signature': given } = headers
  if (Math.abs(nowMs / 1_000 - Number(time)) > TOLERANCE) return false
  const signatures = String(given)
    .split(' ')
    .filter((each) => each.startsWith('v1,'))
  return secrets.some((secret) => {
    const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64')
    const wanted = createHmac('sha256', key).update(`${id}.${time}.${body}`).digest()
    return signatures.some((each) => {
      const bytes = Buffer.from(each.slice('v1,'.length), 'base64')
      return bytes.length === wanted.length && timingSafeEqual(bytes, wanted)
    })
  })
}
// #endregion verify

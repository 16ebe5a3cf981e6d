/** A signed exception: somebody with a listed key lets runtime and business move together, once, with a reason. */
import { type VerifierKey, verifierKeyOf } from 'signalbox'
import { z } from 'zod'
import { openReport } from '../drill/report.ts'
import { businessHash, type ReleaseManifest } from './manifest.ts'

const sideSchema = z.object({ runtime: z.string(), store: z.int(), business: z.string() })

/** Shape of an exception. */
export const exceptionSchema = z.object({
  kind: z.literal('release-exception'),
  v: z.literal(1),
  made_at: z.string(),
  project: z.string(),
  reason: z.string(),
  from: sideSchema,
  to: sideSchema,
  /** What moves, a sentence each: both sides are named. */
  moves: z.object({ runtime: z.array(z.string()), business: z.array(z.string()) }),
})

/** An exception as it is signed. */
export type ReleaseException = z.output<typeof exceptionSchema>

/** What an exception is bound to: one release and one build. */
export function sideOf(manifest: ReleaseManifest): ReleaseException['from'] {
  return {
    runtime: manifest.runtime_version,
    store: manifest.store_version,
    business: businessHash(manifest),
  }
}

/** True when the text is an exception for exactly this step, signed by one of the keys. Never throws. */
export function isExcepted(
  text: string,
  keys: readonly VerifierKey[],
  before: ReleaseManifest,
  now: ReleaseManifest,
): boolean {
  const signed = keys.map((key) => openReport(text, key)).find((opened) => opened.status === 'signed')
  const parsed = exceptionSchema.safeParse(signed?.status === 'signed' ? signed.report : null)
  if (!parsed.success) return false
  const { from, to, project, reason } = parsed.data
  const is = JSON.stringify([project, from, to])
  return reason.trim().length >= LEAST_REASON && is === JSON.stringify([now.project, sideOf(before), sideOf(now)])
}

/** Shorter reasons say nothing. */
export const LEAST_REASON = 10

/** True when the key is one of the list. */
export function isListed(publicKey: Uint8Array, keys: readonly VerifierKey[]): boolean {
  const { name } = verifierKeyOf(publicKey)
  return keys.some((key) => key.name === name && Buffer.from(key.publicKey).equals(Buffer.from(publicKey)))
}

import { SignalboxError } from '../base/errors.ts'
import type { Sealer } from '../contracts/vault.ts'

/** A reason that says nothing is refused. */
const LEAST_REASON = 3

/** Where the subject was erased nothing can be sealed any more: the order counts, its words are not kept. */
export function sealedOrNothing(sealer: Sealer, texts: readonly string[]): Uint8Array | null {
  try {
    return sealer.seal([...texts]).bytes
  } catch (thrown) {
    if (thrown instanceof SignalboxError && thrown.code === 'CONTENT_ERASED') return null
    throw thrown
  }
}

/** The text without blanks around it. Throws INPUT_INVALID when it says nothing. */
export function checkReason(reason: string, field = 'reason'): string {
  const text = reason.trim()
  if (text.length < LEAST_REASON)
    throw new SignalboxError('INPUT_INVALID', `\`${field}\` must say why, in at least ${LEAST_REASON} characters`)
  return text
}

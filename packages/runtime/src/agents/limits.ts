/** Limits on what a model may ask for that no budget catches: the same call again and again, too many calls at once. */
import { sha256Hex } from '../base/hash.ts'
import { canonicalJson } from '../base/json.ts'
import type { AnswerCall } from './messages.ts'

/** How often the last call was made in a row. */
export interface Repeats {
  /** Digest of tool and arguments; empty before the first call. */
  readonly of: string
  readonly count: number
}

/** Before the first call. */
export const NO_REPEATS: Repeats = { of: '', count: 0 }

/** What becomes of the calls of one answer, before any of them is asked. */
export interface Screened {
  /** Why a call is not asked, for those that are not. */
  readonly refused: ReadonlyMap<AnswerCall, { readonly error: string; readonly reason: string }>
  readonly repeats: Repeats
  /** The tool of a call that was made once more after the model was told. */
  readonly insists: string | null
}

/** Screens the calls of an answer: those above the limit of a turn, and those made once too often in a row. */
export function screen(
  calls: readonly AnswerCall[],
  before: Repeats,
  limits: { readonly maxCallsPerTurn: number; readonly maxRepeatedCalls: number },
): Screened {
  const refused = new Map<AnswerCall, { readonly error: string; readonly reason: string }>()
  let repeats = before
  let insists: string | null = null
  for (const [place, call] of calls.entries()) {
    if (place >= limits.maxCallsPerTurn) {
      const reason = `one answer may make ${limits.maxCallsPerTurn} calls; this one was not made`
      refused.set(call, { error: 'TOO_MANY_CALLS', reason })
      continue
    }
    const of = sha256Hex(canonicalJson([call.tool, call.input.value]))
    repeats = { of, count: repeats.of === of ? repeats.count + 1 : 1 }
    if (repeats.count <= limits.maxRepeatedCalls) continue
    const reason = `the same call was made ${limits.maxRepeatedCalls} times in a row; it was not made again: do something else`
    refused.set(call, { error: 'REPEATED_CALL', reason })
    if (repeats.count > limits.maxRepeatedCalls + 1) insists ??= call.tool
  }
  return { refused, repeats, insists }
}

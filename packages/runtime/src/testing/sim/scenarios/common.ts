import type { CallEnd } from '../../../orchestration/types.ts'

/** A budget that no scenario reaches by accident. */
export const WIDE = {
  maxTurns: 200,
  maxToolCalls: 400,
  maxRuntimeSeconds: 100_000,
  maxTokens: 10_000_000,
  maxCostUsd: '100',
} as const

/** Tries a node again until the trouble is over. */
export const AGAIN = { attempts: 14, backoffSeconds: 1 } as const

/** The output of a call that must succeed in the end: what ended otherwise is tried again with the node. */
export function done<O>(end: CallEnd<O>): O {
  if (end.status !== 'succeeded') throw new Error(`the call ended as ${end.status}`)
  return end.output
}

import { sha256Hex } from '../base/hash.ts'

/** Identifies an activation: the same on every branch, attempt and worker (ENGINE R1). */
export function activationId(scope: string, superstep: number, node: string, delivery: number): string {
  return `${scope}.${superstep}.${node}.${delivery}`
}

/** Journal key of an ask. */
export function askKey(activation: string, position: number, ordinal: number): string {
  return `${activation}/${position}/${ordinal}`
}

/** Key of what an activity itself asks: facts, preview, reconcile (ENGINE R1). */
export function childKey(parent: string, phase: string, n: number): string {
  return `${parent}/${phase}/${n}`
}

/**
 * Idempotency key: the run of the first ask and the ask's key, and the question's id when a person ordered a repeat.
 * Nothing in it depends on attempt, branch or worker (invariant 4, ENGINE R5). At most 64 characters, safe in a header.
 */
export function idempotencyKey(rootRun: string, key: string, orderedBy: string | null): string {
  return `sb-${sha256Hex(`${rootRun}\n${key}\n${orderedBy ?? ''}`).slice(0, 40)}`
}

/** A number in [0, 1) that depends on nothing but its seed text (invariant 13). */
export function seededRandom(seed: string): number {
  return Number.parseInt(sha256Hex(seed).slice(0, 13), 16) / 2 ** 52
}

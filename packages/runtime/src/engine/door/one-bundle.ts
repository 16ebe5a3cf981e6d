import { askForApproval } from './approval.ts'
import type { Ask, Ended } from './ask.ts'
import { decideAgain, decideFirst } from './decide.ts'
import { refusedInStep } from './identify.ts'

/**
 * True while the ask was decided, and its approval derived again, under the bundle that is in force. Found right before the
 * intent: with nothing awaited in between, an ask is decided and sent under one bundle.
 */
export function isUnderOneBundle({ run, decision, approval }: Ask): boolean {
  const { bundle } = run.env.policy
  return decision?.bundle === bundle && (approval === null || approval.bundle === bundle)
}

/**
 * Another bundle came into force while the ask was on its way: it is asked again under that one. An approval stays where
 * the policies that asked and their approvers are the same, and is void otherwise (ENGINE R19).
 */
export async function askUnderNewBundle(ask: Ask): Promise<Ended | null> {
  ask.approval = null
  return refusedInStep(ask) ?? (await decideFirst(ask)) ?? (await askForApproval(ask)) ?? (await decideAgain(ask))
}

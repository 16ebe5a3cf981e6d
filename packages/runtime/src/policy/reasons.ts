/**
 * Reason codes that the policy plane itself gives, each with the sentence shown to people. A bundle declares its own
 * codes beside these and cannot redefine them.
 */
export const POLICY_REASONS = {
  PERMITTED: 'a policy permits the action and none forbids it',
  APPROVED: 'a person with a required role approved exactly this action',
  NO_PERMIT: 'no policy permits the action',
  TOOL_UNKNOWN: 'the tool is not in the catalogue',
  MODEL_UNKNOWN: 'the model is not in the catalogue',
  CATALOGUE_MISMATCH: 'the tool gives another class or effect than the catalogue',
  INPUT_NOT_PROJECTABLE: 'a value that policy has to see is missing or has another type than the catalogue declares',
  NO_RULE: 'no policy is in force at this point; its controls decide',
  TOOL_NOT_IN_STEP: 'the step of the workflow may not call this tool',
  NOT_APPROVABLE: 'no approval could make the action allowed',
} as const

/** A reason code of the policy plane itself. */
export type PolicyReason = keyof typeof POLICY_REASONS

/** True for a code that a bundle may not declare, because the policy plane gives it a meaning. */
export function isPolicyReason(code: string): code is PolicyReason {
  return Object.hasOwn(POLICY_REASONS, code)
}

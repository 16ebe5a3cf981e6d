import { toJsonValue } from '../../base/json.ts'
import type { Control, ControlAnswer } from '../../contracts/control.ts'
import type { Labels } from '../../contracts/common.ts'
import type { InterventionPoint, Verdict } from '../../contracts/policy.ts'
import { mayAnswer } from '../points.ts'

const VERDICTS: readonly Verdict[] = ['allow', 'warn', 'deny', 'require_approval', 'transform']

/**
 * What a control answered, read field by field: user code may give anything. A string says why it is no answer, which is
 * a malfunction (Invariant 2).
 */
export function readAnswer(control: Control, point: InterventionPoint, given: unknown): ControlAnswer | string {
  if (typeof given !== 'object' || given === null || !('verdict' in given)) return 'its answer has no verdict'
  const verdict = VERDICTS.find((one) => one === given.verdict)
  if (verdict === undefined) return 'its verdict is none that there is'
  if (!mayAnswer('control', point, verdict)) return `it may not answer \`${verdict}\` at \`${point}\``
  if (verdict === 'allow') return { verdict }
  const reason = 'reason' in given ? given.reason : undefined
  if (typeof reason !== 'string' || !Object.hasOwn(control.reasons, reason))
    return 'it gives a reason that it does not declare'
  switch (verdict) {
    case 'require_approval':
      return readAsking(reason, 'approvers' in given ? given.approvers : undefined)
    case 'transform':
      return readTransform(reason, given)
    default:
      return { verdict, reason }
  }
}

function readAsking(reason: string, approvers: unknown): ControlAnswer | string {
  const names = Array.isArray(approvers) ? approvers.filter((role) => typeof role === 'string' && role !== '') : []
  if (!Array.isArray(approvers) || names.length === 0 || names.length < approvers.length)
    return 'it asks for a person and names no roles'
  return { verdict: 'require_approval', reason, approvers: [...new Set<string>(names)] }
}

function readTransform(reason: string, given: object): ControlAnswer | string {
  if (!('value' in given) || given.value === undefined) return 'it changes the value and gives none'
  const labels = 'labels' in given && given.labels !== undefined ? readLabels(given.labels) : undefined
  if (labels === null) return 'its labels are none'
  try {
    const value = toJsonValue(given.value, 'the value')
    return { verdict: 'transform', reason, value, ...(labels ? { labels } : {}) }
  } catch {
    return 'the value that it gives is not JSON'
  }
}

function readLabels(given: unknown): Labels | null {
  if (typeof given !== 'object' || given === null || !('integrity' in given) || !('marks' in given)) return null
  const integrity = ([0, 1, 2, 3] as const).find((one) => one === given.integrity)
  const { marks } = given
  if (integrity === undefined || !Array.isArray(marks) || !marks.every((mark) => typeof mark === 'string')) return null
  return { integrity, marks: [...marks] }
}

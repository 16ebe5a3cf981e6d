import type { JsonValue } from '../base/json.ts'
import type { Labels, Principal } from '../contracts/common.ts'
import type { ApprovalFact, AskingPolicy, Decision, DecisionElement, Verdict } from '../contracts/policy.ts'
import { areDistinct, isComplete, isOthers } from './approval-people.ts'

/** How the bundle is called among the elements of a decision. */
export const BUNDLE_ELEMENT = 'cedar'

/** A decision that has no id yet. */
export type Ruling = Omit<Decision, 'id'>

/** What the controls of a point made of one value. */
export interface Controlled {
  /** What they were asked about: the bundle's own answer first. */
  readonly elements: readonly DecisionElement[]
  /** People whom the bundle wanted for the value as it was before the controls: a change does not make them needless. */
  readonly asks: readonly AskingPolicy[]
  /** The value and labels that go on. */
  readonly value: JsonValue
  readonly labels: Labels
  readonly changed: boolean
}

const RANK: Record<Verdict, number> = { allow: 0, warn: 1, transform: 2, require_approval: 3, deny: 4 }

/**
 * The verdict of the whole chain: the most restrictive of the bundle's and those of the controls. A control never makes
 * it less than the bundle's. `bundle` is about what goes on; where a control changed the value, it was asked again.
 */
export function combine(
  bundle: Ruling,
  controlled: Controlled,
  approval: ApprovalFact | null,
  requester: Principal,
): Ruling {
  const again: readonly DecisionElement[] = controlled.changed ? [bundleElement(bundle)] : []
  const elements = [...controlled.elements, ...again]
  if (bundle.verdict === 'deny') return { ...bundle, elements }
  const denied = controlled.elements.find((one) => one.verdict === 'deny')
  if (denied) return { ...bundle, ...told('deny', bundle, [denied]), asks: [], elements }
  const wanted = withoutTwice(controlled.asks, bundle.asks)
  const asks = [...bundle.asks, ...wanted]
  if (wanted.length > 0 && !covers(approval, requester, wanted))
    return bundle.verdict === 'require_approval'
      ? { ...bundle, policies: [...bundle.policies, ...wanted.map(({ id }) => id)], asks, elements }
      : { ...bundle, ...toldAsks(bundle, wanted), asks, elements }
  if (bundle.verdict === 'require_approval') return { ...bundle, elements }
  const [first, ...more] = controlled.elements
    .filter((one) => one.element !== BUNDLE_ELEMENT && RANK[one.verdict] < RANK.require_approval)
    .filter((one) => RANK[one.verdict] > RANK[bundle.verdict])
    .sort((a, b) => RANK[b.verdict] - RANK[a.verdict])
  if (!first) return { ...bundle, asks, elements }
  const same = more.filter((one) => one.verdict === first.verdict)
  return { ...bundle, ...told(first.verdict, bundle, [first, ...same]), asks, elements }
}

/** The bundle's answer as an element of a decision. */
export function bundleElement({ verdict, reason_code, policies }: Ruling): DecisionElement {
  return { element: BUNDLE_ELEMENT, verdict, reason_code, policies }
}

/** Those of whom controls ask, as policies that ask: an approval binds them like any other. */
export function asksOf(elements: readonly DecisionElement[]): readonly AskingPolicy[] {
  return elements
    .filter((one) => one.verdict === 'require_approval' && one.approvers !== undefined)
    .map(({ element, reason_code, approvers = [] }) => ({ id: element, reason_code, approvers }))
}

/** A decision as the bundle alone gave it: for comparing with what another bundle says. */
export function bundlePart(decision: Decision): Pick<Decision, 'verdict' | 'reason_code' | 'policies' | 'asks'> {
  const last = decision.elements?.findLast((one) => one.element === BUNDLE_ELEMENT)
  const asks = decision.asks.filter((one) => !one.id.startsWith('control:'))
  if (!last) return { ...decision, asks }
  return { verdict: last.verdict, reason_code: last.reason_code, policies: last.policies ?? [], asks }
}

/** True when the approval is somebody else's, still bound, and its giver holds a role for each who asked (Invariant 7). */
function covers(approval: ApprovalFact | null, requester: Principal, asks: readonly AskingPolicy[]): boolean {
  if (!approval?.bound || !approval.fresh) return false
  const votes = approval.votes ?? [{ approver: approval.approver }]
  return votes.every((vote) => isOthers(vote, requester)) && areDistinct(votes) && isComplete(asks, votes)
}

function withoutTwice(asks: readonly AskingPolicy[], known: readonly AskingPolicy[]): readonly AskingPolicy[] {
  return asks.filter(({ id }, i) => !known.some((one) => one.id === id) && asks.findIndex((one) => one.id === id) === i)
}

function told(
  verdict: Verdict,
  bundle: Ruling,
  by: readonly [DecisionElement, ...DecisionElement[]],
): Pick<Ruling, 'verdict' | 'reason_code' | 'policies'> {
  const ids = by.map(({ element }) => element)
  const policies = verdict === 'deny' ? ids : [...ids, ...bundle.policies]
  return { verdict, reason_code: by[0].reason_code, policies }
}

function toldAsks(
  bundle: Ruling,
  wanted: readonly AskingPolicy[],
): Pick<Ruling, 'verdict' | 'reason_code' | 'policies'> {
  const policies = [...bundle.policies, ...wanted.map(({ id }) => id)]
  return { verdict: 'require_approval', reason_code: wanted[0]?.reason_code ?? bundle.reason_code, policies }
}

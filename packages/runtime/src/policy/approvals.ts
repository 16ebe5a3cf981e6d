/**
 * One approval is one use of one thing (invariant 7). This file owns who may answer, what an answer is bound to and how an
 * approval lives; the door owns when it is asked, and the store that the first answer wins.
 */
import { type ErrorCode, SignalboxError } from '../base/errors.ts'
import type { Labels, Principal } from '../contracts/common.ts'
import type { AskingPolicy } from '../contracts/policy.ts'
import type { PersonRequestRow, RequestState } from '../contracts/store.ts'
import { sameLabels } from './labels.ts'

/**
 * States of an approval. `editing`: a reviewer proposed other arguments, and policy has to judge them. `used` is an approved
 * one whose action has been sent. All but open, editing and approved are ends.
 */
export type ApprovalState = 'open' | 'editing' | 'approved' | 'used' | 'rejected' | 'expired' | 'cancelled' | 'void'

/** What can happen to an approval. `vote` is a yes after which others are needed, `approve` the last one that is. */
export type ApprovalEvent =
  | 'vote'
  | 'approve'
  | 'reject'
  | 'edit'
  | 'accept_edit'
  | 'refuse_edit'
  | 'claim'
  | 'unclaim'
  | 'ask'
  | 'tell'
  | 'snooze'
  | 'see'
  | 'begin_stage'
  | 'escalate'
  | 'remind'
  | 'expire'
  | 'cancel'
  | 'target_changed'
  | 'policy_changed'
  | 'consume'

/** The next state; `refused` where somebody has to be told so, `ignored` where the event comes too late to matter. */
export type ApprovalOutcome = ApprovalState | 'refused' | 'ignored'

type Row = Record<ApprovalEvent, ApprovalOutcome>

/** What is refused and what is ignored where an event has no place: people are told, time and the door are not. */
const NO_PLACE: Row = {
  vote: 'refused',
  approve: 'refused',
  reject: 'refused',
  edit: 'refused',
  accept_edit: 'ignored',
  refuse_edit: 'ignored',
  claim: 'refused',
  unclaim: 'refused',
  ask: 'refused',
  tell: 'refused',
  snooze: 'refused',
  see: 'ignored',
  begin_stage: 'ignored',
  escalate: 'ignored',
  remind: 'ignored',
  expire: 'ignored',
  cancel: 'ignored',
  target_changed: 'ignored',
  policy_changed: 'ignored',
  consume: 'refused',
}

/** The life of an approval as a total table. Silence leads from open to expired only, and no end leads anywhere. */
export const APPROVAL_MACHINE: Record<ApprovalState, Row> = {
  open: {
    ...NO_PLACE,
    vote: 'open',
    approve: 'approved',
    reject: 'rejected',
    edit: 'editing',
    claim: 'open',
    unclaim: 'open',
    ask: 'open',
    tell: 'open',
    snooze: 'open',
    see: 'open',
    begin_stage: 'open',
    escalate: 'open',
    remind: 'open',
    expire: 'expired',
    cancel: 'cancelled',
    target_changed: 'void',
    policy_changed: 'void',
  },
  // Whoever answers now would answer for what may be no more: only the judgement, a no, silence and an end come through.
  editing: {
    ...NO_PLACE,
    reject: 'rejected',
    accept_edit: 'approved',
    refuse_edit: 'open',
    see: 'editing',
    expire: 'expired',
    cancel: 'cancelled',
    target_changed: 'void',
    policy_changed: 'void',
  },
  approved: {
    ...NO_PLACE,
    cancel: 'cancelled',
    target_changed: 'void',
    policy_changed: 'void',
    consume: 'used',
  },
  used: NO_PLACE,
  rejected: NO_PLACE,
  expired: NO_PLACE,
  cancelled: NO_PLACE,
  void: NO_PLACE,
}

const REFUSALS: Record<ApprovalState, ErrorCode> = {
  open: 'CONFLICT',
  editing: 'CONFLICT',
  approved: 'APPROVAL_DECIDED',
  used: 'APPROVAL_DECIDED',
  rejected: 'APPROVAL_DECIDED',
  expired: 'APPROVAL_EXPIRED',
  cancelled: 'APPROVAL_DECIDED',
  void: 'APPROVAL_VOID',
}

/**
 * The state after the event, the same state where it is ignored.
 * @throws SignalboxError APPROVAL_DECIDED, APPROVAL_EXPIRED or APPROVAL_VOID when the event is refused; CONFLICT when an
 * approval that nobody gave is used
 */
export function nextApproval(state: ApprovalState, event: ApprovalEvent): ApprovalState {
  const outcome = APPROVAL_MACHINE[state][event]
  if (outcome === 'ignored') return state
  if (outcome !== 'refused') return outcome
  throw new SignalboxError(REFUSALS[state], `the approval is \`${state}\`: it cannot ${event} any more`)
}

/** The state in which an approval is listed: a used one is still an approved one, one that is being edited an open one. */
export function listedState(state: ApprovalState): RequestState {
  if (state === 'editing') return 'open'
  return state === 'used' ? 'approved' : state
}

/** Whether somebody may answer, else a closed code and a sentence. */
export type MayDecide =
  | { readonly allowed: true }
  | {
      readonly allowed: false
      readonly code: 'APPROVAL_NOT_FOUND' | 'APPROVAL_SELF' | 'APPROVAL_NOT_ALLOWED'
      readonly message: string
    }

/**
 * Who may answer what waits for a person. Only a user of its tenant; for another tenant it does not exist (invariant 16).
 * Never the requester, but for a port's request, which asks for data. One role of each policy that asked; an approval
 * without asking policies can be given by nobody.
 */
export function mayDecide(row: PersonRequestRow, who: Principal): MayDecide {
  const no = (code: 'APPROVAL_NOT_FOUND' | 'APPROVAL_SELF' | 'APPROVAL_NOT_ALLOWED', message: string): MayDecide => {
    return { allowed: false, code, message }
  }
  if (row.tenant !== who.tenant) return no('APPROVAL_NOT_FOUND', `there is no request \`${row.id}\``)
  if (who.kind !== 'user') return no('APPROVAL_NOT_ALLOWED', `only a person may answer, \`${who.id}\` is a ${who.kind}`)
  if (row.kind !== 'request' && row.requester === who.id) {
    return no('APPROVAL_SELF', `\`${who.id}\` asked for this: another person has to answer`)
  }
  if (row.kind === 'approval' && row.approvers.length === 0) {
    return no('APPROVAL_NOT_ALLOWED', 'no role may answer this request')
  }
  const lacking = row.approvers.find((needed) => !needed.some((one) => one === who.id || who.roles.includes(one)))
  if (lacking === undefined) return { allowed: true }
  return no('APPROVAL_NOT_ALLOWED', `one of the roles ${lacking.map((role) => `\`${role}\``).join(', ')} is needed`)
}

/** What an approval is bound to; each part is derived again before the action is sent. */
export interface ApprovalBinding {
  readonly run: string
  /** Tool name. */
  readonly name: string
  readonly args_digest: string
  readonly definition_hash: string
  /** Keyed digest of the target's type, id and version as the preview tells them. */
  readonly target_digest: string
  readonly labels: Labels
  /** The policies that ask, with who may answer. The hash of the bundle is recorded and not compared (ENGINE R19). */
  readonly asks: readonly AskingPolicy[]
}

/** A part of a binding that can differ. */
export type BindingPart = keyof ApprovalBinding

/** The binding of a proposal: taken when a person is asked, and again before the action is sent. */
export function approvalBinding(
  run: string,
  proposal: {
    readonly name: string
    readonly args_digest: string
    readonly definition_hash: string
    readonly labels: Labels
  },
  targetDigest: string,
  asks: readonly AskingPolicy[],
): ApprovalBinding {
  const { name, args_digest, definition_hash, labels } = proposal
  return { run, name, args_digest, definition_hash, target_digest: targetDigest, labels, asks }
}

/** The parts that differ, in a fixed order; an approval counts only when there is none. */
export function changedParts(asked: ApprovalBinding, now: ApprovalBinding): readonly BindingPart[] {
  const plain = (['run', 'name', 'args_digest', 'definition_hash', 'target_digest'] as const).filter(
    (part) => asked[part] !== now[part],
  )
  const labels: readonly BindingPart[] = sameLabels(asked.labels, now.labels) ? [] : ['labels']
  const asks: readonly BindingPart[] = asksText(asked.asks) === asksText(now.asks) ? [] : ['asks']
  return [...plain, ...labels, ...asks]
}

/** True when nothing that the approval rests on has changed. */
export function isStillBound(asked: ApprovalBinding, now: ApprovalBinding): boolean {
  return changedParts(asked, now).length === 0
}

/** Which policies ask, who may answer each, how many and in which order; the order of either means nothing, nor does the wording of a reason. */
function asksText(asks: readonly AskingPolicy[]): string {
  const demand = ({ id, approvers, quorum = 1, stage = 1, escalate = [] }: AskingPolicy): readonly unknown[] => {
    return [id, [...new Set(approvers)].sort(), quorum, stage, escalate]
  }
  return JSON.stringify(asks.map(demand).sort(byId))
}

function byId(a: readonly unknown[], b: readonly unknown[]): number {
  const [left, right] = [String(a[0]), String(b[0])]
  return left < right ? -1 : left > right ? 1 : 0
}

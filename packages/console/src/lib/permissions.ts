import {
  type AlertView,
  ENDED,
  type KillSwitchView,
  type Me,
  type OverrideView,
  type RunSummary,
} from '@signalbox/protocol'

/** Why an action is not possible now, as a sentence for the person; null when it is possible. */
export type Blocked = string | null

/** Whether this person may cancel this run. */
export function cancelBlocked(me: Me, run: RunSummary): Blocked {
  if (ENDED.includes(run.status)) return `A run that is ${run.status} is over and cannot be cancelled.`
  if (run.status === 'stopping') return 'The run is stopping already, so there is nothing to cancel.'
  if (me.permissions.includes('runs.cancel')) return null
  if (!me.permissions.includes('runs.cancel_own'))
    return 'Cancelling needs the operator role, or the requester role for an own run.'
  return run.principal === me.principal.id ? null : 'You can cancel your own runs only; an operator can cancel any.'
}

/** Whether this person may resume this run. */
export function resumeBlocked(me: Me, run: RunSummary): Blocked {
  if (run.status !== 'parked') return `Only a parked run can be resumed; this one is ${run.status}.`
  return operateBlocked(me, isQuarantined(run) ? 'Releasing' : 'Resuming')
}

/** True for a run that was set aside because it never got anywhere: it is released, not resumed. */
export function isQuarantined(run: RunSummary): boolean {
  return run.status === 'parked' && run.code === 'RUN_QUARANTINED'
}

/** Whether this person may restore this run. */
export function restoreBlocked(me: Me, run: RunSummary): Blocked {
  if (run.status === 'terminated') return 'A terminated run cannot be restored.'
  return operateBlocked(me, 'Restoring')
}

/** Whether this person may fork this run. */
export function forkBlocked(me: Me): Blocked {
  return operateBlocked(me, 'Forking')
}

/** Whether this person may engage or lift kill switches. */
export function killSwitchBlocked(me: Me): Blocked {
  return me.permissions.includes('kill_switches.write') ? null : 'Kill switches need the operator role.'
}

/** Whether this person may lift this switch, or confirm its lift. */
export function liftBlocked(me: Me, row: KillSwitchView): Blocked {
  if (row.scope === 'global' && !me.permissions.includes('kill_switches.global'))
    return 'A switch of every tenant is lifted by those who may stop every tenant.'
  if (row.lift_asked_by === me.principal.id) return 'You asked to lift it: another person has to confirm.'
  return killSwitchBlocked(me)
}

/** Whether this person may be the second one to let a call pass. */
export function confirmOverrideBlocked(me: Me, row: OverrideView): Blocked {
  if (row.asked_by === me.principal.id) return 'You asked for it: another person has to confirm.'
  return reviewOverrideBlocked(me)
}

/** Whether this person may say that an override was looked at. */
export function reviewOverrideBlocked(me: Me): Blocked {
  return me.permissions.includes('overrides.write') ? null : 'Overrides need the operator role.'
}

/** Whether this person may propose, decline and shadow drafts. */
export function policyProposeBlocked(me: Me): Blocked {
  return me.permissions.includes('policy.propose') ? null : 'Proposing needs a role that writes policy.'
}

/** Whether this person may activate what `author` proposed, or look at what they did alone. */
export function policyActivateBlocked(me: Me, author: string | null): Blocked {
  if (!me.permissions.includes('policy.activate')) return 'Activating needs a role that reviews policy.'
  return author === me.principal.id ? 'It is your own: another person has to do this.' : null
}

/** Whether this person may sign the table of roles and tools. */
export function signRolesBlocked(me: Me, role: string | null): Blocked {
  if (!me.permissions.includes('roles.sign_off')) return 'Signing needs a role that answers for roles and tools.'
  if (role !== null && !me.principal.roles.includes(role)) return `Signing needs the role ${role}.`
  return null
}

/** Whether this person may name a stand-in, or give and revoke standing approvals; who may in fact is the bundle's. */
export function reviewBlocked(me: Me): Blocked {
  return me.permissions.includes('approvals.decide') ? null : 'This needs a role that decides approvals.'
}

/** Whether this person may fire, pause or resume schedules. */
export function scheduleBlocked(me: Me): Blocked {
  return me.permissions.includes('schedules.write') ? null : 'Schedules need the operator role.'
}

/** Whether this person may do this with this alert now. */
export function alertBlocked(me: Me, act: 'acknowledge' | 'silence' | 'resolve', alert: AlertView): Blocked {
  if (alert.state === 'resolved') return 'It is resolved. It opens by itself when it is found again.'
  if (!me.permissions.includes('alerts.manage')) return 'Alerts need the operator role.'
  if (act === 'acknowledge' && alert.state === 'acknowledged')
    return `${alert.acknowledged_by ?? 'Someone'} has taken it up already.`
  if (act === 'resolve' && alert.holds) return 'What it is about still holds: mend it, or silence the alert until then.'
  return null
}

/** Whether this person may take signed evidence of a run along. */
export function evidenceBlocked(me: Me): Blocked {
  return me.permissions.includes('evidence.export') ? null : 'Evidence needs the operator, auditor or privacy role.'
}

function operateBlocked(me: Me, verb: string): Blocked {
  return me.permissions.includes('runs.operate') ? null : `${verb} needs the operator role.`
}

const DECIDE_CODES: Readonly<Record<string, string>> = {
  APPROVAL_SELF: 'You requested this run: the requester cannot decide.',
  APPROVAL_NOT_ALLOWED: 'You lack a role that the policy asks for.',
  APPROVAL_DECIDED: 'Someone has decided already.',
  APPROVAL_EXPIRED: 'The deadline has passed: silence denied it.',
  APPROVAL_VOID: 'What was to be approved has changed since.',
  APPROVAL_CLAIMED: 'Another reviewer has claimed it.',
  CONTENT_ERASED: 'The content was erased: there is nothing to review.',
  FORBIDDEN: 'Your role does not decide approvals.',
  RUN_ENDED: 'The run is over.',
}

/** Why an approval or question cannot be answered, from the server's closed code. */
export function decideBlocked(item: { can_decide: boolean; cannot_decide_code: string | null }): Blocked {
  if (item.can_decide) return null
  const code = item.cannot_decide_code
  if (code === null) return 'You cannot answer this one.'
  return DECIDE_CODES[code] ?? `You cannot answer this one (${code}).`
}

import type { AlertKind } from '../../contracts/alerts.ts'
import {
  clockTrouble,
  deadMessages,
  diskTrouble,
  drillFailed,
  exposureFinding,
  oldestApproval,
  scheduleMissed,
  switchEngaged,
  telemetryIncomplete,
} from './rules-gauges.ts'
import {
  auditFailed,
  budgetNearMiss,
  budgetViolation,
  denialSpike,
  lineageGap,
  outsideDiffers,
  parkedRuns,
  providerDown,
  quarantined,
  unknownEffects,
  unmediatedCall,
} from './rules-records.ts'
import type { AlertFacts, AlertFinding } from './facts.ts'
import type { AlertRule, LimitsFor } from './rule.ts'

/** Version of the evaluation: raised when the same facts would give another finding. */
export const ALERT_RULES_VERSION = 1

/** Every kind of alert: what is looked at, its limits, how much it matters, what to do, and when it is over. */
export const ALERT_RULES: Readonly<Record<AlertKind, AlertRule>> = {
  'effect.unknown': unknownEffects,
  'lineage.gap': lineageGap,
  'outside.differs': outsideDiffers,
  'audit.failed': auditFailed,
  'call.unmediated': unmediatedCall,
  'denial.spike': denialSpike,
  'budget.violation': budgetViolation,
  'budget.near_miss': budgetNearMiss,
  'approval.oldest': oldestApproval,
  'kill_switch.engaged': switchEngaged,
  'run.quarantined': quarantined,
  'runs.parked': parkedRuns,
  'provider.down': providerDown,
  'telemetry.incomplete': telemetryIncomplete,
  'outbox.dead': deadMessages,
  'schedule.missed': scheduleMissed,
  'drill.failed': drillFailed,
  'exposure.finding': exposureFinding,
  'clock.trouble': clockTrouble,
  'disk.trouble': diskTrouble,
}

/** Kinds that are found once per record: a finding is an incident, and its absence later says nothing. */
export function isIncident(kind: AlertKind, finding: Pick<AlertFinding, 'refs'>): boolean {
  return ALERT_RULES[kind].resolves === 'person' && finding.refs.length > 0
}

/** All that holds now, by kind. Pure: the same facts and limits give the same findings. */
export function evaluateAlerts(
  facts: AlertFacts,
  limitsOf: (kind: AlertKind) => LimitsFor<Readonly<Record<string, number>>>,
): readonly { readonly kind: AlertKind; readonly finding: AlertFinding }[] {
  // The table has the closed kinds as its keys.
  const kinds = Object.keys(ALERT_RULES) as AlertKind[]
  return kinds.flatMap((kind) => ALERT_RULES[kind].look(facts, limitsOf(kind)).map((finding) => ({ kind, finding })))
}

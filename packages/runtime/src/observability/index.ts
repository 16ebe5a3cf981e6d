export { type Answers, answersOf } from './answers.ts'
export {
  type AuditFinding,
  type AuditHead,
  type AuditKind,
  type AuditReport,
  auditRun,
  BROKEN_HISTORY,
} from './audit.ts'
export { buildChanges } from './build-words.ts'
export { happened } from './words.ts'
export { type CaptureParts, withCapture } from './capture.ts'
export { type CostSummary, costOf, type LimitUse, type UsageLine } from './cost.ts'
export {
  CostTally,
  COST_RECORDS,
  type CostAttempt,
  type CostGroup,
  groupedBy,
  type RunCost,
  recomputedCost,
  runCostOf,
} from './run-cost.ts'
export type { Chapter, ChapterLine } from './chapters.ts'
export { type Explanation, type ExplainOptions, explain, type Sentence } from './explain.ts'
export { type Rendered, type RenderOptions, renderExplanation } from './render.ts'
export { type ForkFinding, type ForkSource, forkFindings, forkSources } from './fork-audit.ts'
export { type ForeignLink, foreignGap, foreignLinks } from './gaps-across.ts'
export { lineageGaps } from './gaps.ts'
export { UNSEEN } from './gaps-approval.ts'
export {
  type EffectVote,
  type EffectApproval,
  type EffectLineage,
  type Gap,
  type GapKind,
  lineageOf,
} from './lineage.ts'
export { type BothSides, compareSides } from './reconcile.ts'
export { lineageTerms, TERM_RECORDS } from './terms.ts'
export { RECORD_TYPES } from './story-table.ts'
export { type Branches, branchesOf, presentBranch } from './view.ts'
export { type OpenItem, openItems, statusFrom } from './open.ts'
export { type Capture, type CheckedTelemetry, type ContractViolation, checkTelemetry } from './checker.ts'
export {
  CONVENTIONS,
  type Conventions,
  inConventions,
  metricNames,
  metricOf,
  underConventions,
} from './conventions.ts'
export {
  ATTRIBUTES,
  type AttributeName,
  CONTRACT,
  type EventName,
  METRICS,
  type MetricName,
  type OlderMetricName,
  SPANS,
  type SpanId,
} from './contract.generated.ts'
export { type Projection, projectRecords } from './project.ts'
export { contractReviewWarning } from './review.ts'
export { callSpanId, type ProjectionState } from './projection.ts'
export type { Attributes, AttributeValue, LogData, MetricPoint, SpanData, SpanLink, Telemetry } from './telemetry.ts'
export {
  ALERT_SERVICE,
  type AlertChange,
  type AlertEventDraft,
  alertId,
  alertTitle,
  changed as alertChanged,
  inputsOf as alertInputsOf,
} from './alerts/change.ts'
export {
  ALERT_READS,
  type AlertFacts,
  type AlertFinding,
  type AlertGauges,
  type AlertIncident,
  type AlertProgress,
  NO_PROGRESS,
  QUIET_GAUGES,
  RUN_ENDS,
} from './alerts/facts.ts'
export { type AlertRecord, readForAlerts, settleProgress, streamPlace } from './alerts/fold.ts'
export { alertEventOf, alertHistoryFindings, chainAlertEvents, type AlertHead } from './alerts/history.ts'
export { ALERT_RULES, ALERT_RULES_VERSION, evaluateAlerts, isIncident } from './alerts/kinds.ts'
export { ALERT_MACHINE, type AlertAct } from './alerts/machine.ts'
export { type AlertTerms, planAlerts, resolvedBy as resolveAlert } from './alerts/plan.ts'
export type { AlertRule, LimitsFor } from './alerts/rule.ts'

export { loadBundle, type PolicyBundle } from './bundle.ts'
export type {
  BundleManifest,
  BundleProblem,
  Catalogue,
  CatalogueWorkflow,
  ChangeRoles,
  FieldType,
  SignOffRule,
} from './bundle-files.ts'
export { type DeclaredTool, type ToolDifference, toolDifferences } from './diff.ts'
export { brokenByRoles, type Duty, type RoleDuty } from './duties.ts'
export { EXEMPTION_MAX_DAYS, type Exemption, type ExemptionState, exemptionFor, exemptionState } from './exemptions.ts'
export { type BundleDifference, bundleDifferences } from './author/bundle-diff.ts'
export {
  type ComesOut,
  DraftComparison,
  type DraftReplay,
  type FlipExample,
  type FlipGroup,
  type NotAgain,
} from './author/compare.ts'
export {
  assertGuarded,
  type CheckInput,
  type PolicyFinding,
  type PolicyFindingCode,
  policyFindings,
} from './author/findings.ts'
export {
  FIXTURE_FOLDER,
  type FixtureReport,
  type FixtureResult,
  type Question,
  questionOf,
  runFixtures,
} from './author/fixtures.ts'
export { type PolicyStanding, type ToolPosture, toolPostures } from './author/posture.ts'
export {
  ALL_ROLES,
  type CellCondition,
  type CellVerdict,
  type MatrixCell,
  type MatrixRow,
  type RoleMatrix,
  roleMatrix,
  type SignOffState,
  signOffState,
} from './author/role-matrix.ts'
export { type DecisionTold, type PolicyTold, projectedValues, tellDecision } from './author/tell.ts'
export {
  DECISION_RECORDS,
  DecisionReader,
  type OpenedDecision,
  type RecordedDecision,
  recordedDecisions,
  requestOf,
} from './author/recorded.ts'
export { pointInput } from './point-input.ts'
export { mayAnswer, POINT_NAMES, POINTS } from './points.ts'
export {
  asksOf,
  BUNDLE_ELEMENT,
  bundleElement,
  bundlePart,
  type Controlled,
  combine,
  type Ruling,
} from './chain.ts'
export { readAnswer } from './controls/answer.ts'
export { control } from './controls/control.ts'
export { type MaxLengthOptions, maxLength } from './controls/max-length.ts'
export { type RedactOptions, type RedactPattern, redact } from './controls/redact.ts'
export { POLICY_REASONS, type PolicyReason } from './reasons.ts'
export type { Rule, RuleKind } from './rules.ts'
export {
  type Affordable,
  affordableOutputTokens,
  BudgetLedger,
  type BudgetNotice,
  foldBudget,
  LEAST_OUTPUT_TOKENS,
  NEAR_PERCENT,
  type ReserveResult,
  settleUsage,
} from './budgets.ts'
export { lowerOf, ScopeLedgers } from './scope-budgets.ts'
export type { CountedLimit, LimitName } from './amounts.ts'
export {
  concerns,
  endsRuns,
  engaged,
  needsTwo,
  stands,
  SWITCH_MACHINE,
  type SwitchAct,
  type SwitchPurpose,
  type SwitchState,
  type SwitchSubject,
  type TwoPersonLift,
  switchState,
} from './kill-switches.ts'
export {
  APPROVAL_MACHINE,
  type ApprovalBinding,
  type ApprovalEvent as ApprovalMove,
  type ApprovalState,
  approvalBinding,
  type BindingPart,
  changedParts,
  isStillBound,
  listedState,
  type MayDecide,
  mayDecide,
  nextApproval,
} from './approvals.ts'
export { givenArguments, type OriginSource, unprovenArguments } from './origin.ts'
export { draftCatalogue } from './tool-list.ts'
export {
  type ActionResult as ApprovalResult,
  act as actOnApproval,
  type ApprovalAction,
  type ApprovalProgress,
  type ApprovalTerms,
  answerableBy,
  askedProgress,
  asVote,
  CLAIM_SECONDS,
  fold as foldApproval,
  lacking as lackingPolicies,
  stageSeconds,
  stopsDeadline,
  timed as approvalTimes,
} from './approval-life.ts'
export {
  areDistinct,
  covers as voteCovers,
  isComplete as hasAllVotes,
  isOthers as isVoteOfOthers,
  personsOf,
  rolesOf,
  stageOf,
  stagesOf,
} from './approval-people.ts'
export { reviewStats } from './review-stats.ts'
export { allowsStanding, constraintProblems, mayStand, type StandingSubject, standingFit } from './standing.ts'
export { sameLabels } from './labels.ts'
export {
  addScope,
  isSome,
  limitedOnly,
  lineOf,
  minusScope,
  type OuterBudget,
  OuterBudgets,
  outerWarnings,
  type OuterScope,
  type RunOwner,
  timesScope,
} from './outer-budgets.ts'
export {
  activationBy,
  draftOf,
  foldPolicyHistory,
  NO_POLICY_HISTORY,
  POLICY_CHAIN_START,
  policyEvent,
  type PolicyEventBody,
  type PolicyHistory,
  type PolicyRoles,
  policyRow,
  requirePolicyRole,
} from './history.ts'
export { auditPolicyHistory, type HistoryFinding, type HistoryFindingKind, type PolicyAudit } from './history-audit.ts'

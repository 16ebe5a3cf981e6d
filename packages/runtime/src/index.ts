export { type SigningKey, signingKey, verifySignature } from './base/ed25519.ts'
export * from './base/errors.ts'
export * from './base/hash.ts'
export * from './base/host.ts'
export * from './base/ids.ts'
export * from './base/json.ts'
export * from './base/money.ts'
export { activationPath, nodePath, runSuperstep, scopePath } from './base/scope-id.ts'
export { isoTime, momentOf } from './base/time.ts'
export * from './base/secret-forms.ts'
export { spellings } from './base/secret-spellings.ts'
export * from './contracts/index.ts'
export * from './observability/index.ts'
export * from './policy/index.ts'
export {
  type AgentDef,
  agent,
  type Compaction,
  type CompactionStep,
  type ContextProvider,
  type ContextView,
  createModels,
  importPrices,
  type ModelsOptions,
  type ProviderOptions,
  type PriceBook,
  type PriceFile,
  type PriceFormat,
  type PriceImport,
  type PriceOverlay,
  type PriceRow,
  type PriceTable,
  priceBook,
  readOverlay,
  readPrices,
  type Script,
  type ScriptedAnswer,
  type ScriptedCall,
} from './agents/index.ts'
export {
  endWith,
  escalationTo,
  type SummaryCtx,
  summaryOf,
  type Absence,
  type Aggregate,
  type AgentToolDef,
  agentTool,
  type AsAgentDef,
  appended,
  type ConcurrentOptions,
  type ConcurrentResult,
  type Conflict,
  type ConflictOptions,
  type Contribution,
  concurrent,
  DEFAULT_BUDGET,
  type AskOptions,
  asAgent,
  decisionRecord,
  type Entry,
  type FailurePolicy,
  type HandoffOptions,
  type HandoffResult,
  type HandoffView,
  handoff,
  type JudgedHandoff,
  Escalation,
  type LoopDef,
  flow,
  type FlowCtx,
  type FlowDef,
  type Member,
  owned,
  groupChat,
  type GroupChatOptions,
  type GroupChatResult,
  type GroupView,
  type Facts,
  magentic,
  type MagenticOptions,
  type MagenticResult,
  type PlanReviewOptions,
  type PlanStep,
  type Participant,
  type ParticipantDef,
  type PatternOptions,
  port,
  type QualityDef,
  Rejection,
  type Resolution,
  type Review,
  reduced,
  reviewWorkflow,
  type OwnBudget,
  type ScopeToolOptions,
  type SideEffect,
  type Takes,
  sequential,
  type SequentialOptions,
  type SequentialResult,
  type FeedbackOptions,
  type TerminationDef,
  type TerminationView,
  toDot,
  toMermaid,
  toPicture,
  type TurnView,
  type Workflow,
  workflow,
  workflowTool,
} from './orchestration/index.ts'
export {
  auditHeads,
  auditSignedRun,
  type HeadFiles,
  type HeadFinding,
  type HeadFindingKind,
  type HeadsReport,
  type JudgedLeaf,
  judgeLeaf,
  olderDatabase,
  prunedThrough,
  type SignedLeaf,
  type StoredRun,
} from './reliability/heads-audit.ts'
export {
  type CatchUp,
  type DueDecision,
  type DueQuestion,
  decideDue,
  everyInterval,
  type NextDue,
} from './reliability/schedule.ts'
export {
  applyRetention,
  type KeptRun,
  type RetentionLimits,
  type RetentionReport,
} from './keeping/retention.ts'
export { createRedactor, type RedactorOptions } from './redactor.ts'
export {
  checkLineage,
  checkRunLineage,
  type LineageCheckStore,
  type LineagePage,
  type LineageScope,
  reindexLineage,
  type RunPlace,
} from './keeping/lineage-check.ts'
export { type ExportOptions, type ExportReport, exportRuns } from './keeping/export.ts'
export { type ImportOptions, type ImportReport, importRuns } from './keeping/import.ts'
export {
  type ErasureOrder,
  type ErasureParts,
  type ErasurePlan,
  type ErasureReport,
  type ErasureSubject,
  eraseSubject,
  planErasure,
  reapplyErasures,
  type ReturnedKey,
  returnedKeys,
} from './keeping/erasure.ts'
export { traceIdOf } from './base/trace-id.ts'
export { type Erasure, type ErasureLog, erasureLine, readErasures } from './reliability/erasure-log.ts'
export {
  type KeepReason,
  readRetention,
  type RetentionPolicy,
  type RetentionRule,
  retentionDefinition,
  unexplainedPruning,
} from './reliability/retention.ts'
export { readSignedLog, type SignedEntry, type SignedLog, signedLine } from './reliability/signed-log.ts'
export { LeafSet, leavesText, type RunLeaf } from './reliability/run-leaves.ts'
export { checkRunProof, type Proven, proveRun, type RunProof } from './reliability/run-proof.ts'
export {
  consistencyProof,
  inclusionProof,
  type LeafClaim,
  type TreesClaim,
  verifyConsistency,
  verifyInclusion,
} from './reliability/tree-proof.ts'
export {
  noteHash,
  readVerifierKey,
  signHead,
  type TreeHead,
  type VerifierKey,
  verifierKeyOf,
  verifierKeyText,
} from './reliability/tree-head.ts'
export { loadPriceBook, loadPrices, type PriceFolders, savePrices } from './price-file.ts'
export * from './stores/index.ts'
export {
  type CredentialDef,
  CredentialKeeper,
  type CredentialSource,
  type CredentialStatus,
  type CredentialUse,
  fromCommand,
  fromEnvironment,
  fromFile,
  fromProvider,
  type IssuedCredential,
  type KeeperParts,
  ToolFailure,
  tool,
  traceEnv,
  traceMeta,
} from './tools/index.ts'
export { localStops, type ProcessStops } from './local-stops.ts'
export { backupSqlite, checkBackup } from './upkeep.ts'
export { checkAgainstCode, createSignalbox, RUNTIME_VERSION, type Signalbox, type SignalboxOptions } from './runtime.ts'
export { DEFAULT_LIMITS, FAULT_POINTS, type EngineLimits, type FaultHook, type FaultPoint } from './engine/env.ts'
export { createReplayer, type Replayer, type ReplayOptions } from './replay.ts'
export type { SwitchSettings } from './engine/switches/board.ts'
export type { WorkerOptions } from './engine/worker.ts'
export {
  type BundleFiles,
  type PolicyBundles,
  type PolicyBundlesOptions,
  type PolicyOrder,
  policyBundles,
  type Unproposed,
} from './governing/bundles.ts'
export {
  keepPolicy,
  POLICY_HOLDER_GONE_MS,
  POLICY_LOOK_MS,
  type PolicyKeeper,
  type PolicyKeeperOptions,
} from './governing/keeper.ts'
export { type LivePolicy, livePolicy, type PolicyObserver } from './governing/live-policy.ts'

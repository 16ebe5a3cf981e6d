export { type Authenticator, may, permissionsOf } from './auth.ts'
export { compose, type Composed, redactorOfProject, DATABASE, makeDataDir, STOP_FILE } from './dev/compose.ts'
export { type DevOptions, type DevServer, startDev } from './dev/dev.ts'
export { lockData, readAddress, type ServerAddress } from './dev/lock.ts'
export {
  DEV_TENANT,
  type DevPerson,
  devAuthenticator,
  principalOfPerson,
  readDevPeople,
  seedDevPeople,
} from './dev/tokens.ts'
export type { DrillInput, DrillPerson, DrillWorld, RecordedEffect, WorkflowDrill } from './drill/define.ts'
export {
  type BuildIdentity,
  buildIdentity,
  type ProjectIdentity,
  projectIdentity,
  type SourceIdentity,
} from './drill/build.ts'
export * from './drill/incident/index.ts'
export { checkEvidence } from './drill/check.ts'
export type { Evidence } from './drill/evidence.ts'
export type { Finding, FindingKind } from './drill/findings.ts'
export { canTrace, committingThread } from './drill/flush.ts'
export { BACKUP_FAULTS, type BackupDrillResult, type BackupFault } from './drill/backup.ts'
export { LOAD_FAULTS, type LoadDrillResult, type LoadFault, type LoadPhase } from './drill/load.ts'
export { type GateOptions, type GateResult, restoreGate } from './drill/gate.ts'
export { chosenDrills } from './drill/choose.ts'
export { DRILL_FAULTS, type DrillFault, STAGE_NAMES, SWITCH_FAULTS, type SwitchFault } from './drill/orders.ts'
export {
  type DrillPlace,
  drillProject,
  gateProject,
  type ProjectDrillOptions,
  type ProjectDrillResult,
} from './drill/project-drill.ts'
export type { Killable } from './drill/process.ts'
export { KILL_ROUNDS, type KillDrillResult, type KillRound, type KillRoundResult } from './drill/kill.ts'
export { backupProject, type ExerciseResult, killOnProject, loadOnProject } from './drill/project-exercises.ts'
export {
  type DrillOfProject,
  type OpenedReport,
  openReport,
  readReport,
  type RestoreReport,
  restoreReport,
  signedReport,
  writeReport,
} from './drill/report.ts'
export { type RestoreDrillOptions, type RestoreDrillResult, restoreDrill } from './drill/restore.ts'
export { openStand, type Stand } from './drill/stand.ts'
export { type Story, storyOf } from './drill/story.ts'
export { playTrace, straceArguments, type Traced } from './drill/trace.ts'
export { type LineageReport, type OutsideReport, writeLineageReport } from './lineage/report.ts'
export { erasedByLog } from './erasure/service.ts'
export { type CredentialCheck, checkCredentials } from './identity/credentials.ts'
export {
  type Directory,
  type DirectoryRules,
  issuedAuthenticator,
  type PrincipalDef,
  readDirectory,
  type TokenDef,
} from './identity/directory.ts'
export { addDisclosure, type DisclosureNote, disclosureLogPath } from './evidence/disclosures.ts'
export { type EvidenceCheck, type EvidenceFault, verifyEvidence } from './evidence/verify.ts'
export { headsDirOf, publicKeyPath, readPublicKey } from './heads/files.ts'
export { proveFromHeads } from './heads/prove.ts'
export { checkTreeHeads, type TreeHeadsCheck, type TreeHeadsPlace } from './heads/verify.ts'
export type { AlertsDef } from './alerts/settings.ts'
export { type AlertTrial, tryAlert } from './alerts/trial.ts'
export { type NotificationsDef, type SecretSource, secretFromEnv, secretFromFile } from './notify/definition.ts'
export { readCases } from './policy/cases.ts'
export { readBundleDir } from './policy/folder.ts'
export type { PolicySettings } from './policy/settings.ts'
export { startTelemetry, type TelemetryHandle } from './telemetry/index.ts'
export {
  defaultConfigPath,
  defineProject,
  type EnvValues,
  loadProject,
  type OutsideWorld,
  type Project,
  type ProjectDef,
  type SeedContext,
} from './project.ts'
export { JOBS, type JobName, type ScheduleDef } from './schedules/definition.ts'
export {
  releaseCheck,
  type ReleaseCheckOptions,
  type ReleaseCheckResult,
  signException,
  writeManifest,
} from './release/check.ts'
export { FactFinder } from './facts/finder.ts'
export type { CaptureSignOff, OutgoingDef, TelemetryDef } from './telemetry/capture.ts'
export { createServer, type RunningServer, type ServerOptions } from './server.ts'
export { type LocalApi, openLocalApi } from './dev/local-api.ts'
export {
  type GoldenResult,
  replayOne,
  upgradeCheck,
  type UpgradeCheckOptions,
  type UpgradeCheckResult,
} from './upgrade/check.ts'
export { type OutletAttempt, shutOutlets } from './upgrade/outlets.ts'
export type { FlipSum, ReplaySum, Selection, UpgradeFinding } from './upgrade/replays.ts'
export {
  type ProjectUpgradeOptions,
  type ProjectUpgradeResult,
  type UpgradeReport,
  upgradeProject,
  upgradeReport,
} from './upgrade/report.ts'
export { VERSION } from './version.ts'
export {
  auditProjectExposure,
  type ExposureAudited,
  type ExposureOrder,
  orderOf,
  secretsFrom,
} from './exposure/project-audit.ts'
export type { ExposureFinding, ExposureReport } from './exposure/report.ts'
export { type SafetyFault, safetyFaults, UNSAFE_CODES, type UnsafeCode } from './safety/rules.ts'
export { logLine } from './log.ts'

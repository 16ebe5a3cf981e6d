/** The report of restore drills: JSON that is signed with the audit key. Made once, and never changed. */
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import {
  canonicalJson,
  isoTime,
  parseJson,
  type SigningKey,
  sha256Hex,
  type VerifierKey,
  verifierKeyOf,
  verifierKeyText,
  verifySignature,
} from 'signalbox'
import { z } from 'zod'
import { ioError } from '../dev/io.ts'
import type { BuildIdentity, ProjectIdentity } from './build.ts'
import type { CarriedOut, RestoreDrillResult } from './restore.ts'
import { STAGE_NAMES } from './orders.ts'

const counts = z.record(z.string(), z.int().nonnegative())
const mttrSchema = z.object({ p50: z.number().nullable(), p95: z.number().nullable(), max: z.number().nullable() })

const drillSchema = z.object({
  project: z.string(),
  bundle: z.string(),
  workflow: z.string(),
  signatures: z.record(z.string(), z.string()),
  inputs: z.int(),
  rounds: z.int(),
  kills: z.int(),
  kills_per_stage: counts,
  kills_per_point: counts,
  not_reached: z.int(),
  stages_missing: z.array(z.string()),
  mttr_ms: mttrSchema,
  flush: z.object({ checked: z.boolean(), acknowledged: z.int(), unflushed: z.int() }),
  unrecorded_tools: z.array(z.string()),
  findings: z.array(z.object({ kind: z.string(), detail: z.string() })),
  passed: z.boolean(),
})

/** What a report says. Times of recovery are in milliseconds, from a kill to the first record of the next process. */
export const restoreReportSchema = z.object({
  kind: z.literal('restore-drill'),
  v: z.literal(1),
  made_at: z.string(),
  seed: z.int(),
  tree_hash: z.string(),
  lock_hash: z.string().nullable(),
  runtime_version: z.string(),
  store_version: z.int(),
  result: z.enum(['passed', 'failed']),
  kills: z.int(),
  kills_per_stage: counts,
  mttr_ms: mttrSchema,
  lost: z.int(),
  doubled: z.int(),
  budgets_refilled: z.int(),
  drills: z.array(drillSchema),
})

/** What a report says. */
export type RestoreReport = z.output<typeof restoreReportSchema>
/** One drill as a report tells it. */
export type ReportedDrill = z.output<typeof drillSchema>

const fileSchema = z.object({
  report: z.unknown(),
  sha256: z.string(),
  signature: z.object({ key: z.string(), ed25519: z.string() }),
})

/** One drill with the build and the project that it was about. */
export interface DrillOfProject {
  readonly identity: ProjectIdentity
  readonly result: RestoreDrillResult
}

/** The report of one or several drills. `atMs` is when it is made, in milliseconds since 1970. */
export function restoreReport(
  build: Omit<BuildIdentity, keyof ProjectIdentity>,
  drills: readonly DrillOfProject[],
  options: { readonly seed: number; readonly atMs: number },
): RestoreReport {
  const kills = drills.flatMap((each) => each.result.kills)
  const findings = drills.flatMap((each) => each.result.findings)
  const count = (kind: string): number => findings.filter((each) => each.kind === kind).length
  return {
    kind: 'restore-drill',
    v: 1,
    made_at: isoTime(options.atMs),
    seed: options.seed,
    tree_hash: build.treeHash,
    lock_hash: build.lockHash,
    runtime_version: build.runtimeVersion,
    store_version: build.storeVersion,
    result: drills.length > 0 && drills.every((each) => each.result.passed) ? 'passed' : 'failed',
    kills: kills.length,
    kills_per_stage: perStage(kills),
    mttr_ms: mttr(kills),
    lost: count('lost') + count('stuck'),
    doubled: count('doubled'),
    budgets_refilled: count('budget'),
    drills: drills.map(reported),
  }
}

function reported({ identity, result }: DrillOfProject): ReportedDrill {
  const { kills, inputs, rounds, flush, findings, passed, workflow } = result
  return {
    project: identity.project,
    bundle: identity.bundle,
    workflow,
    signatures: { ...identity.workflows },
    inputs,
    rounds,
    kills: kills.length,
    kills_per_stage: perStage(kills),
    kills_per_point: histogram(kills.map((each) => each.point)),
    not_reached: result.notReached,
    stages_missing: [...result.stagesMissing],
    mttr_ms: mttr(kills),
    flush: { ...flush },
    unrecorded_tools: [...result.unrecordedTools],
    findings: findings.map(({ kind, detail }) => ({ kind, detail })),
    passed,
  }
}

function perStage(kills: readonly CarriedOut[]): Record<string, number> {
  return Object.fromEntries(STAGE_NAMES.map((stage) => [stage, kills.filter((each) => each.stage === stage).length]))
}

function histogram(names: readonly string[]): Record<string, number> {
  const sums: Record<string, number> = {}
  for (const name of [...names].sort()) sums[name] = (sums[name] ?? 0) + 1
  return sums
}

function mttr(kills: readonly CarriedOut[]): z.output<typeof mttrSchema> {
  const times = kills.flatMap((each) => (each.recoveredMs === null ? [] : [each.recoveredMs])).sort((a, b) => a - b)
  const at = (share: number): number | null => times[Math.max(0, Math.ceil(times.length * share) - 1)] ?? null
  return { p50: at(0.5), p95: at(0.95), max: at(1) }
}

/** The text of a report's file. */
export function signedReport(report: object, key: SigningKey): string {
  const text = canonicalJson(report)
  const ed25519 = Buffer.from(key.sign(Buffer.from(text))).toString('base64')
  const signature = { key: verifierKeyText(verifierKeyOf(key.publicKey)), ed25519 }
  return `${JSON.stringify({ report, sha256: sha256Hex(text), signature }, null, 2)}\n`
}

/** What a report's file turned out to be. */
export type OpenedReport =
  | { readonly status: 'signed'; readonly report: unknown }
  | { readonly status: 'unreadable' }
  | { readonly status: 'changed' }
  /** It fits its own hash, and nobody whom we trust has signed it. */
  | { readonly status: 'forged' }

/** Opens a report's file. Without a key to trust only its own hash is looked at. Never throws. */
export function openReport(text: string, trusted: VerifierKey | null): OpenedReport {
  let file: z.output<typeof fileSchema>
  try {
    file = fileSchema.parse(parseJson(text, 'report'))
  } catch {
    return { status: 'unreadable' }
  }
  const bytes = canonicalJson(file.report)
  if (sha256Hex(bytes) !== file.sha256) return { status: 'changed' }
  if (trusted !== null) {
    const signature = Buffer.from(file.signature.ed25519, 'base64')
    if (!verifySignature(trusted.publicKey, Buffer.from(bytes), signature)) return { status: 'forged' }
  }
  return { status: 'signed', report: file.report }
}

/** Writes a whole file in one step and flushes it. Throws the codes of `ioError`. */
export function writeReport(path: string, text: string): void {
  const draft = `${path}.draft`
  try {
    mkdirSync(dirname(path), { recursive: true })
    const file = openSync(draft, 'w', 0o644)
    try {
      writeSync(file, text)
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
    renameSync(draft, path)
  } catch (cause) {
    throw ioError(cause, path)
  }
}

/** The text of a report's file, or null when there is none. */
export function readReport(path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return null
    throw ioError(cause, path)
  }
}

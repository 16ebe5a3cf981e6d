/** The release gate: a build may ship when a young, signed report says that this very build passed its drills. */
import type { VerifierKey } from 'signalbox'
import type { BuildIdentity } from './build.ts'
import { openReport, type RestoreReport, restoreReportSchema } from './report.ts'

/** What the gate compares. */
export interface GateOptions {
  /** Text of the report's file, or null when there is none. */
  readonly text: string | null
  /** Where it was looked for, for the sentence. */
  readonly path: string
  readonly build: BuildIdentity
  /** Workflows that the project declares drills for. */
  readonly drilled: readonly string[]
  /** Whose signature counts; null: nobody's, and the gate fails. */
  readonly trusted: VerifierKey | null
  readonly nowMs: number
  readonly maxAgeDays: number
}

/** What the gate found. It is open when `failures` is empty. */
export interface GateResult {
  readonly failures: readonly string[]
  readonly report: RestoreReport | null
}

const DAY_MS = 86_400_000

/** Decides. Every failure is a sentence that says what differs and what to do; nothing throws. */
export function restoreGate(options: GateOptions): GateResult {
  const { text, path, trusted } = options
  const again = 'run `signalbox drill restore` on this build'
  if (text === null) return closed(`there is no report at \`${path}\`: ${again}`)
  if (trusted === null)
    return closed(
      'there is no key to check signatures with: set SIGNALBOX_AUDIT_KEY, or name a kept key with --public-key',
    )
  const opened = openReport(text, trusted)
  if (opened.status === 'unreadable') return closed(`\`${path}\` is not a report: ${again}`)
  if (opened.status === 'changed') return closed(`the report was changed after it was made: ${again}`)
  if (opened.status === 'forged') return closed(`the report is not signed by the trusted key: ${again}`)
  const parsed = restoreReportSchema.safeParse(opened.report)
  if (!parsed.success) return closed(`\`${path}\` is not the report of a restore drill: ${again}`)
  const report = parsed.data
  return {
    failures: [...resultFailures(report), ...ageFailures(report, options), ...buildFailures(report, options)],
    report,
  }
}

function closed(failure: string): GateResult {
  return { failures: [failure], report: null }
}

function resultFailures(report: RestoreReport): string[] {
  const failed = report.drills.filter((each) => !each.passed).map((each) => `\`${each.workflow}\``)
  if (report.result === 'passed' && failed.length === 0) return []
  return [`the drill failed${failed.length > 0 ? ` for ${failed.join(', ')}` : ''}: mend it, and drill again`]
}

/** Why a report is too old, or from the future; empty when it is neither. */
export function ageFailures(
  { made_at }: { readonly made_at: string },
  { nowMs, maxAgeDays }: Pick<GateOptions, 'nowMs' | 'maxAgeDays'>,
): string[] {
  const age = (nowMs - Date.parse(made_at)) / DAY_MS
  if (age > maxAgeDays) return [`the report is ${age.toFixed(1)} days old, and may be ${maxAgeDays}: drill again`]
  // A clock that is a little behind is not a report from the future.
  if (age < -1 || Number.isNaN(age))
    return [`the report says that it was made at ${made_at}, which is yet to come: check the clock`]
  return []
}

function buildFailures(report: RestoreReport, { build, drilled }: GateOptions): string[] {
  const failures: string[] = []
  const differs = (what: string, then: unknown, now: unknown): void => {
    if (then !== now) failures.push(`${what} differs: the report is about ${short(then)}, this build has ${short(now)}`)
  }
  differs('the source tree', report.tree_hash, build.treeHash)
  differs('the lock file', report.lock_hash, build.lockHash)
  differs('the version of the store', report.store_version, build.storeVersion)
  differs('the version of the runtime', report.runtime_version, build.runtimeVersion)
  const own = report.drills.filter((each) => each.project === build.project)
  for (const bundle of new Set(own.map((each) => each.bundle))) differs('the policy bundle', bundle, build.bundle)
  for (const workflow of drilled) {
    const drill = own.find((each) => each.workflow === workflow)
    if (!drill) {
      failures.push(`the report has no drill of \`${workflow}\`: drill it too`)
      continue
    }
    const signatures = Object.entries(build.workflows).filter(([name]) => name.startsWith(`${workflow}@`))
    for (const [name, signature] of signatures)
      differs(`the signature of workflow \`${name}\``, drill.signatures[name], signature)
  }
  return failures
}

function short(value: unknown): string {
  if (value === null || value === undefined) return 'none'
  const text = String(value)
  return text.length > 20 ? `\`${text.slice(0, 12)}…\`` : `\`${text}\``
}

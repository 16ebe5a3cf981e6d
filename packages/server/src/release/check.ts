/** `signalbox release`: manifests of releases beside a project, and what must hold before the next one. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { isoTime, readVerifierKey, SignalboxError, signingKey, type VerifierKey } from 'signalbox'
import { type BuildIdentity, buildIdentity } from '../drill/build.ts'
import { chosenDrills } from '../drill/choose.ts'
import { ageFailures, restoreGate } from '../drill/gate.ts'
import { auditKey, type DrillPlace, restoreReportPath, trustedKey } from '../drill/project-drill.ts'
import { openReport, readReport, signedReport, writeReport } from '../drill/report.ts'
import { loadProject, type Project } from '../project.ts'
import { upgradeReportPath, upgradeReportSchema } from '../upgrade/report.ts'
import { type ReleaseException, isExcepted, isListed, LEAST_REASON, sideOf } from './exception.ts'
import { manifestSchema, type Moved, movedBetween, type ReleaseManifest, releaseManifest } from './manifest.ts'

/** Folder of manifests, exceptions (`*.exception.json`) and the keys that may sign one (`keys`), beside the project. */
export const RELEASES = 'releases'

/** What a release check looks at. */
export interface ReleaseCheckOptions extends DrillPlace {
  readonly maxAgeDays: number
  /** Whose signature counts on reports; null: that of the environment or the data folder. */
  readonly publicKey: string | null
  /** False: reports are not looked at, only what moved. */
  readonly reports?: boolean
}

/** What came of it. The release may be made when `failures` is empty. */
export interface ReleaseCheckResult {
  readonly failures: readonly string[]
  /** The release that this build is compared with, or null when there is none yet. */
  readonly before: string | null
  readonly moved: Moved
  /** True when a signed exception lets both sides move. */
  readonly excepted: boolean
}

const NAME = /^[0-9A-Za-z][0-9A-Za-z.+-]{0,60}$/

/** Writes the manifest of this build. Throws INPUT_INVALID for a name that is none, CONFLICT when it is there already. */
export async function writeManifest(
  options: DrillPlace & { readonly release: string },
): Promise<{ readonly path: string; readonly manifest: ReleaseManifest }> {
  const { configPath, release, host } = options
  if (!NAME.test(release))
    throw new SignalboxError(
      'INPUT_INVALID',
      `\`${release}\` is no name of a release: use letters, digits, dots, dashes`,
    )
  const { project, build } = await buildAt(configPath)
  const manifest = releaseManifest(project, build, { release, madeAt: isoTime(host.now()) })
  const path = join(releasesDir(configPath), `${release}.json`)
  if (existsSync(path)) throw new SignalboxError('CONFLICT', `\`${path}\` exists: a release is never written again`)
  writeReport(path, signedReport(manifest, auditKey(options, project.mode)))
  return { path, manifest }
}

/** Decides whether this build may be released. Every failure is a sentence that says what to do. */
export async function releaseCheck(options: ReleaseCheckOptions): Promise<ReleaseCheckResult> {
  const { configPath, host } = options
  const { project, build } = await buildAt(configPath)
  const now = releaseManifest(project, build, { release: 'next', madeAt: isoTime(host.now()) })
  const { before, failures } = lastRelease(configPath)
  const moved = before ? movedBetween(before, now) : { runtime: [], business: [], silent: [] }
  const both = moved.runtime.length > 0 && moved.business.length > 0
  const excepted = both && before !== null && exceptedBy(configPath, before, now)
  failures.push(
    ...moved.silent.map((each) => `${each}: give it another version, and declare \`.upgrade\` for runs that wait`),
  )
  if (both && !excepted)
    failures.push(
      `runtime and business move together (${[...moved.runtime, ...moved.business].join('; ')}): release one after the other, or sign an exception with --reason and --sign`,
    )
  if (options.reports !== false) failures.push(...reportFailures(options, project, build))
  return { failures, before: before?.release ?? null, moved, excepted }
}

/**
 * Signs an exception for exactly this step. Throws INPUT_INVALID for a reason that says nothing, FORBIDDEN for a key that
 * is not listed in `releases/keys`, CONFLICT when there is nothing to except.
 */
export async function signException(
  options: DrillPlace & { readonly reason: string; readonly seed: Uint8Array },
): Promise<{ readonly path: string; readonly exception: ReleaseException }> {
  const { configPath, host, reason } = options
  if (reason.trim().length < LEAST_REASON)
    throw new SignalboxError('INPUT_INVALID', `\`--reason\` needs at least ${LEAST_REASON} characters`)
  const key = signingKey(options.seed)
  const dir = releasesDir(configPath)
  if (!isListed(key.publicKey, keysIn(dir)))
    throw new SignalboxError('FORBIDDEN', `the key is not one of \`${join(dir, 'keys')}\`: only listed keys may sign`)
  const { project, build } = await buildAt(configPath)
  const now = releaseManifest(project, build, { release: 'next', madeAt: isoTime(host.now()) })
  const { before } = lastRelease(configPath)
  const moved = before && movedBetween(before, now)
  if (!before || !moved || moved.runtime.length === 0 || moved.business.length === 0)
    throw new SignalboxError('CONFLICT', 'runtime and business do not move together: there is nothing to except')
  const exception: ReleaseException = {
    kind: 'release-exception',
    v: 1,
    made_at: isoTime(host.now()),
    project: now.project,
    reason: reason.trim(),
    from: sideOf(before),
    to: sideOf(now),
    moves: { runtime: [...moved.runtime], business: [...moved.business] },
  }
  const path = join(dir, `${before.release}-to-next.exception.json`)
  writeReport(path, signedReport(exception, key))
  return { path, exception }
}

async function buildAt(configPath: string): Promise<{ readonly project: Project; readonly build: BuildIdentity }> {
  const project = await loadProject(configPath)
  return { project, build: buildIdentity(project, configPath) }
}

function releasesDir(configPath: string): string {
  return join(dirname(resolve(configPath)), RELEASES)
}

/** The newest manifest; one that was changed after it was written is told. */
function lastRelease(configPath: string): { readonly before: ReleaseManifest | null; readonly failures: string[] } {
  const dir = releasesDir(configPath)
  const failures: string[] = []
  const names = filesIn(dir).filter((name) => name.endsWith('.json') && !name.endsWith('.exception.json'))
  const manifests = names.flatMap((name): ReleaseManifest[] => {
    const opened = openReport(readReport(join(dir, name)) ?? '', null)
    const parsed = manifestSchema.safeParse(opened.status === 'signed' ? opened.report : null)
    if (parsed.success) return [parsed.data]
    failures.push(
      `\`${join(dir, name)}\` is not the manifest of a release, or was changed: take it from where it was kept`,
    )
    return []
  })
  const [before] = manifests.sort((a, b) => Date.parse(b.made_at) - Date.parse(a.made_at))
  return { before: before ?? null, failures }
}

function filesIn(dir: string): string[] {
  return existsSync(dir) ? readdirSync(dir).sort() : []
}

/** Keys that may sign exceptions, one a line; a line that begins with `#` is a remark. */
function keysIn(dir: string): VerifierKey[] {
  const path = join(dir, 'keys')
  if (!existsSync(path)) return []
  const lines = readFileSync(path, 'utf8').split('\n')
  return lines.flatMap((line) => (line.trim() === '' || line.startsWith('#') ? [] : [readVerifierKey(line.trim())]))
}

function exceptedBy(configPath: string, before: ReleaseManifest, now: ReleaseManifest): boolean {
  const dir = releasesDir(configPath)
  const keys = keysIn(dir)
  const names = filesIn(dir).filter((name) => name.endsWith('.exception.json'))
  return names.some((name) => isExcepted(readReport(join(dir, name)) ?? '', keys, before, now))
}

/** The reports that a release needs: passed, young, signed, and about this very build. */
function reportFailures(options: ReleaseCheckOptions, project: Project, build: BuildIdentity): string[] {
  const { configPath, maxAgeDays, host } = options
  const trusted = trustedKey(options)
  const failures = upgradeFailures(options, build, trusted)
  const drilled = (project.drills ?? []).length > 0 ? chosenDrills(project, null).map((drill) => drill.workflow) : []
  if (drilled.length === 0) return failures
  const path = restoreReportPath(configPath)
  const gate = restoreGate({ text: readReport(path), path, build, drilled, trusted, nowMs: host.now(), maxAgeDays })
  return [...failures, ...gate.failures.map((each) => `restore drill: ${each}`)]
}

function upgradeFailures(
  { configPath, maxAgeDays, host }: ReleaseCheckOptions,
  build: BuildIdentity,
  trusted: VerifierKey | null,
): string[] {
  const path = upgradeReportPath(configPath)
  const again = 'run `signalbox upgrade check` on this build'
  const text = readReport(path)
  if (text === null) return [`upgrade check: there is no report at \`${path}\`: ${again}`]
  if (trusted === null)
    return ['upgrade check: there is no key to check its signature with: name one with --public-key']
  const opened = openReport(text, trusted)
  if (opened.status !== 'signed') return [`upgrade check: the report is ${opened.status}: ${again}`]
  const parsed = upgradeReportSchema.safeParse(opened.report)
  if (!parsed.success) return [`upgrade check: \`${path}\` is no report of one: ${again}`]
  const report = parsed.data
  const isOther = report.tree_hash !== build.treeHash || report.lock_hash !== build.lockHash
  return [
    ...(report.result === 'passed' ? [] : ['upgrade check: it failed: see what it found, and check again']),
    ...ageFailures(report, { nowMs: host.now(), maxAgeDays }).map((each) => `upgrade check: ${each}`),
    ...(isOther || report.bundle !== build.bundle
      ? [`upgrade check: the report is about another build: ${again}`]
      : []),
  ]
}

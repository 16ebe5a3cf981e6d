/**
 * The upgrade check: stored runs and the golden databases of earlier versions against the build that is here. It opens
 * copies, shuts the ways out, and replays.
 */
import { createHash } from 'node:crypto'
import { copyFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import {
  auditRun,
  backupSqlite,
  createReplayer,
  type Host,
  keyVault,
  loadBundle,
  loadMasterKey,
  openSqliteStore,
  type RunReplay,
  SignalboxError,
  type Store,
  toSignalboxError,
} from 'signalbox'
import { z } from 'zod'
import { DATABASE } from '../dev/compose.ts'
import { readBundleDir } from '../policy/folder.ts'
import { type EnvValues, loadProject, type Project } from '../project.ts'
import { shutOutlets } from './outlets.ts'
import { type ReplaySum, replayStore, type Selection, type UpgradeFinding } from './replays.ts'

/** What an upgrade check looks at. */
export interface UpgradeCheckOptions {
  readonly project: Project
  /** Data folder whose runs are replayed; null: none. */
  readonly dataDir: string | null
  readonly selection: Selection
  /** Folder of golden databases, one folder for each version; null: none. */
  readonly goldenDir: string | null
  readonly env: EnvValues
  readonly host: Host
  readonly log?: (line: string) => void
}

/** What came of one golden database. */
export interface GoldenResult {
  /** Name of its folder, such as `v0.1.0`. */
  readonly version: string
  readonly sum: ReplaySum | null
  /** Why it could not be opened, or null. */
  readonly why: string | null
}

/** What came of an upgrade check. It passed when nothing failed and something was replayed. */
export interface UpgradeCheckResult {
  readonly passed: boolean
  readonly stored: ReplaySum | null
  /** How long the copy took, in milliseconds. */
  readonly copyMs: number
  readonly golden: readonly GoldenResult[]
}

/** Carries out an upgrade check. Throws what stops it from beginning: NOT_FOUND, KEY_MISSING, POLICY_BUNDLE_INVALID. */
export async function upgradeCheck(options: UpgradeCheckOptions): Promise<UpgradeCheckResult> {
  const scratch = mkdtempSync(join(tmpdir(), 'signalbox-upgrade-'))
  try {
    const copied = options.dataDir === null ? null : await storedRuns(options, options.dataDir, scratch)
    const golden = options.goldenDir === null ? [] : await goldenRuns(options, resolve(options.goldenDir), scratch)
    const sums = [copied?.sum, ...golden.map((each) => each.sum)].filter((sum) => sum != null)
    const failed = sums.some((sum) => sum.failed > 0) || golden.some((each) => each.why !== null)
    const compared = sums.reduce((count, sum) => count + sum.same + sum.differs + sum.declared, 0)
    return {
      passed: !failed && compared > 0,
      stored: copied?.sum ?? null,
      copyMs: copied?.copyMs ?? 0,
      golden,
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

/** One run of a data folder, replayed on a copy: the same path as a check. Throws RUN_NOT_FOUND. */
export async function replayOne(
  options: Omit<UpgradeCheckOptions, 'selection' | 'goldenDir' | 'dataDir'> & { readonly dataDir: string },
  runId: string,
): Promise<RunReplay> {
  const scratch = mkdtempSync(join(tmpdir(), 'signalbox-replay-'))
  try {
    const { path } = await copyOf(options.dataDir, scratch)
    return await onStore(path, options.project, masterKeyOf(options, options.dataDir), options, async (opened) => {
      for (const tenant of await opened.store.tenants())
        if (await opened.store.run(tenant, runId)) return opened.replayer.run(tenant, runId)
      throw new SignalboxError('RUN_NOT_FOUND', `there is no run \`${runId}\``)
    })
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

async function copyOf(
  dataDir: string,
  scratch: string,
): Promise<{ readonly path: string; readonly ms: number; readonly broken: readonly string[] }> {
  const database = join(resolve(dataDir), DATABASE)
  if (!existsSync(database))
    throw new SignalboxError('NOT_FOUND', `\`${dataDir}\` holds no runs: name the data folder with --data`)
  const path = join(scratch, DATABASE)
  const { durationMs, failedRuns } = await backupSqlite(database, path)
  return { path, ms: durationMs, broken: failedRuns }
}

async function storedRuns(
  options: UpgradeCheckOptions,
  dataDir: string,
  scratch: string,
): Promise<{ readonly sum: ReplaySum; readonly copyMs: number }> {
  const key = masterKeyOf(options, dataDir)
  const { path, ms, broken } = await copyOf(dataDir, scratch)
  options.log?.(`copied in ${Math.round(ms)} ms`)
  const { host, selection, log } = options
  const sum = await onStore(path, options.project, key, options, (opened) =>
    replayStore({
      ...opened,
      host,
      selection,
      onRun: (done) => {
        if (done % 1_000 === 0) log?.(`${done} runs`)
      },
    }),
  )
  return { sum: withHistories(sum, broken), copyMs: ms }
}

/** Histories that do not verify are failures of their own. */
function withHistories(sum: ReplaySum, broken: readonly string[]): ReplaySum {
  const found = broken.map((runId): UpgradeFinding => {
    const what = 'its history does not verify: see `signalbox audit verify`'
    return { kind: 'history', runId, workflow: '', version: '', here: null, what, difference: null, changes: [] }
  })
  return { ...sum, failed: sum.failed + found.length, findings: [...found, ...sum.findings] }
}

/** A check makes no key: one that is not there opens nothing. */
function masterKeyOf({ env, host, project }: Pick<UpgradeCheckOptions, 'env' | 'host' | 'project'>, dataDir: string) {
  const dir = resolve(dataDir)
  const isGiven = (env.SIGNALBOX_MASTER_KEY ?? '') !== ''
  if (!isGiven && !existsSync(join(dir, 'master.key')))
    throw new SignalboxError('KEY_MISSING', `\`${dataDir}\` has no master key: set SIGNALBOX_MASTER_KEY`)
  return loadMasterKey({ dir, env, mode: project.mode ?? 'development', host })
}

interface Opened {
  readonly store: Store
  readonly replayer: ReturnType<typeof createReplayer>
  readonly takeAttempts: () => readonly string[]
}

/** Opens a copy with the definitions of a project and every way out shut. */
async function onStore<T>(
  path: string,
  project: Project,
  masterKey: Uint8Array,
  { host }: Pick<UpgradeCheckOptions, 'host'>,
  use: (opened: Opened) => Promise<T>,
): Promise<T> {
  const policy = loadBundle(readBundleDir(project.bundleDir))
  const store = await openSqliteStore({ path, host })
  const attempts: string[] = []
  const open = shutOutlets((what) => attempts.push(what))
  try {
    const vault = keyVault({ store, host, masterKey })
    const replayer = createReplayer({ store, vault, policy, workflows: project.workflows, host })
    return await use({ store, replayer, takeAttempts: () => attempts.splice(0) })
  } finally {
    open()
    await store.close()
  }
}

/** What lies beside a golden database. */
const goldenSchema = z.object({ file_sha256: z.string(), master_key_for_tests_only: z.string() })

async function goldenRuns(options: UpgradeCheckOptions, goldenDir: string, scratch: string): Promise<GoldenResult[]> {
  if (!existsSync(goldenDir))
    throw new SignalboxError('NOT_FOUND', `there is no folder \`${goldenDir}\` of golden databases`)
  const results: GoldenResult[] = []
  for (const version of versionsIn(goldenDir)) {
    options.log?.(`golden database ${version}`)
    const folder = join(goldenDir, version)
    try {
      const project = await projectBeside([folder, goldenDir], options.project)
      results.push({ version, sum: await oneGolden(options, project, folder, scratch), why: null })
    } catch (thrown) {
      const { code, message } = toSignalboxError(thrown)
      results.push({ version, sum: null, why: `${code}: ${message}` })
    }
  }
  return results
}

/** Their workflows are frozen beside them; without a project of their own they are those of the project. */
async function projectBeside(folders: readonly string[], otherwise: Project): Promise<Project> {
  const own = folders.map((folder) => join(folder, 'signalbox.config.ts')).find((path) => existsSync(path))
  return own === undefined ? otherwise : await loadProject(own)
}

function versionsIn(goldenDir: string): string[] {
  return readdirSync(goldenDir)
    .filter((name) => existsSync(join(goldenDir, name, 'manifest.json')))
    .sort()
}

async function oneGolden(
  options: UpgradeCheckOptions,
  project: Project,
  folder: string,
  scratch: string,
): Promise<ReplaySum> {
  const parsed = goldenSchema.safeParse(JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8')))
  if (!parsed.success) throw new SignalboxError('CONFIG_INVALID', `\`${folder}\` has no manifest of a golden database`)
  const file = join(folder, DATABASE)
  const hash = createHash('sha256').update(readFileSync(file)).digest('hex')
  if (hash !== parsed.data.file_sha256)
    throw new SignalboxError('STORE_CORRUPT', `\`${file}\` is not the file that its manifest names`)
  const path = join(mkdtempSync(join(scratch, 'golden-')), DATABASE)
  copyFileSync(file, path)
  const key = Buffer.from(parsed.data.master_key_for_tests_only, 'base64')
  return onStore(path, project, key, options, async (opened) => {
    const broken = await brokenHistories(opened.store)
    const selection = { workflow: null, last: null, sinceMs: null }
    return withHistories(await replayStore({ ...opened, host: options.host, selection }), broken)
  })
}

async function brokenHistories(store: Store): Promise<string[]> {
  const broken: string[] = []
  for (const tenant of await store.tenants())
    for (const row of await store.runs({ tenant, limit: 1_000 })) {
      const { findings } = auditRun(await store.records(tenant, row.runId), { seq: row.seq, head: row.head })
      if (findings.length > 0) broken.push(row.runId)
    }
  return broken
}

/** What a report was made of, so that a gate can tell whether it is about this very build. */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { dirname, join, relative, resolve, sep } from 'node:path'
import { loadBundle, RUNTIME_VERSION, STORE_VERSION } from 'signalbox'
import { readBundleDir } from '../policy/folder.ts'
import { ioError } from '../dev/io.ts'
import type { Project } from '../project.ts'

/** The source that a project runs from. */
export interface SourceIdentity {
  /** SHA-256 over the paths and contents of all files, without reports, data folders and what git ignores. */
  readonly treeHash: string
  /** SHA-256 of the lock file of the package manager, or null when there is none. */
  readonly lockHash: string | null
}

/** What of a project's behaviour a report is about. */
export interface ProjectIdentity {
  readonly project: string
  /** Hash of the policy bundle, `name@sha256`. */
  readonly bundle: string
  /** Signatures of its workflows by `name@version`. */
  readonly workflows: Readonly<Record<string, string>>
}

/** A build: source, project, versions. */
export interface BuildIdentity extends SourceIdentity, ProjectIdentity {
  readonly runtimeVersion: string
  readonly storeVersion: number
}

/** Folder in which reports are written, beside the project file. */
export const REPORTS = 'reports'

const LOCKS = ['package-lock.json', 'npm-shrinkwrap.json', 'pnpm-lock.yaml', 'yarn.lock', 'bun.lock', 'bun.lockb']
const LEFT_OUT = new Set(['.git', 'node_modules', '.signalbox', REPORTS])

/** The build that a project file describes. Throws POLICY_BUNDLE_INVALID and the codes of `ioError`. */
export function buildIdentity(project: Project, configPath: string): BuildIdentity {
  return {
    ...sourceIdentity(dirname(resolve(configPath))),
    ...projectIdentity(project),
    runtimeVersion: RUNTIME_VERSION,
    storeVersion: STORE_VERSION,
  }
}

/** Bundle and workflows of a project. Throws POLICY_BUNDLE_INVALID. */
export function projectIdentity(project: Project): ProjectIdentity {
  const specs = project.workflows.map((each) => each.spec)
  return {
    project: project.name,
    bundle: loadBundle(readBundleDir(project.bundleDir)).bundle,
    workflows: Object.fromEntries(specs.map((spec) => [`${spec.name}@${spec.version}`, spec.signature])),
  }
}

/**
 * The source around a folder: the whole git repository that holds it, since code of a project may lie anywhere in it, or
 * else the folder itself.
 */
export function sourceIdentity(folder: string): SourceIdentity {
  const top = gitTop(folder)
  const root = top ?? folder
  const files = (top === null ? walk(root) : gitFiles(root)).filter((path) => isPartOfBuild(path)).sort()
  const hash = createHash('sha256')
  for (const path of files) hash.update(`${path}\0${fileHash(join(root, path))}\n`)
  const lock = lockFile(folder, root)
  return { treeHash: hash.digest('hex'), lockHash: lock === null ? null : fileHash(lock) }
}

function isPartOfBuild(path: string): boolean {
  return path.split('/').every((part) => !LEFT_OUT.has(part))
}

function gitTop(folder: string): string | null {
  const { status, stdout } = spawnSync('git', ['rev-parse', '--show-toplevel'], { cwd: folder, encoding: 'utf8' })
  return status === 0 ? stdout.trim() : null
}

/** Tracked files and new ones that are not ignored, as long as they are there. */
function gitFiles(root: string): string[] {
  const list = ['ls-files', '-z', '--cached', '--others', '--exclude-standard']
  const { status, stdout } = spawnSync('git', list, { cwd: root, encoding: 'utf8', maxBuffer: 1 << 28 })
  if (status !== 0) return walk(root)
  return [...new Set(stdout.split('\0'))].filter((path) => path !== '' && existsSync(join(root, path)))
}

function walk(root: string, folder = root): string[] {
  const entries = readdirSync(folder, { withFileTypes: true })
  return entries.flatMap((entry) => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return LEFT_OUT.has(entry.name) ? [] : walk(root, path)
    return [relative(root, path).split(sep).join('/')]
  })
}

function fileHash(path: string): string {
  try {
    const stat = lstatSync(path)
    // Neither what a link leads to nor what a folder of another repository holds is part of this tree.
    const bytes = stat.isSymbolicLink() ? readlinkSync(path) : stat.isFile() ? readFileSync(path) : ''
    return createHash('sha256').update(bytes).digest('hex')
  } catch (cause) {
    throw ioError(cause, path)
  }
}

/** The nearest lock file at or above the folder, not above the root. */
function lockFile(folder: string, root: string): string | null {
  const found = LOCKS.map((name) => join(folder, name)).find((path) => existsSync(path))
  if (found !== undefined) return found
  return resolve(folder) === resolve(root) || dirname(folder) === folder ? null : lockFile(dirname(folder), root)
}

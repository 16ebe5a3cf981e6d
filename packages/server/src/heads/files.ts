/**
 * Tree heads as files of a folder: `<number>.note` is the signed head, `<number>.leaves` the leaves that changed since the
 * head before. Files are added and never changed.
 */
import {
  closeSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { type HeadFiles, SignalboxError, type VerifierKey, readVerifierKey, verifierKeyText } from 'signalbox'
import { ioError } from '../dev/io.ts'
import type { EnvValues } from '../project.ts'

/** Folder of tree heads: `SIGNALBOX_TREE_HEADS_DIR`, else `heads` in the data folder. */
export function headsDirOf(dataDir: string, env: EnvValues): string {
  const given = env.SIGNALBOX_TREE_HEADS_DIR
  return given === undefined || given === '' ? join(dataDir, 'heads') : given
}

/** The file of a data folder that holds the public key of its tree heads. */
export function publicKeyPath(dataDir: string): string {
  return join(dataDir, 'audit.pub')
}

/** Reads a public key. Throws CONFIG_INVALID when the file is missing or holds none. */
export function readPublicKey(path: string): VerifierKey {
  const text = readText(path)
  if (text !== null) return readVerifierKey(text)
  throw new SignalboxError(
    'CONFIG_INVALID',
    `there is no public key \`${path}\` to check tree heads with: name the kept one with --public-key`,
  )
}

/**
 * Writes the public key where it is not yet. Throws CONFIG_INVALID when another one is there: heads of two keys in one
 * folder would prove nothing.
 */
export function keepPublicKey(path: string, key: VerifierKey): void {
  const text = `${verifierKeyText(key)}\n`
  const there = readText(path)
  if (there !== null && there !== text)
    throw new SignalboxError(
      'CONFIG_INVALID',
      `\`${path}\` is of another audit key: give the key that signed so far, or move this file and the tree heads away`,
    )
  if (there === null)
    try {
      addFile(path, text)
    } catch (cause) {
      throw ioError(cause, path)
    }
}

/** All heads of a folder, in order; none when the folder is not there. */
export function readHeads(dir: string): readonly HeadFiles[] {
  const numbers = new Set(names(dir).flatMap((name) => /^(\d{8})\.(?:note|leaves)$/.exec(name)?.[1] ?? []))
  return [...numbers].sort().map((digits) => ({
    number: Number(digits),
    note: readText(join(dir, `${digits}.note`)),
    leaves: readText(join(dir, `${digits}.leaves`)),
  }))
}

/**
 * Adds a head: the leaves first, then the note, each durable before the next step, so that a note always has its leaves.
 * Throws CONFIG_INVALID when the number is taken, and the codes of `ioError`.
 */
export function writeHead(dir: string, head: { number: number; note: string; leaves: string }): void {
  const base = join(dir, String(head.number).padStart(8, '0'))
  try {
    mkdirSync(dir, { recursive: true, mode: 0o700 })
    // A list without a note is what a stopped process left: nothing has signed it.
    if (readText(`${base}.note`) === null) rmSync(`${base}.leaves`, { force: true })
    addFile(`${base}.leaves`, head.leaves)
    addFile(`${base}.note`, head.note)
    flush(dir)
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'EEXIST')
      throw new SignalboxError(
        'CONFIG_INVALID',
        `\`${dir}\` has a head ${head.number} already: give each data folder a folder of its own for tree heads`,
        { cause },
      )
    throw ioError(cause, dir)
  }
}

/** Writes a whole file under another name and links it into place; EEXIST when the name is taken. */
function addFile(path: string, text: string): void {
  const draft = `${path}.draft`
  rmSync(draft, { force: true })
  const file = openSync(draft, 'wx', 0o600)
  try {
    writeSync(file, text)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  linkSync(draft, path)
  rmSync(draft)
}

function flush(dir: string): void {
  const folder = openSync(dir, 'r')
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}

function names(dir: string): readonly string[] {
  try {
    return readdirSync(dir)
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return []
    throw ioError(cause, dir)
  }
}

function readText(path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return null
    throw ioError(cause, path)
  }
}

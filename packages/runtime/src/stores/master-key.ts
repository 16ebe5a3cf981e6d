import {
  chmodSync,
  closeSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  unlinkSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { SignalboxError } from '../base/errors.ts'
import type { Host } from '../base/host.ts'
import type { Mode } from '../contracts/common.ts'

/** Where one kind of key is found. */
interface KeyPlace {
  readonly variable: string
  readonly file: string
}

const MASTER: KeyPlace = { variable: 'SIGNALBOX_MASTER_KEY', file: 'master.key' }
const AUDIT: KeyPlace = { variable: 'SIGNALBOX_AUDIT_KEY', file: 'audit.key' }
const KEY_BYTES = 32

/** Where the master key may come from. */
export interface MasterKeyOptions {
  /** Data folder. In development a key file in it is used, and made when missing. */
  readonly dir: string
  readonly env: Readonly<Record<string, string | undefined>>
  readonly mode: Mode
  readonly host: Host
}

/**
 * The master key: `SIGNALBOX_MASTER_KEY` (base64 of 32 bytes), or in development the file `master.key` (mode 0600) of
 * the data folder. A key beside the data protects nothing from whoever copies the folder, so production does not take it.
 * Throws KEY_MISSING when there is none or it has another form, STORE_READ_ONLY when the file cannot be made.
 */
export function loadMasterKey(options: MasterKeyOptions): Uint8Array {
  return loadKey(MASTER, options)
}

/**
 * The seed of the Ed25519 key that signs tree heads, found as the master key is: `SIGNALBOX_AUDIT_KEY`, or in development
 * the file `audit.key`. Use one key for one data folder. Throws as `loadMasterKey` does.
 */
export function loadAuditKey(options: MasterKeyOptions): Uint8Array {
  return loadKey(AUDIT, options)
}

function loadKey({ variable, file }: KeyPlace, options: MasterKeyOptions): Uint8Array {
  const given = options.env[variable]
  if (given !== undefined && given !== '') return decode(given, `environment variable \`${variable}\``)
  if (options.mode === 'production') {
    const sentence = `production needs \`${variable}\`: set it to 32 random bytes in base64 (openssl rand -base64 32)`
    throw new SignalboxError('KEY_MISSING', sentence)
  }
  const path = join(options.dir, file)
  return readKey(path) ?? makeKey(path, options)
}

function readKey(path: string): Uint8Array | null {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (thrown) {
    if (isReason(thrown, 'ENOENT') || isReason(thrown, 'ENOTDIR')) return null
    throw new SignalboxError('KEY_MISSING', `key file \`${path}\` cannot be read: give this user read access`, {
      cause: thrown,
    })
  }
  return decode(text, `key file \`${path}\``)
}

/** Writes a new key to a file of its own and links it into place, so that of two processes one wins with a whole key. */
function makeKey(path: string, { dir, host }: MasterKeyOptions): Uint8Array {
  const suffix = Buffer.from(host.randomBytes(6)).toString('hex')
  const draft = `${path}.${suffix}`
  try {
    mkdirSync(dir, { recursive: true, mode: 0o700 })
    const file = openSync(draft, 'wx', 0o600)
    try {
      writeSync(file, `${Buffer.from(host.randomBytes(KEY_BYTES)).toString('base64')}\n`)
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
    link(draft, path)
    chmodSync(path, 0o600)
    flushFolder(dir)
  } catch (thrown) {
    throw new SignalboxError('STORE_READ_ONLY', `key file \`${path}\` cannot be made: make the folder writable`, {
      cause: thrown,
    })
  }
  const made = readKey(path)
  if (!made) throw new SignalboxError('KEY_MISSING', `key file \`${path}\` vanished: start again`)
  return made
}

function link(draft: string, path: string): void {
  try {
    linkSync(draft, path)
  } catch (thrown) {
    if (!isReason(thrown, 'EEXIST')) throw thrown
  } finally {
    unlinkSync(draft)
  }
}

function flushFolder(dir: string): void {
  const folder = openSync(dir, 'r')
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}

function decode(text: string, where: string): Uint8Array {
  const trimmed = text.trim()
  const bytes = Buffer.from(trimmed, 'base64')
  if (bytes.length !== KEY_BYTES || bytes.toString('base64').replace(/=+$/, '') !== trimmed.replace(/=+$/, ''))
    throw new SignalboxError(
      'KEY_MISSING',
      `${where} must hold 32 bytes in base64: make one with openssl rand -base64 32`,
    )
  return new Uint8Array(bytes)
}

function isReason(thrown: unknown, reason: string): boolean {
  return thrown instanceof Error && 'code' in thrown && thrown.code === reason
}

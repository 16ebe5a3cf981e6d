import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { SignalboxError } from '../base/errors.ts'

/** What a source gives. */
export interface IssuedCredential {
  readonly value: string
  /** From now on, in seconds; absent: the source does not say. */
  readonly expiresInSeconds?: number
}

/** Where a credential comes from. `name` is shown to people, the value never is. */
export interface CredentialSource {
  readonly kind: string
  readonly name: string
  /** Asked again after so many seconds when the credential has no expiry of its own; null: never. */
  readonly rereadSeconds: number | null
  /** Throws when it cannot be had; the message must not hold the value. */
  read(env: Readonly<Record<string, string | undefined>>): Promise<IssuedCredential>
}

/** For which hosts a credential is, and how it is sent. */
export interface CredentialUse {
  /** Exactly `host:port`, or a function that reads configuration at call time. `ctx.fetch` sends it nowhere else. */
  readonly hosts: readonly string[] | (() => readonly string[])
  /** Name of the header that carries the bare value. Default: `Authorization: Bearer <value>`. */
  readonly header?: string
}

/** The declared credential of one tool. */
export interface CredentialDef extends CredentialUse {
  readonly source: CredentialSource
}

/** Short-lived where the source can say so; what it gives without an expiry is asked for again after five minutes. */
const REREAD_SECONDS = 300
const COMMAND_SECONDS = 15
const MAX_BYTES = 65_536

/** A credential in a variable of the environment. Workers take it out of theirs once they have read it. */
export function fromEnvironment(name: string, use: CredentialUse): CredentialDef {
  const source: CredentialSource = {
    kind: 'environment',
    name,
    rereadSeconds: null,
    read: async (env) => {
      const value = env[name]
      if (value === undefined || value === '') throw failed(`the variable \`${name}\` is not set`)
      return { value }
    },
  }
  return { ...use, source }
}

/**
 * A credential in a file that something else keeps fresh: the bare value, or JSON `{"value": "…", "expires_in": 900}` with
 * seconds from when it is read.
 */
export function fromFile(path: string, use: CredentialUse): CredentialDef {
  const source: CredentialSource = {
    kind: 'file',
    name: path,
    rereadSeconds: REREAD_SECONDS,
    read: async () => {
      try {
        return issued(await readFile(path, 'utf8'))
      } catch (cause) {
        if (cause instanceof SignalboxError) throw cause
        throw failed(`the file \`${path}\` cannot be read`)
      }
    },
  }
  return { ...use, source }
}

/**
 * A credential that a program prints: the bare value, or JSON `{"value": "…", "expires_in": 900}`. The program is started
 * without a shell, with the environment of the process, and has fifteen seconds.
 */
export function fromCommand(command: readonly [string, ...string[]], use: CredentialUse): CredentialDef {
  const [program, ...args] = command
  const source: CredentialSource = {
    kind: 'command',
    // Arguments may name a path of a vault, and are not shown: somebody may have put a secret there.
    name: program,
    rereadSeconds: REREAD_SECONDS,
    read: async (env) => issued(await printed(program, args, env)),
  }
  return { ...use, source }
}

/** A credential that a function gets, such as from the token endpoint of an identity provider. */
export function fromProvider(name: string, read: () => Promise<IssuedCredential>, use: CredentialUse): CredentialDef {
  return { ...use, source: { kind: 'provider', name, rereadSeconds: REREAD_SECONDS, read } }
}

function printed(
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<string> {
  const options = { env: { ...env }, timeout: COMMAND_SECONDS * 1_000, maxBuffer: MAX_BYTES, encoding: 'utf8' } as const
  return new Promise((resolve, reject) => {
    // What it printed stays here, also when it failed: it may be the value, or half of it.
    execFile(program, [...args], options, (error, stdout) => {
      if (error === null) resolve(stdout)
      else reject(failed(`the command \`${program}\` failed (${String(error.code ?? error.signal)})`))
    })
  })
}

function issued(text: string): IssuedCredential {
  const trimmed = text.trim()
  if (!trimmed.startsWith('{')) return { value: trimmed }
  let parsed: unknown
  try {
    parsed = JSON.parse(trimmed)
  } catch {
    throw failed('it gives JSON that cannot be read')
  }
  if (typeof parsed !== 'object' || parsed === null || !('value' in parsed) || typeof parsed.value !== 'string')
    throw failed('it gives JSON without a text `value`')
  const seconds = 'expires_in' in parsed ? parsed.expires_in : undefined
  if (seconds === undefined) return { value: parsed.value }
  if (typeof seconds !== 'number' || !(seconds > 0)) throw failed('its `expires_in` is no positive number of seconds')
  return { value: parsed.value, expiresInSeconds: seconds }
}

function failed(why: string): SignalboxError {
  return new SignalboxError('KEY_MISSING', why)
}

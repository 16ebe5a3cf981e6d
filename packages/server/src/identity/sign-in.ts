import { type Host, type Mode, type PolicyBundle, SignalboxError } from 'signalbox'
import type { Authenticator } from '../auth.ts'
import { type DevPerson, devAuthenticator } from '../dev/tokens.ts'
import type { EnvValues, Project } from '../project.ts'
import { issuedAuthenticator, readDirectory } from './directory.ts'

/** What the way to sign in is made of. */
export interface SignInParts {
  readonly project: Project
  readonly bundle: Pick<PolicyBundle, 'roles' | 'duties'>
  readonly host: Host
  readonly env: EnvValues
  /** The seeded people of the data folder; not asked for in production. */
  readonly people: () => readonly DevPerson[]
}

/**
 * Who may sign in to a project: those that its own authenticator knows, else its declared principals, in development the
 * seeded people too. Throws CONFIG_INVALID for principals that are not well declared, and in production when there are
 * none, or when the authenticator is one of development tokens.
 */
export function authenticatorOf({ project, bundle, host, env, people }: SignInParts): Authenticator {
  const mode = project.mode ?? 'development'
  const declared = project.principals ? issuedAuthenticator(readDirectory(project.principals, bundle), host) : null
  const issued = project.authenticator?.(env) ?? declared
  if (mode === 'development') return issued === null ? devAuthenticator(people()) : either(issued, people())
  if (issued === null)
    throw new SignalboxError(
      'CONFIG_INVALID',
      'production accepts no development tokens: declare `principals` in the project, or give it an `authenticator`',
    )
  refuseDevelopmentTokens(mode, issued)
  return issued
}

/** Throws CONFIG_INVALID where development tokens would open a production server. */
export function refuseDevelopmentTokens(mode: Mode, { kind }: Authenticator): void {
  if (mode !== 'production' || kind !== 'development') return
  throw new SignalboxError(
    'CONFIG_INVALID',
    'production accepts no development tokens: give the server an authenticator of issued credentials',
  )
}

/** Those who are declared, and the seeded people: on this machine only, since development tokens are among them. */
function either(issued: Authenticator, people: readonly DevPerson[]): Authenticator {
  const seeded = devAuthenticator(people)
  return {
    kind: 'development',
    authenticate: async (token) => (await issued.authenticate(token)) ?? (await seeded.authenticate(token)),
  }
}

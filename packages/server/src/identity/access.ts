import {
  type CredentialKeeper,
  type CredentialStatus,
  foldPolicyHistory,
  type Host,
  isoTime,
  matrixDefinition,
  type Mode,
  NO_POLICY_HISTORY,
  type PolicyBundle,
  type PolicyHistory,
  policyRow,
  type Principal,
  type RoleMatrix,
  roleMatrix,
  SignalboxError,
  signOffState,
  type SignOffState,
  type Store,
} from 'signalbox'
import type { Project } from '../project.ts'
import { toolNames } from './credentials.ts'
import type { PrincipalDef } from './directory.ts'

/** The part of a store in which signatures lie. */
export type AccessStore = Pick<Store, 'policyLog' | 'appendPolicyLog' | 'putDefinition'>

/** Who may do what, as the endpoints tell it. */
export interface AccessService {
  readonly bundle: () => PolicyBundle
  readonly principals: readonly PrincipalDef[]
  /** Names of the tools that the project's workflows have. */
  readonly tools: readonly string[]
  matrix(): RoleMatrix
  /** How the signature of the matrix stands, and all that were given, newest first. */
  signOff(): Promise<SignOff>
  /**
   * Signs the matrix with this hash. Throws FORBIDDEN without the role that the bundle names, CONFLICT when the matrix is
   * another by now.
   */
  sign(by: Principal, matrix: string, reason: string): Promise<SignOff>
  /** The credentials of the tools; with `prove` every source is asked first. */
  credentials(prove: boolean): Promise<readonly CredentialStatus[]>
}

/** How the signature of the matrix stands. */
export interface SignOff {
  readonly state: SignOffState
  readonly rule: PolicyBundle['signOff']
  /** Newest first. */
  readonly signatures: PolicyHistory['signed']
}

/** What the service works with. */
export interface AccessParts {
  readonly project: Pick<Project, 'principals' | 'workflows'>
  readonly bundle: () => PolicyBundle
  readonly credentials: CredentialKeeper
  readonly store: AccessStore
  readonly host: Host
}

/** For how long a signature counts where the bundle does not say. */
const DEFAULT_DAYS = 90
const DAY_MS = 86_400_000
/** How often an append is tried when others write the history at the same time. */
const TRIES = 20

/** Makes the service over a composed project. */
export function accessService({ project, bundle, credentials, store, host }: AccessParts): AccessService {
  let known: RoleMatrix | null = null
  const matrix = (): RoleMatrix => {
    const now = bundle()
    if (known?.bundle !== now.bundle) known = roleMatrix(now)
    return known
  }
  const history = async (): Promise<PolicyHistory> => foldPolicyHistory(NO_POLICY_HISTORY, await store.policyLog(0))
  const signOff = async (): Promise<SignOff> => {
    const { signed } = await history()
    const rule = bundle().signOff
    return { state: signOffState(signed, matrix(), rule, host.now()), rule, signatures: [...signed].reverse() }
  }
  const append = async (by: Principal, signed: RoleMatrix, reason: string): Promise<void> => {
    const days = bundle().signOff?.days ?? DEFAULT_DAYS
    for (let n = 0; n < TRIES; n++) {
      const now = host.now()
      const expires_at = isoTime(now + days * DAY_MS)
      const told = { type: 'roles.signed', by, reason, bundle: signed.bundle, matrix: signed.hash, expires_at } as const
      if (await store.appendPolicyLog(policyRow(await history(), isoTime(now), told))) return
    }
    throw new SignalboxError('CONFLICT', 'others change the policy at the same time: sign again')
  }
  return {
    bundle,
    principals: project.principals ?? [],
    tools: toolNames(project),
    matrix,
    signOff,
    sign: async (by, hash, reason) => {
      requireOwner(by, bundle())
      const present = matrix()
      if (present.hash !== hash)
        throw new SignalboxError(
          'CONFLICT',
          'the table of roles and tools is another by now: look at it again, then sign',
        )
      await store.putDefinition(matrixDefinition(hash), JSON.stringify({ roles: present.roles, rows: present.rows }))
      await append(by, present, reason)
      return signOff()
    },
    credentials: async (prove) => (prove ? await credentials.prove() : credentials.status()),
  }
}

function requireOwner({ id, roles }: Principal, { signOff }: PolicyBundle): void {
  if (signOff === null || roles.includes(signOff.role)) return
  throw new SignalboxError('FORBIDDEN', `\`${id}\` may not sign: the bundle asks for the role \`${signOff.role}\``, {
    details: { roles: [signOff.role] },
  })
}

/** What to say of a signature that the bundle asks for and that does not count; null when all is well. */
export function signOffFault({ state, rule }: Pick<SignOff, 'state' | 'rule'>): string | null {
  if (rule === null || state === 'signed' || state === 'not_asked') return null
  const why = {
    missing: 'nobody has signed the table of roles and tools',
    changed: 'what roles may do has changed since it was signed',
    expired: `the signature of the table of roles and tools is older than ${rule.days} days`,
  }[state]
  return `${why}: look at \`signalbox roles matrix\` and sign it with \`signalbox roles sign-off\` (role ${rule.role})`
}

/** Production runs nothing while the signature that its bundle asks for does not count: CONFIG_INVALID. */
export async function requireSignOff(access: AccessService, mode: Mode, log: (line: string) => void): Promise<void> {
  const fault = signOffFault(await access.signOff())
  if (fault === null) return
  if (mode === 'production') throw new SignalboxError('CONFIG_INVALID', fault)
  log(fault)
}

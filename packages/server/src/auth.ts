import type { Permission } from '@signalbox/protocol'
import { type Principal, SignalboxError } from 'signalbox'

/**
 * Turns a bearer token into the person or service it was issued to. Identity comes from here alone (Invariant 7): no
 * endpoint reads a name from a body.
 */
export interface Authenticator {
  /** `development` tokens are accepted on loopback only. */
  readonly kind: 'development' | 'issued'
  /** Null for a token that nobody holds. Must take the same time whether a token is nearly right or not. */
  authenticate(token: string): Promise<Principal | null>
}

/** What each role may do. A role that is not here (such as one that only policy speaks of) gives nothing on the API. */
const PERMISSIONS: Readonly<Record<string, readonly Permission[]>> = {
  viewer: ['read'],
  requester: ['read', 'runs.start', 'runs.cancel_own'],
  approver: ['read', 'approvals.decide', 'questions.answer', 'requests.respond'],
  privacy: ['read', 'subjects.erase'],
  operator: [
    'read',
    'runs.cancel_own',
    'runs.cancel',
    'runs.operate',
    'questions.answer',
    'requests.respond',
    'kill_switches.write',
    'schedules.write',
  ],
}

/** Everything that the roles of a principal permit, each once, sorted. */
export function permissionsOf(principal: Principal): readonly Permission[] {
  const all = principal.roles.flatMap((role) => (Object.hasOwn(PERMISSIONS, role) ? (PERMISSIONS[role] ?? []) : []))
  return [...new Set(all)].sort()
}

/** True when the principal may do it. */
export function may(principal: Principal, permission: Permission): boolean {
  return permissionsOf(principal).includes(permission)
}

/** Throws FORBIDDEN naming the roles that would do. */
export function requirePermission(principal: Principal, permission: Permission): void {
  if (may(principal, permission)) return
  const roles = Object.entries(PERMISSIONS).flatMap(([role, gives]) => (gives.includes(permission) ? [role] : []))
  throw new SignalboxError(
    'FORBIDDEN',
    `\`${principal.id}\` may not do this: it takes the role ${roles.join(' or ')}`,
    {
      details: { permission, roles },
    },
  )
}

/** The principal behind an `Authorization` header. Throws AUTH_REQUIRED for a missing, malformed or unknown token. */
export async function principalOf(header: string | undefined, auth: Authenticator): Promise<Principal> {
  const token = /^Bearer ([\w.~+/=-]{16,512})$/.exec(header ?? '')?.[1]
  const principal = token === undefined ? null : await auth.authenticate(token)
  if (principal) return principal
  const problem = header === undefined ? 'no credential was sent' : 'the credential is not valid'
  throw new SignalboxError('AUTH_REQUIRED', `${problem}: send a header \`Authorization: Bearer <token>\``)
}

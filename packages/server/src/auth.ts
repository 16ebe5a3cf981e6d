import type { Permission } from '@signalbox/protocol'
import { brokenByRoles, type Duty, type Principal, SignalboxError } from 'signalbox'

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
  privacy: ['read', 'subjects.erase', 'evidence.export', 'evidence.content'],
  // What it finds is of all tenants: nobody who works for one has it by another role.
  auditor: ['read', 'exposure.audit', 'evidence.export'],
  'access-owner': ['read', 'roles.sign_off'],
  // Who of these may is what the bundle in force says.
  'policy-author': ['read', 'policy.propose'],
  'policy-approver': ['read', 'policy.propose', 'policy.activate'],
  operator: [
    'read',
    'runs.cancel_own',
    'runs.cancel',
    'runs.operate',
    'questions.answer',
    'requests.respond',
    'kill_switches.write',
    'overrides.write',
    'schedules.write',
    'outbox.write',
    'alerts.manage',
    'evidence.export',
  ],
  platform_operator: ['read', 'kill_switches.write', 'kill_switches.global', 'alerts.manage'],
}

/** Roles that give something on the API, by name. */
export const API_ROLES: readonly string[] = Object.keys(PERMISSIONS)

/** What only a person may be let do: a program's answer is nobody's. */
export const PEOPLE_ONLY: readonly Permission[] = [
  'approvals.decide',
  'questions.answer',
  'requests.respond',
  'roles.sign_off',
  'policy.propose',
  'policy.activate',
  'alerts.manage',
]

/** Everything that the roles of a principal permit and their credential is not kept from, each once, sorted. */
export function permissionsOf(principal: Principal): readonly Permission[] {
  const { kind, scopes } = principal
  const all = principal.roles.flatMap((role) => (Object.hasOwn(PERMISSIONS, role) ? (PERMISSIONS[role] ?? []) : []))
  const within = (one: Permission): boolean => scopes === undefined || scopes.includes(one)
  return [...new Set(all)].filter((one) => within(one) && (kind === 'user' || !PEOPLE_ONLY.includes(one))).sort()
}

/** True when the principal may do it. */
export function may(principal: Principal, permission: Permission): boolean {
  return permissionsOf(principal).includes(permission)
}

/** Throws FORBIDDEN naming the roles that would do, or that the credential is too narrow. */
export function requirePermission(principal: Principal, permission: Permission): void {
  if (may(principal, permission)) return
  const { scopes, ...whole } = principal
  if (scopes !== undefined && may(whole, permission))
    throw new SignalboxError(
      'FORBIDDEN',
      `the credential of \`${principal.id}\` is not for this: it takes one with the scope ${permission}`,
      { details: { permission, scopes } },
    )
  if (principal.kind !== 'user' && PEOPLE_ONLY.includes(permission))
    throw new SignalboxError(
      'FORBIDDEN',
      `only a person may do this, \`${principal.id}\` came as a ${principal.kind}`,
      {
        details: { permission },
      },
    )
  const roles = Object.entries(PERMISSIONS).flatMap(([role, gives]) => (gives.includes(permission) ? [role] : []))
  throw new SignalboxError(
    'FORBIDDEN',
    `\`${principal.id}\` may not do this: it takes the role ${roles.join(' or ')}`,
    {
      details: { permission, roles },
    },
  )
}

/**
 * The principal behind an `Authorization` header. Throws AUTH_REQUIRED for a missing, malformed or unknown token, and
 * DUTIES_CONFLICT for somebody whose roles no one person may hold together.
 */
export async function principalOf(
  header: string | undefined,
  auth: Authenticator,
  duties: readonly Duty[] = [],
): Promise<Principal> {
  const token = /^Bearer ([\w.~+/=-]{16,4096})$/.exec(header ?? '')?.[1]
  const principal = token === undefined ? null : await auth.authenticate(token)
  if (principal) {
    refuseTwoHats(principal, duties)
    return principal
  }
  const problem = header === undefined ? 'no credential was sent' : 'the credential is not valid'
  throw new SignalboxError('AUTH_REQUIRED', `${problem}: send a header \`Authorization: Bearer <token>\``)
}

function refuseTwoHats({ id, roles }: Principal, duties: readonly Duty[]): void {
  const broken = brokenByRoles(duties, roles)
  if (broken === null) return
  throw new SignalboxError(
    'DUTIES_CONFLICT',
    `\`${id}\` holds the roles ${broken.roles.map((role) => `\`${role}\``).join(' and ')}, which no one person may: take one away`,
    { details: { duty: broken.id, reason: broken.reason } },
  )
}

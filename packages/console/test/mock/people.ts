import type { Me, Permission, PrincipalView } from '@signalbox/protocol'

const PERMISSIONS: Readonly<Record<string, readonly Permission[]>> = {
  viewer: ['read'],
  'policy-author': ['read', 'policy.propose'],
  'policy-approver': ['read', 'policy.propose', 'policy.activate'],
  'access-owner': ['read', 'roles.sign_off'],
  requester: ['read', 'runs.start', 'runs.cancel_own'],
  approver: ['read', 'approvals.decide', 'questions.answer', 'requests.respond'],
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
    'alerts.manage',
    'evidence.export',
  ],
}

const ROLES = {
  rita: ['requester', 'payables-clerk'],
  paul: ['approver'],
  vera: ['viewer', 'access-owner', 'policy-author'],
  olga: ['operator', 'policy-approver'],
} as const

/** Name of a person whom the mock backend knows. */
export type Person = keyof typeof ROLES

/** All people of the mock backend. */
export const PEOPLE: readonly Person[] = ['rita', 'paul', 'vera', 'olga']

/** Token of a person. */
export const tokenOf = (person: Person): string => `mock-token-of-${person}-0123456789`

/** A person as a principal. */
export function principalOf(person: Person): PrincipalView {
  return { id: `user:${person}`, kind: 'user', tenant: 'dev', roles: [...ROLES[person]] }
}

/** Who holds a token; null for one that nobody holds. */
export function meOf(token: string): Me | null {
  const person = PEOPLE.find((each) => tokenOf(each) === token)
  if (!person) return null
  const permissions = [...new Set(ROLES[person].flatMap((role) => PERMISSIONS[role] ?? []))]
  return { principal: principalOf(person), permissions }
}

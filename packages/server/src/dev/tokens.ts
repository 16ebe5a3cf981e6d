import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Host, type Principal, SignalboxError, sha256Hex } from 'signalbox'
import { z } from 'zod'
import type { Authenticator } from '../auth.ts'
import { ioError } from './io.ts'

const fileSchema = z.object({
  version: z.literal(1),
  people: z.array(
    z.object({
      person: z.string(),
      id: z.string(),
      tenant: z.string(),
      roles: z.array(z.string()),
      token: z.string().min(16),
    }),
  ),
})

/** A seeded person of a development server, with the token to sign in. */
export type DevPerson = z.output<typeof fileSchema>['people'][number]

/** The tenant of a development server. */
export const DEV_TENANT = 'dev'

const SEEDED: readonly { readonly person: string; readonly roles: readonly string[] }[] = [
  { person: 'rita', roles: ['requester', 'payables-clerk'] },
  { person: 'paul', roles: ['approver'] },
  { person: 'vera', roles: ['viewer'] },
  { person: 'olga', roles: ['operator', 'privacy', 'access-owner', 'auditor'] },
  // A second one for what takes two persons.
  { person: 'omar', roles: ['operator', 'policy-approver'] },
  { person: 'sam', roles: ['policy-author'] },
  { person: 'pia', roles: ['policy-approver'] },
]

/** Where a data folder keeps its development tokens. */
export function devTokensPath(dataDir: string): string {
  return join(dataDir, 'dev-tokens.json')
}

/** The people of a data folder; null when it has none yet. Throws CONFIG_INVALID for a file that cannot be read as such. */
export function readDevPeople(dataDir: string): readonly DevPerson[] | null {
  const path = devTokensPath(dataDir)
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return null
    throw ioError(cause, path)
  }
  const parsed = fileSchema.safeParse(safeJson(text))
  if (!parsed.success)
    throw new SignalboxError('CONFIG_INVALID', `\`${path}\` is not a token file: delete it, and new tokens are made`)
  return parsed.data.people
}

/** The people of a data folder, made with new random tokens at first use. The file is readable by its owner alone. */
export function seedDevPeople(dataDir: string, host: Host): readonly DevPerson[] {
  const existing = readDevPeople(dataDir)
  if (existing) return existing
  const people = SEEDED.map(({ person, roles }) => ({
    person,
    id: `user:${person}`,
    tenant: DEV_TENANT,
    roles: [...roles],
    token: `dev-${person}-${Buffer.from(host.randomBytes(24)).toString('base64url')}`,
  }))
  const path = devTokensPath(dataDir)
  try {
    writeFileSync(path, `${JSON.stringify({ version: 1, people }, null, 2)}\n`, { mode: 0o600, flag: 'wx' })
    chmodSync(path, 0o600)
  } catch (cause) {
    throw ioError(cause, path)
  }
  return people
}

/** The principal that a seeded person is. */
export function principalOfPerson(person: DevPerson): Principal {
  return { id: person.id, kind: 'user', tenant: person.tenant, roles: person.roles }
}

/** Accepts the tokens of the given people. Tokens are compared by hash, so that timing tells nothing of them. */
export function devAuthenticator(people: readonly DevPerson[]): Authenticator {
  const byHash = new Map(people.map((each) => [sha256Hex(each.token), principalOfPerson(each)]))
  return { kind: 'development', authenticate: async (token) => byHash.get(sha256Hex(token)) ?? null }
}

function safeJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

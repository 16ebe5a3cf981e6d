import type { Permission } from '@signalbox/protocol'
import { permissionSchema } from '@signalbox/protocol'
import { brokenByRoles, type Duty, type Host, type Principal, SignalboxError, sha256Hex } from 'signalbox'
import { z } from 'zod'
import { API_ROLES, type Authenticator, PEOPLE_ONLY } from '../auth.ts'

/** One credential of somebody. Only the hash of the token is kept; `signalbox roles token` makes one. */
export interface TokenDef {
  /** Tells it from the others of the same principal, such as `laptop`; recorded with what is done with it. */
  readonly name: string
  /** SHA-256 of the token, 64 hexadecimal digits. */
  readonly sha256: string
  /** A credential is for one tenant. */
  readonly tenant: string
  /** What it is limited to. Services and agents must say; a person's is limited by their roles only unless it says. */
  readonly scopes?: readonly Permission[]
  /** ISO 8601: from here on it is not accepted. Services and agents must say. */
  readonly expires?: string
  /** For agents: the user that it acts for. It then has only the roles that both hold. */
  readonly onBehalfOf?: string
}

/** A person, a service or an agent that may sign in. */
export interface PrincipalDef {
  /** `user:ana`, `service:importer`, `agent:clerk`. */
  readonly id: string
  /** Roles by tenant. */
  readonly roles: Readonly<Record<string, readonly string[]>>
  /** Who answers for a service or an agent: a user of the directory. */
  readonly owner?: string
  readonly tokens: readonly TokenDef[]
}

/** What a directory is checked against. */
export interface DirectoryRules {
  /** Roles that the policy bundle declares. */
  readonly roles: readonly string[]
  readonly duties: readonly Duty[]
}

const tokenSchema = z.strictObject({
  name: z.string().regex(/^[a-z][a-z0-9-]{0,62}$/, 'must be lower case letters, digits and hyphens'),
  sha256: z.string().regex(/^[0-9a-f]{64}$/, 'must be the SHA-256 of the token, 64 hexadecimal digits'),
  tenant: z.string().min(1),
  scopes: z.array(permissionSchema).min(1).optional(),
  expires: z.iso.datetime({ offset: true }).or(z.iso.date()).optional(),
  onBehalfOf: z.string().optional(),
})

const principalSchema = z.strictObject({
  id: z
    .string()
    .regex(/^(user|service|agent):[\w.@-]{1,100}$/, 'must be such as user:ana, service:importer, agent:clerk'),
  roles: z.record(z.string().min(1), z.array(z.string())),
  owner: z.string().optional(),
  tokens: z.array(tokenSchema),
})

/** A directory that was checked. */
export interface Directory {
  readonly principals: readonly PrincipalDef[]
}

/** Checks declared principals. Throws CONFIG_INVALID naming every mistake at once. */
export function readDirectory(principals: readonly PrincipalDef[], rules: DirectoryRules): Directory {
  const faults = principals.flatMap((each, at) => formFaults(each, at))
  if (faults.length === 0) faults.push(...principals.flatMap((each) => principalFaults(each, principals, rules)))
  const tokens = principals.flatMap((each) => each.tokens?.map(({ sha256 }) => sha256) ?? [])
  const ids = principals.map((each) => each.id)
  for (const id of repeated(ids)) faults.push(`\`${id}\` is declared twice`)
  if (repeated(tokens).length > 0) faults.push('one token is declared for two credentials: make a new one for each')
  if (faults.length === 0) return { principals }
  throw new SignalboxError(
    'CONFIG_INVALID',
    `the declared principals have ${faults.length === 1 ? 'a mistake' : `${faults.length} mistakes`}:${faults.map((line) => `\n- ${line}`).join('')}`,
    { details: { faults } },
  )
}

function repeated(values: readonly string[]): readonly string[] {
  return [...new Set(values.filter((value, at) => values.indexOf(value) !== at))]
}

function formFaults(principal: PrincipalDef, at: number): string[] {
  const parsed = principalSchema.safeParse(principal)
  if (parsed.success) return []
  const name = typeof principal?.id === 'string' ? `\`${principal.id}\`` : `principal ${at + 1}`
  return parsed.error.issues.map((issue) => `${name}: \`${issue.path.join('.')}\` ${issue.message}`)
}

function principalFaults(principal: PrincipalDef, all: readonly PrincipalDef[], rules: DirectoryRules): string[] {
  const { id, owner } = principal
  const known = new Set([...rules.roles, ...API_ROLES])
  const faults: string[] = []
  for (const [tenant, roles] of Object.entries(principal.roles)) {
    for (const role of roles.filter((each) => !known.has(each)))
      faults.push(`\`${id}\` has role \`${role}\`, which neither the bundle nor the API knows`)
    const broken = brokenByRoles(rules.duties, roles)
    if (broken !== null)
      faults.push(
        `\`${id}\` has the roles ${broken.roles.join(' and ')} in tenant \`${tenant}\`, which duty \`${broken.id}\` forbids to combine`,
      )
  }
  if (kindOf(id) !== 'user' && !all.some((each) => each.id === owner && kindOf(each.id) === 'user'))
    faults.push(`\`${id}\` needs an \`owner\`: the declared user who answers for it`)
  if (repeated(principal.tokens.map((token) => token.name)).length > 0)
    faults.push(`\`${id}\` has two tokens of one name`)
  return [...faults, ...principal.tokens.flatMap((token) => tokenFaults(principal, token, all))]
}

function tokenFaults({ id, roles }: PrincipalDef, token: TokenDef, all: readonly PrincipalDef[]): string[] {
  const name = `token \`${token.name}\` of \`${id}\``
  const faults: string[] = []
  if (!Object.hasOwn(roles, token.tenant))
    faults.push(`${name} is for tenant \`${token.tenant}\`, where it has no roles`)
  if (kindOf(id) !== 'user') {
    if (token.scopes === undefined) faults.push(`${name} needs \`scopes\`: what the program may do`)
    if (token.expires === undefined) faults.push(`${name} needs \`expires\`: a program's credential is renewed`)
    for (const scope of (token.scopes ?? []).filter((each) => PEOPLE_ONLY.includes(each)))
      faults.push(`${name} has the scope \`${scope}\`, which only a person can have`)
  }
  if (token.onBehalfOf === undefined) return faults
  if (kindOf(id) !== 'agent') faults.push(`${name} acts for somebody: only an agent can`)
  const user = all.find((each) => each.id === token.onBehalfOf)
  if (user === undefined || kindOf(user.id) !== 'user' || !Object.hasOwn(user.roles, token.tenant))
    faults.push(`${name} acts for \`${token.onBehalfOf}\`, who is no declared user of tenant \`${token.tenant}\``)
  return faults
}

/** What an id is of: `service:` and `agent:` say so, anything else is a person. */
export function kindOf(id: string): Principal['kind'] {
  const kind = id.split(':')[0]
  return kind === 'service' || kind === 'agent' ? kind : 'user'
}

/** Accepts the tokens of a directory until they expire. Tokens are compared by hash, so that timing tells nothing of them. */
export function issuedAuthenticator({ principals }: Directory, host: Host): Authenticator {
  const byHash = new Map(
    principals.flatMap((each) =>
      each.tokens.map((token) => [
        token.sha256,
        {
          who: signedIn(each, token, principals),
          until: token.expires === undefined ? null : Date.parse(token.expires),
        },
      ]),
    ),
  )
  return {
    kind: 'issued',
    authenticate: async (token) => {
      const found = byHash.get(sha256Hex(token))
      return found && (found.until === null || host.now() < found.until) ? found.who : null
    },
  }
}

function signedIn(principal: PrincipalDef, token: TokenDef, all: readonly PrincipalDef[]): Principal {
  const { tenant, scopes, onBehalfOf } = token
  const own = principal.roles[tenant] ?? []
  const common = { tenant, ...(scopes ? { scopes: [...scopes] } : {}), credential: token.name }
  if (onBehalfOf === undefined) return { id: principal.id, kind: kindOf(principal.id), roles: [...own], ...common }
  const user = all.find((each) => each.id === onBehalfOf)?.roles[tenant] ?? []
  // The user's id, so that what the agent asked for counts as asked by them: they cannot approve it (Invariant 7).
  return {
    id: onBehalfOf,
    kind: 'agent',
    roles: own.filter((role) => user.includes(role)),
    ...common,
    via: principal.id,
  }
}

import { exemptionState, isoTime, type Principal, SignalboxError } from 'signalbox'
import type { AccessService, SignOff } from '../identity/access.ts'
import { credentialFaults } from '../identity/credentials.ts'
import { kindOf, type PrincipalDef, type TokenDef } from '../identity/directory.ts'
import { credentialView, dutyView, matrixRows, signOffView } from '../views/access.ts'
import type { ApiDeps, Handlers } from './handlers.ts'

type Names = 'roleMatrix' | 'signRoles' | 'exemptions' | 'credentials' | 'principals'

/** Endpoints about who may do what: roles and tools, exemptions, credentials, people. */
export function accessHandlers({ access, host }: ApiDeps): Pick<Handlers, Names> {
  const service = (): AccessService => {
    if (access) return access
    throw new SignalboxError('NOT_FOUND', 'this server keeps no table of roles: start it with a project')
  }
  return {
    roleMatrix: async () => {
      const { matrix, signOff, bundle } = service()
      const now = bundle()
      const { bundle: id, hash, roles } = matrix()
      return {
        bundle: id,
        hash,
        roles: [...roles],
        rows: matrixRows(matrix(), now),
        duties: now.duties.map((duty) => dutyView(duty, now)),
        sign_off: signOffView(await signOff()),
      }
    },
    signRoles: async ({ body }, who) => {
      const signed: SignOff = await service().sign(who, body.matrix, body.reason)
      return signOffView(signed)
    },
    exemptions: async () => ({
      exemptions: service()
        .bundle()
        .exemptions.map((each) => ({
          tool: each.tool,
          workflows: each.workflows === null ? null : [...each.workflows],
          condition: each.condition,
          owner: each.owner,
          reason: each.reason,
          signed_by: each.signedBy,
          signed_at: each.signedAt === null ? null : isoTime(each.signedAt),
          expires_at: isoTime(each.expiresAt),
          state: exemptionState(each, host.now()),
        })),
    }),
    credentials: async ({ query }) => {
      const { credentials, tools } = service()
      const found = await credentials(query.prove === 'true')
      const declared = new Set(found.map((each) => each.tool))
      return {
        credentials: found.map(credentialView),
        without: tools.filter((name) => !declared.has(name)),
        faults: [...credentialFaults(found)],
      }
    },
    principals: async (_input, who) => ({
      principals: service()
        .principals.filter((each) => Object.hasOwn(each.roles, who.tenant))
        .map((each) => principalView(each, who)),
    }),
  }
}

function principalView({ id, owner, roles, tokens }: PrincipalDef, { tenant }: Principal) {
  const own = tokens.filter((token) => token.tenant === tenant)
  return { id, kind: kindOf(id), owner: owner ?? null, roles: [...(roles[tenant] ?? [])], tokens: own.map(tokenView) }
}

function tokenView({ name, scopes, expires, onBehalfOf }: TokenDef) {
  return {
    name,
    scopes: scopes ? [...scopes] : null,
    expires_at: expires === undefined ? null : isoTime(Date.parse(expires)),
    on_behalf_of: onBehalfOf ?? null,
  }
}

import { bundleHash, SignalboxError } from 'signalbox'
import type { PolicyService } from '../policy/service.ts'
import type { ApiDeps, Handlers } from './handlers.ts'

type Names =
  | 'policyStatus'
  | 'policyHistory'
  | 'policyBundle'
  | 'proposeBundle'
  | 'activateBundle'
  | 'declineBundle'
  | 'takeBackBundle'
  | 'reviewActivation'
  | 'startShadow'
  | 'stopShadow'
  | 'shadowReport'

/**
 * Endpoints about the life of policy bundles. The role of the API opens them; who of those may is what the bundle in force
 * says. Identity is that of the credential (Invariant 7).
 */
export function policyLifeHandlers(deps: ApiDeps): Pick<Handlers, Names> {
  const done = async (policy: PolicyService, bundle: string) => {
    await policy.changed()
    return { bundle, hash: bundleHash(bundle) }
  }
  return {
    policyStatus: async (_input, who) => await serviceOf(deps).status(who.tenant),
    policyHistory: async () => ({ events: await serviceOf(deps).events() }),
    policyBundle: async ({ params }) => await serviceOf(deps).stored(params.id),
    proposeBundle: async ({ body }, by) => {
      const policy = serviceOf(deps)
      return await done(policy, await policy.bundles.propose(whatOf(body), { by, reason: body.reason }))
    },
    activateBundle: async ({ params, body }, by) => {
      const policy = serviceOf(deps)
      return await done(policy, await policy.bundles.activate(params.id, { by, reason: body.reason }))
    },
    declineBundle: async ({ params, body }, by) => {
      const policy = serviceOf(deps)
      return await done(policy, await policy.bundles.decline(params.id, { by, reason: body.reason }))
    },
    takeBackBundle: async ({ params, body }, by) => {
      const policy = serviceOf(deps)
      return await done(policy, await policy.bundles.takeBack(params.id, { by, reason: body.reason }))
    },
    reviewActivation: async ({ body }, by) => {
      await serviceOf(deps).bundles.review(body.activation, { by, reason: body.reason })
      return { activation: body.activation }
    },
    startShadow: async ({ body }, by) => {
      const policy = serviceOf(deps)
      return await done(policy, await policy.bundles.startShadow(whatOf(body), { by, reason: body.reason }))
    },
    stopShadow: async ({ body }, by) => {
      const policy = serviceOf(deps)
      await policy.bundles.stopShadow({ by, reason: body.reason })
      await policy.changed()
      return { stopped: true }
    },
    shadowReport: async (_input, who) => await serviceOf(deps).shadow(who.tenant),
  }
}

function serviceOf({ policy }: ApiDeps): PolicyService {
  if (policy) return policy
  throw new SignalboxError('CONFIG_INVALID', 'this server was started without a policy history: give it `policy`')
}

function whatOf({
  files,
  hash,
}: {
  readonly files?: Readonly<Record<string, string>> | undefined
  readonly hash?: string | undefined
}) {
  if (files !== undefined) return { files }
  return { hash: hash ?? '' }
}

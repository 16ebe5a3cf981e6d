import { type JsonValue, momentOf } from 'signalbox'
import { delegationView, reviewStatsView, standingView } from '../views/mandates.ts'
import type { ApiDeps, Handlers } from './handlers.ts'

const DAY_MS = 86_400_000

type Names =
  | 'claimApproval'
  | 'unclaimApproval'
  | 'seeApproval'
  | 'askInformation'
  | 'giveInformation'
  | 'editApproval'
  | 'snoozeApproval'
  | 'withdrawApproval'
  | 'liftDecline'
  | 'delegations'
  | 'delegate'
  | 'standingApprovals'
  | 'giveStanding'
  | 'revokeMandate'
  | 'reviewStats'

/** Endpoints about the life of approvals. Who acts is always the credential's principal (Invariant 7). */
export function reviewHandlers({ runs, host }: ApiDeps): Pick<Handlers, Names> {
  const stored = async (id: string, done: Promise<unknown>): Promise<{ accepted: true; id: string }> => {
    await done
    return { accepted: true, id }
  }
  return {
    claimApproval: ({ params: { id }, body }, by) => stored(id, runs.claim({ approvalId: id, by, ...body })),
    unclaimApproval: ({ params: { id } }, by) => stored(id, runs.unclaim({ approvalId: id, by })),
    seeApproval: ({ params: { id } }, by) => stored(id, runs.markSeen({ approvalId: id, by })),
    askInformation: ({ params: { id }, body }, by) => stored(id, runs.askInformation({ approvalId: id, by, ...body })),
    giveInformation: ({ params: { id }, body }, by) =>
      stored(id, runs.giveInformation({ approvalId: id, by, ...body })),
    editApproval: ({ params: { id }, body: { arguments: args, reason, packet_hash: seen } }, by) =>
      // What arrived as JSON is JSON.
      stored(id, runs.edit({ approvalId: id, by, args: args as JsonValue, reason, seen })),
    snoozeApproval: ({ params: { id }, body }, by) => stored(id, runs.snooze({ approvalId: id, by, ...body })),
    withdrawApproval: ({ params: { id }, body }, by) => stored(id, runs.withdraw({ approvalId: id, by, ...body })),
    liftDecline: ({ params: { id }, body }, by) => stored(id, runs.liftDecline({ approvalId: id, by, ...body })),
    delegations: async (_input, { tenant }) => ({
      delegations: (await runs.delegations(tenant)).map((row) => delegationView(row, host.now())),
    }),
    delegate: async ({ body }, by) => {
      const { delegate, roles, starts_at: startsAt, expires_at: expiresAt, reason } = body
      const made = await runs.delegate({
        ...{ by, delegate, reason, expiresAt: momentOf(expiresAt, '`expires_at`') },
        ...(roles === undefined ? {} : { roles }),
        ...(startsAt === undefined ? {} : { startsAt: momentOf(startsAt, '`starts_at`') }),
      })
      return delegationView(made, host.now())
    },
    standingApprovals: async (_input, { tenant }) => ({
      standing: (await runs.standing(tenant)).map((row) => standingView(row, host.now())),
    }),
    giveStanding: async ({ body }, by) => {
      const { tool, workflow, principal, constraints, reason, max_uses: maxUses } = body
      const made = await runs.giveStanding({
        ...{ by, tool, workflow, principal, constraints, reason, maxUses },
        ...(body.amount_field === undefined ? {} : { amountField: body.amount_field }),
        ...(body.max_amount === undefined ? {} : { maxAmount: body.max_amount }),
        expiresAt: momentOf(body.expires_at, '`expires_at`'),
      })
      return standingView(made, host.now())
    },
    revokeMandate: ({ params: { id }, body }, by) => stored(id, runs.revoke({ id, by, ...body })),
    reviewStats: async ({ query: { days, quick_seconds: quickSeconds } }, { tenant }) =>
      reviewStatsView(await runs.stats({ tenant, since: host.now() - days * DAY_MS, quickSeconds })),
  }
}

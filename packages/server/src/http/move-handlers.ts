import { movePlanView } from '../views/moves.ts'
import type { ApiDeps, Handlers } from './handlers.ts'

type Names = 'movePlan' | 'restore' | 'fork'

/** Endpoints that take a run up again from one of its records. Every one is about the tenant of the credential (Invariant 16). */
export function moveHandlers({ runs }: Pick<ApiDeps, 'runs'>): Pick<Handlers, Names> {
  return {
    movePlan: async ({ params, query }, who) => movePlanView(await runs.movePlan(who.tenant, params.id, query)),
    restore: async ({ params, body }, who) => {
      await runs.restore({ runId: params.id, seq: body.seq, by: who, reason: body.reason })
      return { accepted: true, run_id: params.id }
    },
    fork: async ({ params, body }, who) => {
      const { seq, reason, plan, request_id: requestId } = body
      const choices = plan?.map(({ run_id: runId, ...rest }) => (runId === undefined ? rest : { ...rest, runId }))
      const made = await runs.fork({
        runId: params.id,
        seq,
        by: who,
        reason,
        ...(choices === undefined ? {} : { plan: choices }),
        ...(requestId === undefined ? {} : { requestId }),
      })
      return { run_id: made.runId, existed: made.existed }
    },
  }
}

import type { ErasureView } from '@signalbox/protocol'
import { type ErasurePlan, type Principal, SignalboxError } from 'signalbox'
import type { ErasureService } from '../erasure/service.ts'
import { isoOf } from '../views/runs.ts'
import type { ApiDeps, Handlers } from './handlers.ts'

/** Endpoints about data subjects. The tenant is that of the credential (Invariant 16). */
export function subjectHandlers(deps: ApiDeps): Pick<Handlers, 'eraseSubject'> {
  return {
    eraseSubject: async ({ body }, who) => {
      const erasures = serviceOf(deps)
      const { subject, reason } = body
      const plan = await erasures.plan(who.tenant, subject)
      if (body.dry_run === true) return view('planned', plan, 0)
      if (plan.open.length > 0 && body.cancel === true) {
        await cancelAll(deps, plan, who)
        return view('cancelling', plan, 0)
      }
      const done = await erasures.erase({ subject, reason, by: who })
      return view('erased', plan, done.runs)
    },
  }
}

function serviceOf({ erasures }: ApiDeps): ErasureService {
  if (erasures) return erasures
  throw new SignalboxError('CONFIG_INVALID', 'this server was started without a log of erasures: give it `erasures`')
}

async function cancelAll({ runs }: ApiDeps, plan: ErasurePlan, by: Principal): Promise<void> {
  for (const { runId } of plan.open)
    await runs
      .cancel({ runId, by, reason: 'the person that the run is about is to be erased' })
      .catch((thrown: unknown) => {
        // It ended meanwhile, which is what is wanted.
        if (!(thrown instanceof SignalboxError && thrown.code === 'RUN_ENDED')) throw thrown
      })
}

const TOLD_RUNS = 100

function view(state: ErasureView['state'], plan: ErasurePlan, erasedRuns: number): ErasureView {
  return {
    state,
    subject_digest: plan.subjectDigest,
    erased_before: plan.erasedAt === null ? null : isoOf(plan.erasedAt),
    runs: plan.runs.length,
    open_runs: plan.open.slice(0, TOLD_RUNS).map((row) => row.runId),
    contents: plan.contents,
    erased_runs: erasedRuns,
  }
}

import { SignalboxError } from '../base/errors.ts'
import { RECONCILE_WORKFLOW, type ReconcileReport } from '../contracts/reconcile.ts'
import { decodeRecord } from '../reliability/chain.ts'
import { Contents } from './contents.ts'
import type { Env } from './env.ts'
import { REPORT_STEP } from './reconcile-workflow.ts'
import type { RunRow } from '../contracts/store.ts'

/** The report that a comparison put on record, however its run ended. Throws INPUT_INVALID, CONTENT_ERASED. */
export async function reconciliation(env: Env, row: RunRow): Promise<ReconcileReport | null> {
  const { tenant, runId } = row
  if (row.workflow !== RECONCILE_WORKFLOW)
    throw new SignalboxError('INPUT_INVALID', `run \`${runId}\` is no comparison: it is one of \`${row.workflow}\``)
  const stored = await env.store.records(tenant, runId, { types: ['activity.outcome'] })
  const outcomes = stored.map(decodeRecord)
  const told = outcomes.findLast(
    (record) => record.type === 'activity.outcome' && record.kind === 'step' && record.name === REPORT_STEP,
  )
  if (told?.type !== 'activity.outcome' || told.status !== 'succeeded' || !told.result) return null
  const sealer = await env.vault.sealer(tenant, row.subject)
  const contents = new Contents({ store: env.store, vault: env.vault, tenant, runId, sealer })
  // Written by the step of the built-in workflow, of exactly this type.
  return (await contents.read(told.result)) as unknown as ReconcileReport
}

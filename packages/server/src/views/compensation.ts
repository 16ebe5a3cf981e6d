import type { CompensationItemView, CompensationPlanView } from '@signalbox/protocol'
import type { CompensationItem, CompensationPlan, RunsApi } from 'signalbox'

/** The plan of a compensation as the API tells it. */
export function compensationView(plan: CompensationPlan): CompensationPlanView {
  return { run_id: plan.run, refused: plan.refused, items: plan.items.map(itemView) }
}

function itemView(item: CompensationItem): CompensationItemView {
  const { effectId: effect_id, undoneBy, sharedWith, ...rest } = item
  return { ...rest, effect_id, undone_by: undoneView(undoneBy), shared_with: [...sharedWith] }
}

function undoneView(by: CompensationItem['undoneBy']): CompensationItemView['undone_by'] {
  return by && { run_id: by.run, seq: by.seq }
}

/** By effect id: what undid the effects of a run, or is at it. Empty where that cannot be read. */
export async function undosOf(
  runs: Pick<RunsApi, 'compensationPlan'>,
  tenant: string,
  runId: string,
): Promise<ReadonlyMap<string, CompensationItem & { readonly undoneBy: NonNullable<CompensationItem['undoneBy']> }>> {
  const plan = await runs.compensationPlan(tenant, runId).catch(() => null)
  return new Map(
    (plan?.items ?? []).flatMap((item) =>
      item.undoneBy ? [[item.effectId, { ...item, undoneBy: item.undoneBy }] as const] : [],
    ),
  )
}

import type { JsonObject } from '../../base/json.ts'
import { OPERATOR_LABELS, type Principal } from '../../contracts/common.ts'
import { hasRoom, holdsAt, type MandateRow, type StandingBody } from '../../contracts/mandates.ts'
import type { ApprovalRequested } from '../../contracts/records.ts'
import { mayStand, standingFit } from '../../policy/index.ts'
import type { Ask } from './ask.ts'

/**
 * Answers an approval by the first standing approval that fits it exactly and has room. The use is counted in the commit
 * that records the answer, or the commit is refused and this is looked at again. Policy decides once more before the act.
 */
export async function answerByStanding(ask: Ask, requested: ApprovalRequested): Promise<void> {
  const { run } = ask
  const tool = run.env.policy.tool(ask.name)
  if (!tool || !mayStand({ tool, asks: requested.asks })) return
  const { store, host } = run.env
  const rows = await store.mandates({ tenant: run.tenant, kind: 'standing', subject: ask.name })
  for (const row of rows.filter((one) => holdsAt(one, host.now()))) {
    const body = JSON.parse(row.body) as StandingBody // Written from this type.
    const giver: Principal = { id: row.createdBy, kind: 'user', tenant: run.tenant, roles: body.roles }
    const input = asFields(ask.args)
    const subject = { tool, workflow: run.spec.name, principal: run.principal, asks: requested.asks, input }
    const amount = standingFit(body, giver, subject)
    if (amount === undefined) continue
    const use = { mandateId: row.id, useId: requested.approval_id, amount, at: host.now() }
    if (!hasRoom(row, await store.mandateUses(run.tenant, row.id), use)) continue
    record(ask, requested, row, giver, amount)
    run.with({ use })
    return
  }
}

function record(
  ask: Ask,
  requested: ApprovalRequested,
  row: MandateRow,
  giver: Principal,
  amount: number | null,
): void {
  ask.run.append(
    (put) => ({
      type: 'approval.decided' as const,
      approval_id: requested.approval_id,
      ask: ask.ref,
      answer: 'approved' as const,
      by: giver,
      reason: put(row.reason, OPERATOR_LABELS),
      seen: null,
      wait_ms: 0,
      code: null,
      standing: { mandate: row.id, amount },
    }),
    requested.seq,
  )
}

function asFields(value: Ask['args']): JsonObject {
  // An object of JSON: any field may be there.
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : {}
}

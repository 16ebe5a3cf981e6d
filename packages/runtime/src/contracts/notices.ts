import type { Notice, NoticeKind } from './outbox.ts'
import type { PersonRequestRow } from './store.ts'
import type { KillSwitch } from './switches.ts'

const ASKED: Readonly<Record<PersonRequestRow['kind'], NoticeKind>> = {
  approval: 'approval.requested',
  question: 'question.asked',
  request: 'request.asked',
}

/** What people are told when something waits for one of them; to be stored with its row. */
export function askedNotice(row: PersonRequestRow): Notice {
  const { tenant, runId, workflow, tool, effect, deadline } = row
  return {
    tenant,
    // Each stage of an approval asks others.
    id: `${runId}.${row.id}${(row.life?.stage ?? 1) > 1 ? `.${row.life?.stage}` : ''}`,
    kind: ASKED[row.kind],
    severity: 'warning',
    runId,
    workflow,
    subject: row.id,
    roles: [...new Set(row.approvers.flat())].filter((role) => !role.startsWith('user:')).sort(),
    facts: { tool, class: row.class, effect, deadline },
    at: row.requestedAt,
  }
}

/** What people are told when a kill switch is engaged or lifted; to be stored with its row. The reason stays in the row. */
export function killSwitchNotice(row: KillSwitch): Notice {
  const lifted = row.liftedAt !== null
  const { tenant, id, scope, target, mode } = row
  return {
    tenant,
    id: `${id}.${lifted ? 'lifted' : 'engaged'}`,
    kind: lifted ? 'kill_switch.lifted' : 'kill_switch.engaged',
    severity: 'urgent',
    runId: null,
    workflow: scope === 'workflow' ? target : null,
    subject: id,
    roles: [],
    facts: { scope, target, mode },
    at: row.liftedAt ?? row.createdAt,
  }
}

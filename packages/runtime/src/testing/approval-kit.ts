import { loadBundle, type PolicyBundle } from '../policy/index.ts'

/** A bundle with one policy that asks, and another for large amounts where `large` has annotations. */
export function askingBundle(
  notes: string,
  extra: { large?: string; approvals?: object; standing?: boolean } = {},
): PolicyBundle {
  const asks = (id: string, beside: string, role: string, when: string): string => `
@id("${id}") @owner("treasury") @effect("require_approval") @approvers("role:${role}") @reason("NEEDS_APPROVAL") ${beside}
forbid (principal is Signalbox::Run, action in Signalbox::Action::"class:payments.write", resource is Signalbox::Target)
${when}
unless { context has approval && context.approval.bound && context.approval.fresh &&
  context.approval.approver in Signalbox::Role::"${role}" && context.approval.approver != principal.user };`
  const [role = '', ...beside] = (extra.large ?? '').split(' ')
  const large = extra.large ? asks('pay.large', beside.join(' '), role, 'when { context.input.amount > 100 }') : ''
  return loadBundle({
    'bundle.json': JSON.stringify({
      name: 'desk',
      version: '1.0.0',
      owner: 'treasury',
      roles: ['requester', 'approver', 'treasury', 'deputy'],
      reasons: { NEEDS_APPROVAL: 'a person has to look', TOO_MUCH: 'nobody may pay that much' },
      ...(extra.approvals ? { approvals: extra.approvals } : {}),
    }),
    'catalogue.json': JSON.stringify({
      tools: [
        {
          ...{ name: 'pay.send', class: 'payments.write', effect: 'irreversible', owner: 'treasury' },
          ...{ blast_radius: 'one payment', input: { to: 'String', amount: 'Long' }, facts: {} },
          ...(extra.standing === undefined ? {} : { standing: extra.standing }),
        },
      ],
      models: [],
      workflows: [{ name: 'one', owner: 'desk', roles: ['requester'] }],
    }),
    'desk.cedar': `
@id("pay.permit") @owner("treasury")
permit (principal is Signalbox::Run, action in Signalbox::Action::"class:payments.write", resource is Signalbox::Target);
@id("pay.limit") @owner("treasury") @reason("TOO_MUCH")
forbid (principal is Signalbox::Run, action in Signalbox::Action::"class:payments.write", resource is Signalbox::Target)
when { context.input.amount > 1000 };
${asks('pay.asks', notes, 'approver', '')}${large}`,
  })
}

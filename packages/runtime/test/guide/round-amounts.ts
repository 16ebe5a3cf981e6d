import { control } from '../../src/index.ts'

// #region control
export const roundAmounts = control({
  name: 'round-amounts',
  version: '1.0.0',
  owner: 'treasury',
  points: ['pre_tool_call'],
  reasons: { AMOUNT_ROUNDED: 'amounts are paid without cents' },
  decide: ({ action, value }) => {
    if (action.name !== 'payments.pay') return { verdict: 'allow' }
    const args = value as { readonly amount_minor: number }
    const cents = args.amount_minor % 100
    if (cents === 0) return { verdict: 'allow' }
    return {
      verdict: 'transform',
      reason: 'AMOUNT_ROUNDED',
      value: { ...args, amount_minor: args.amount_minor - cents },
    }
  },
})
// #endregion control

import { describe, expect, it } from 'vitest'
import { OuterBudgets } from '../../src/index.ts'
import { budgets } from './many-runs.ts'
import { paymentTools } from './recall.ts'

describe('what the guide shows', () => {
  it('CMP-001: the payment of the guide says how it is undone', () => {
    const { undo } = paymentTools('http://127.0.0.1:8700').pay.spec
    expect(undo).toMatchObject({ withinSeconds: 3_600, tool: { name: 'payments.recall' } })
  })

  it('BUD-020: the limits of the guide are well formed', () => {
    const owner = { tenant: 'acme', workflow: 'payables-desk', principal: 'user:ana' }
    expect(new OuterBudgets(budgets).scopesOf(owner, 0)).toHaveLength(3)
  })
})

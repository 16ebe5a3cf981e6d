import { describe, expect, it } from 'vitest'
import type { ControlRequest } from '../../src/index.ts'
import { roundAmounts } from './round-amounts.ts'

describe('the control of the guide', () => {
  it('CHN-020: leaves other calls and round amounts alone, and takes the cents away', async () => {
    const asked = (name: string, amount_minor: number): ControlRequest => ({
      point: 'pre_tool_call',
      run: { id: 'run_1', workflow: 'w', agent: null, mode: 'production' },
      principal: { id: 'user:ana', kind: 'user', tenant: 'acme', roles: [] },
      action: { name, class: 'payments.write', effect: 'irreversible' },
      value: { amount_minor, to: 'bob' },
      labels: { integrity: 0, marks: [] },
    })
    const answer = async (name: string, amount: number) =>
      roundAmounts.decide(asked(name, amount), { signal: new AbortController().signal })
    expect(await answer('mail.send', 1_234)).toEqual({ verdict: 'allow' })
    expect(await answer('payments.pay', 1_200)).toEqual({ verdict: 'allow' })
    expect(await answer('payments.pay', 1_234)).toMatchObject({ value: { amount_minor: 1_200, to: 'bob' } })
  })
})

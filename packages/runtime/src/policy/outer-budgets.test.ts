import { describe, expect, it } from 'vitest'
import { lineOf, type OuterBudget, OuterBudgets } from './outer-budgets.ts'

const owner = { tenant: 'acme', workflow: 'desk', principal: 'user:ana' }
const NEW_YEAR = Date.UTC(2026, 0, 1)

describe('budgets over many runs', () => {
  it('BUD-020: every fault of a declaration is named at once', () => {
    // Configuration can hold anything.
    const wrong = [
      { scope: 'team', per: 'week', maxTokens: -1 },
      { scope: 'tenant', per: 'day', name: ' ', maxCostUsd: 'much' },
      { scope: 'tenant', per: 'day', maxToken: 5 },
    ] as unknown as OuterBudget[]
    expect(() => new OuterBudgets(wrong)).toThrow(
      expect.objectContaining({
        code: 'CONFIG_INVALID',
        message: expect.stringMatching(
          /budgets\[0\].*scope.*per.*maxTokens.*budgets\[1\].*name.*maxCostUsd.*budgets\[2\].*limits nothing.*maxToken` is not known/,
        ),
      }),
    )
  })

  it('BUD-020: a run counts in each scope that it belongs to; of two limits of one scope the lower counts', () => {
    const budgets = new OuterBudgets([
      { scope: 'tenant', per: 'day', maxTokens: 100 },
      { scope: 'tenant', name: 'other', per: 'day', maxTokens: 1 },
      { scope: 'tenant', name: 'acme', per: 'day', maxTokens: 50, maxCostUsd: '1' },
      { scope: 'principal', per: 'month', maxRuns: 3 },
      { scope: 'workflow', name: 'desk', per: 'always', maxEffects: 7 },
    ])
    expect(budgets.scopesOf(owner, NEW_YEAR)).toEqual([
      { scope: 'principal:user:ana/2026-01', line: 'principal:user:ana/month', limits: { runs: 3 } },
      {
        scope: 'tenant:acme/2026-01-01',
        line: 'tenant:acme/day',
        limits: { tokens: 50, cost_nano_usd: '1000000000' },
      },
      { scope: 'workflow:desk/always', line: 'workflow:desk/always', limits: { effects: 7 } },
    ])
    for (const { scope, line } of budgets.scopesOf(owner, NEW_YEAR)) expect(lineOf(scope)).toBe(line)
  })
})

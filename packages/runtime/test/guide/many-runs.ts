/** The limits that docs/guide/budgets.md shows. */
import type { OuterBudget } from '../../src/index.ts'

// #region budgets
export const budgets: readonly OuterBudget[] = [
  { scope: 'tenant', per: 'day', maxCostUsd: '50', maxEffects: 200 },
  { scope: 'workflow', name: 'payables-desk', per: 'month', maxTokens: 20_000_000 },
  { scope: 'principal', per: 'day', maxRuns: 100 },
]
// #endregion budgets

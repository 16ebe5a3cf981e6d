import { expect, it } from 'vitest'
import { outerBudgetView } from './budgets.ts'

const state = (scope: string, current = true) => ({
  scope,
  current,
  limits: { tokens: 1_000 },
  granted: { cost_nano_usd: '0', tokens: 300, effects: 0, runs: 0 },
})

const forecast = (scope: string, now: number, current = true): string | null | undefined =>
  outerBudgetView(state(scope, current), now).lines.find((each) => each.count === 'tokens')?.forecast

it('BUD-048: the forecast goes on as before to the end of the period, and is silent where it cannot know', () => {
  expect(forecast('tenant:acme/2026-02-10', Date.UTC(2026, 1, 10, 6))).toBe('1200')
  expect(forecast('tenant:acme/2026-02', Date.UTC(2026, 1, 15))).toBe('600')
  expect(forecast('tenant:acme/2026-02-10', Date.UTC(2026, 1, 10, 0, 5))).toBe(null)
  expect(forecast('tenant:acme/2026-02-10', Date.UTC(2026, 1, 11, 6), false)).toBe(null)
  expect(forecast('tenant:acme/always', Date.UTC(2026, 1, 10, 6))).toBe(null)
})

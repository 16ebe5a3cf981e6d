// #region test
import { expect, it } from 'vitest'
import { failureText, simulate } from '../../src/testing/index.ts'
import { refundScenario } from './simulated.ts'

it('SIM-040: one order is refunded once, whatever goes wrong', { timeout: 60_000 }, async () => {
  const report = await simulate({ scenarios: [refundScenario(true)], seeds: { from: 0, to: 99 } })
  expect(report.failures.map(failureText)).toEqual([])
})
// #endregion test

it('SIM-041: a tool that promises what its target does not keep is found, with the least that shows it', async () => {
  const report = await simulate({ scenarios: [refundScenario(false)], seeds: { from: 0, to: 99 } })
  const [failure] = report.failures
  expect(failure?.check).toBe('never_twice')
  expect(failure && failureText(failure)).toContain('was done 2 times, by the outside record')
  expect(failure?.smallest.faults.length).toBeGreaterThan(0)
})

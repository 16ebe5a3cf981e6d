import type { EffectRow } from 'signalbox'
import { expect, it } from 'vitest'
import { checkEvidence } from './check.ts'
import type { RecordedEffect } from './define.ts'
import type { DrilledRun } from './evidence.ts'

/** A run as far as the comparison with the outside reads it: one effect that succeeded. */
function runWith(runId: string, scope: string): DrilledRun {
  const effect = { tool: 'mail.send', scope, runId, state: 'succeeded', idempotencyKey: `k-${runId}` }
  const row = { runId, status: 'completed', seq: 0, head: '' }
  // Nothing else of either is read here.
  return { row, stored: [], records: [], effects: [effect as EffectRow], parked: null } as unknown as DrilledRun
}

const mailOf = (runId: string): RecordedEffect => ({ tool: 'mail.send', subject: 'ana', key: `k-${runId}`, runId })

function doubled(runs: readonly DrilledRun[], recorded: readonly RecordedEffect[]): number {
  return checkEvidence({ runs, recorded }, ['mail.send']).filter(({ kind }) => kind === 'doubled').length
}

it('KSW-054: what is declared once a run may reach the outside once for each run, and all else once', () => {
  const own = [runWith('a', 'run:a'), runWith('b', 'run:b')]
  expect(doubled(own, [mailOf('a'), mailOf('b')])).toBe(0)
  expect(doubled(own, [mailOf('a'), mailOf('a'), mailOf('b')])).toBeGreaterThan(0)
  const family = [runWith('a', 'run:a'), runWith('b', 'run:a')]
  expect(doubled(family, [mailOf('a'), mailOf('b')])).toBe(1)
  const whole = [runWith('a', 'tenant'), runWith('b', 'tenant')]
  expect(doubled(whole, [mailOf('a'), mailOf('b')])).toBe(1)
})

import { fileURLToPath } from 'node:url'
import { restoreDrill, type RestoreDrillOptions } from '@signalbox/server'
import { describe, expect, it } from 'vitest'

const configPath = fileURLToPath(new URL('../signalbox.config.ts', import.meta.url))
/** A sample: the drills of all examples together kill in every stage, and `npm run test:full` kills in all of them here. */
const stages: RestoreDrillOptions['stages'] = ['answered, not durable', 'reserved']

describe('the expense claims over killed workers', () => {
  it('PAT-063: ends as without kills, and each claim was paid once', async () => {
    const result = await restoreDrill({
      configPath,
      workflow: 'expense-claims',
      stages,
      kills: 2,
      seed: 1,
      quietMs: 20_000,
    })
    expect(result.findings).toEqual([])
    expect(result).toMatchObject({ passed: true, unrecordedTools: [] })
    expect(result.kills).toHaveLength(2)
  })
})

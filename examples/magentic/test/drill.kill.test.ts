import { fileURLToPath } from 'node:url'
import { restoreDrill, type RestoreDrillOptions } from '@signalbox/server'
import { describe, expect, it } from 'vitest'

const configPath = fileURLToPath(new URL('../signalbox.config.ts', import.meta.url))
/** A sample of those in which an effect is torn from its record; `npm run test:full` kills in all of them. */
const stages: RestoreDrillOptions['stages'] = ['sent, no answer', 'settled, not acknowledged']

describe('the incident team over killed workers', () => {
  it('PAT-134: ends as without kills, and the release is rolled back once', async () => {
    const result = await restoreDrill({ configPath, workflow: 'incident', stages, kills: 2, seed: 1, quietMs: 60_000 })
    expect(result.findings).toEqual([])
    expect(result).toMatchObject({ passed: true, unrecordedTools: [] })
    expect(result.kills).toHaveLength(2)
  })
})

import { fileURLToPath } from 'node:url'
import { restoreDrill, type RestoreDrillOptions } from '@signalbox/server'
import { describe, expect, it } from 'vitest'

const configPath = fileURLToPath(new URL('../signalbox.config.ts', import.meta.url))
/** A sample: the drills of all examples together kill in every stage, and `npm run test:full` kills in all of them here. */
const stages: RestoreDrillOptions['stages'] = ['sent, no answer', 'barrier']

describe('the newsletter over killed workers', () => {
  it('PAT-061: ends as without kills, and each letter was sent once', async () => {
    const result = await restoreDrill({
      configPath,
      workflow: 'newsletter',
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

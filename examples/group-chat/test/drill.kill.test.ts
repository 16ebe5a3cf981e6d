import { fileURLToPath } from 'node:url'
import { restoreDrill, type RestoreDrillOptions } from '@signalbox/server'
import { describe, expect, it } from 'vitest'

const configPath = fileURLToPath(new URL('../signalbox.config.ts', import.meta.url))
/** A sample of those in which an effect is torn from its record; `npm run test:full` kills in all of them. */
const stages: RestoreDrillOptions['stages'] = ['sent, no answer', 'answered, not durable']

describe('the change board over killed workers', () => {
  it('PAT-114: ends as without kills, and the calendar has each change once', async () => {
    const result = await restoreDrill({
      configPath,
      workflow: 'change-board',
      stages,
      kills: 2,
      seed: 1,
      quietMs: 60_000,
    })
    expect(result.findings).toEqual([])
    expect(result).toMatchObject({ passed: true, unrecordedTools: [] })
    expect(result.kills).toHaveLength(2)
  })
})

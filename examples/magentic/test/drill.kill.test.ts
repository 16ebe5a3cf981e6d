import { fileURLToPath } from 'node:url'
import { restoreDrill } from '@signalbox/server'
import { describe, expect, it } from 'vitest'

const configPath = fileURLToPath(new URL('../signalbox.config.ts', import.meta.url))

describe('the incident team over killed workers', () => {
  it('PAT-134: ends as without kills, and the release is rolled back once', async () => {
    const result = await restoreDrill({ configPath, workflow: 'incident', kills: 7, seed: 1, quietMs: 20_000 })
    expect(result.findings).toEqual([])
    expect(result).toMatchObject({ passed: true, unrecordedTools: [] })
    expect(result.kills.length).toBeGreaterThan(4)
  })
})

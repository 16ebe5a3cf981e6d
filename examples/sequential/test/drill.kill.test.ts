import { fileURLToPath } from 'node:url'
import { restoreDrill } from '@signalbox/server'
import { describe, expect, it } from 'vitest'

const configPath = fileURLToPath(new URL('../signalbox.config.ts', import.meta.url))

describe('the newsletter over killed workers', () => {
  it('PAT-061: ends as without kills, and each letter was sent once', async () => {
    const result = await restoreDrill({ configPath, workflow: 'newsletter', kills: 4, seed: 1, quietMs: 20_000 })
    expect(result.findings).toEqual([])
    expect(result).toMatchObject({ passed: true, unrecordedTools: [] })
    expect(result.kills.length).toBeGreaterThan(2)
  })
})

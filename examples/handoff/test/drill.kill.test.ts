import { fileURLToPath } from 'node:url'
import { restoreDrill } from '@signalbox/server'
import { describe, expect, it } from 'vitest'

const configPath = fileURLToPath(new URL('../signalbox.config.ts', import.meta.url))

describe('the support desk over killed workers', () => {
  it('PAT-065: ends as without kills, and each order was refunded once', async () => {
    const result = await restoreDrill({ configPath, workflow: 'support-desk', kills: 4, seed: 1, quietMs: 20_000 })
    expect(result.findings).toEqual([])
    expect(result).toMatchObject({ passed: true, unrecordedTools: [] })
    expect(result.kills.length).toBeGreaterThan(2)
  })
})

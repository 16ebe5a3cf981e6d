import { fileURLToPath } from 'node:url'
import { restoreDrill } from '@signalbox/server'
import { describe, expect, it } from 'vitest'

const configPath = fileURLToPath(new URL('../signalbox.config.ts', import.meta.url))

describe('the reminders over killed workers', () => {
  it('FLW-041: end as without kills, and each letter goes out once', async () => {
    const result = await restoreDrill({ configPath, workflow: 'reminders', kills: 7, seed: 1, quietMs: 20_000 })
    expect(result.findings).toEqual([])
    expect(result).toMatchObject({ passed: true, unrecordedTools: [] })
    expect(result.kills.length).toBeGreaterThan(4)
  })
})

import { fileURLToPath } from 'node:url'
import { restoreDrill } from '@signalbox/server'
import { describe, expect, it } from 'vitest'

const configPath = fileURLToPath(new URL('../signalbox.config.ts', import.meta.url))

describe('the expense claims over killed workers', () => {
  it('PAT-063: ends as without kills, and each claim was paid once', async () => {
    const result = await restoreDrill({ configPath, workflow: 'expense-claims', kills: 4, seed: 1, quietMs: 20_000 })
    expect(result.findings).toEqual([])
    expect(result).toMatchObject({ passed: true, unrecordedTools: [] })
    expect(result.kills.length).toBeGreaterThan(2)
  })
})

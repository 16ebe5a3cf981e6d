import { describe, expect, it } from 'vitest'
import { collectorAway } from '../../test/collector-away.ts'

describe('a collector that is away, and a sender that is killed', () => {
  it('OTL-030: every span and every effect hash arrives under its id, and nothing else', async () => {
    const found = await collectorAway(50)
    expect(found).toMatchObject({ runs: 50, effects: 100, missing: [], foreign: [] })
    expect(found.before).toBeGreaterThan(0)
  }, 60_000)

  it('OTL-031: one span that does not arrive is found', async () => {
    expect((await collectorAway(3, true)).missing).toHaveLength(1)
  }, 60_000)
})

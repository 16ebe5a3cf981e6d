import { fileURLToPath } from 'node:url'
import { canTrace, type RestoreDrillOptions, type RestoreDrillResult, restoreDrill } from '@signalbox/server'
import { describe, expect, it } from 'vitest'

const SMALL = fileURLToPath(new URL('./drill-project.ts', import.meta.url))
const DOUBLE = fileURLToPath(new URL('./double-project.ts', import.meta.url))

function drill(options: Partial<RestoreDrillOptions>): Promise<RestoreDrillResult> {
  return restoreDrill({ configPath: SMALL, workflow: 'refunds', kills: 2, seed: 1, quietMs: 10_000, ...options })
}

const kindsOf = ({ findings }: RestoreDrillResult): string[] => [...new Set(findings.map((each) => each.kind))].sort()

// Each is a drill of its own that mostly waits for leases to run out.
describe.concurrent('a restore drill', () => {
  it('DRL-002: kills real workers in every stage, and finds nothing in a runtime without a fault', async () => {
    const result = await drill({ kills: 7 })
    expect(result.findings).toEqual([])
    expect(result).toMatchObject({ passed: true, inputs: 2, stagesMissing: [], unrecordedTools: [] })
    expect(new Set(result.kills.map((kill) => kill.stage)).size).toBe(7)
    const recovered = result.kills.flatMap(({ recoveredMs }) => (recoveredMs === null ? [] : [recoveredMs]))
    expect(recovered.length).toBeGreaterThan(4)
    expect(result.flush.checked).toBe(canTrace())
  })

  it('DRL-004: fails with the planted fault of an intent that is stored after the call', async () => {
    const result = await drill({ planted: 'intent_after_call', stages: ['sent, no answer'], seed: 3 })
    expect(kindsOf(result)).toContain('doubled')
  })

  it('DRL-004: fails with the planted fault of an approval that is not consumed', async () => {
    const result = await drill({ planted: 'approval_not_consumed', stages: ['answered, not durable'] })
    expect(kindsOf(result)).toEqual(expect.arrayContaining(['approval', 'doubled']))
  })

  it('DRL-004: fails with the planted fault of a budget that is refilled on resume', async () => {
    const result = await drill({ planted: 'budget_refilled', stages: ['settled, not acknowledged'] })
    expect(kindsOf(result)).toContain('budget')
  })

  it('DRL-004: fails with the planted fault of an event that is dropped below the store', async () => {
    const result = await drill({ planted: 'event_dropped', quietMs: 2_000 })
    expect(kindsOf(result)).toContain('history')
    expect(result.kills).toEqual([])
  })

  it.skipIf(!canTrace())('DRL-004: fails with the planted fault of a store that does not flush', async () => {
    const result = await drill({ planted: 'sync_off', kills: 1 })
    expect(kindsOf(result)).toEqual(['flush'])
    expect(result.flush.unflushed).toBe(result.flush.acknowledged)
  })

  it('DRL-005: fails with an outside system that booked twice', async () => {
    const result = await drill({ configPath: DOUBLE })
    expect(kindsOf(result)).toEqual(['doubled'])
    expect(result.findings.map((each) => each.detail).join('\n')).toMatch(
      /undisturbed: outside recorded `payments.refund` of `A-\d` 2 times/,
    )
  })
})

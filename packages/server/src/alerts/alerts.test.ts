import { ALERT_KINDS, ALERT_RULES, systemHost } from 'signalbox'
import { describe, expect, it } from 'vitest'
import { tryAlert } from './trial.ts'

describe('every kind of alert', () => {
  for (const kind of ALERT_KINDS)
    it(`ALR-001: ${kind} fires on its condition, is delivered signed and without content, and is quiet on its near miss`, async () => {
      const { fired, delivered, quiet } = await tryAlert(kind, undefined, systemHost)
      expect([fired?.kind, fired?.state, quiet]).toEqual([kind, 'open', true])
      const { type, data } = JSON.parse(delivered ?? '{}')
      expect([type, data.facts.alert, data.facts.runbook]).toEqual(['alert.opened', kind, ALERT_RULES[kind].runbook])
      expect(data.facts.command).toBe(`signalbox alerts show ${fired?.id}`)
      expect(data.title).not.toContain('undefined')
      expect(data.link).toMatch(/\/alerts\/alr_/)
    })
})

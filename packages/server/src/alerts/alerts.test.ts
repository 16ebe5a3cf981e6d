import { existsSync } from 'node:fs'
import { ALERT_KINDS, ALERT_RULES, systemHost } from 'signalbox'
import { describe, expect, it } from 'vitest'
import { readNotifications } from '../notify/definition.ts'
import { messageOf } from '../notify/message.ts'
import { slackBody } from '../notify/slack.ts'
import { alertWorld } from '../../test/alert-world.ts'
import { PLANTS, plantRuns } from './plant.ts'
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
      expect(existsSync(new URL(`../../../../${ALERT_RULES[kind].runbook}`, import.meta.url))).toBe(true)
      expect(data.link).toMatch(/\/alerts\/alr_/)
    })
})

describe('what people are told', () => {
  it('ALR-003: in the format of Slack an alert says what, since when, the values, the command and the runbook', async () => {
    const { store, host, another } = alertWorld()
    await plantRuns(store, PLANTS['effect.unknown'].hit, host)
    await another().tick()
    const notices = await store.unrouted(9)
    const { channels } = readNotifications({ channels: [{ kind: 'slack', name: 'chat', url: async () => '' }] })
    const [channel] = channels
    if (!channel) throw new Error('a channel was declared')
    const runs = { request: () => Promise.reject(new Error('an alert has no request')) }
    const body = slackBody(await messageOf('m1', notices, channel, { runs, baseUrl: 'https://box.example' }))
    for (const part of [
      'page: outcome of 1 effects of payments.refund in planted-desk is unknown',
      'effect.unknown planted-desk/payments.refund, page, since 20',
      'unknown: 1, oldest_seconds: 3600',
      'Look: signalbox alerts show alr_',
      'Do: docs/runbooks/unknown-effects.md',
      'https://box.example/alerts/alr_',
    ])
      expect(body).toContain(part)
  })
})

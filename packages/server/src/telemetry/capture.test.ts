import { createRedactor, memoryStore, systemHost, type Telemetry } from 'signalbox'
import { PLANTED_SECRETS, secretBox, secretRun } from 'signalbox/testing'
import { describe, expect, it } from 'vitest'
import { CAPTURE_VARIABLE, captureSettings } from './capture.ts'
import { TelemetryExporter } from './exporter.ts'

describe('what is captured', () => {
  it.each([
    [undefined, undefined, 'none'],
    [undefined, 'span', 'span'],
    ['', 'reference', 'reference'],
    ['span_only', undefined, 'span'],
    ['EVENT_ONLY', 'none', 'event'],
    ['span_and_event', undefined, 'span_and_event'],
    ['none', 'span', 'none'],
  ] as const)('EXS-006: variable %s and project %s give %s', (given, capture, mode) => {
    const def = capture === undefined ? {} : { capture }
    expect(captureSettings({ [CAPTURE_VARIABLE]: given }, def)).toEqual({ mode, identity: false })
  })

  it('EXS-006: a word that is none of them is refused, in the variable and in the project', () => {
    expect(() => captureSettings({ [CAPTURE_VARIABLE]: 'all' }, {})).toThrow(/set it to none, span_only/)
    expect(() => captureSettings({}, { capture: 'spans' as 'span' })).toThrow(/telemetry.capture/)
    expect(() => captureSettings({}, { identity: 'yes' as unknown as true })).toThrow(/telemetry.identity/)
  })

  it('EXS-007: the exporter sends it from stored records, in batches of one record too', async () => {
    const store = memoryStore(systemHost)
    const box = secretBox(store)
    try {
      await secretRun(box)
      const sent: Telemetry[] = []
      const send = async (telemetry: Telemetry) => {
        sent.push(telemetry)
        return { rejected: 0, reason: null }
      }
      const sender = { send, close: async () => undefined }
      const contents = (tenant: string, runId: string) => box.runs.contents(tenant, runId)
      const redactor = createRedactor({ host: systemHost })
      const textWith = async (mode: 'none' | 'span') => {
        sent.length = 0
        await store.setCursor('otlp', 0)
        const capture = { settings: { mode, identity: false }, redactor, contents }
        const log = (): void => undefined
        const exporter = new TelemetryExporter({ store, host: systemHost, env: {}, version: '0', log, capture }, sender)
        while ((await exporter.exportOnce(1)) > 0);
        return JSON.stringify(sent)
      }
      const [on, off] = [await textWith('span'), await textWith('none')]
      for (const [place, secret] of Object.entries(PLANTED_SECRETS)) {
        expect(on.includes(secret), place).toBe(place !== 'state')
        expect(off).not.toContain(secret)
      }
    } finally {
      await box.close()
    }
  })
})

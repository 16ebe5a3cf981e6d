import { describe, expect, it } from 'vitest'
import { systemHost } from './base/host.ts'
import { createRedactor } from './redactor.ts'

const KEY = 'sk-abcdefghijklmnop1234'
const host = systemHost

describe('what is taken out of everything that leaves', () => {
  it('EXS-012: forms of keys and known credentials are taken out of texts and names of fields', async () => {
    const known = (value: unknown) => JSON.parse(JSON.stringify(value).replaceAll('hunter22', '[credential removed]'))
    const redactor = createRedactor({ host, known })
    const value = { [KEY]: [`use ${KEY}`, 'pass hunter22', 7, null] }
    const cleaned = {
      status: 'clean',
      value: { '[redacted secret]': ['use [redacted secret]', 'pass [credential removed]', 7, null] },
    }
    expect(await redactor.clean('telemetry', value)).toEqual(cleaned)
    expect(redactor.cleanNow('log', value)).toEqual(cleaned)
  })

  it('EXS-012: a rule that puts a key back does not get it out, nor is it shown one', async () => {
    const seen: unknown[] = []
    const hook = (_kind: string, value: unknown) => {
      seen.push(value)
      return `again ${KEY}`
    }
    const redactor = createRedactor({ host, hook })
    expect(await redactor.clean('notification', KEY)).toEqual({ status: 'clean', value: 'again [redacted secret]' })
    expect(seen).toEqual(['[redacted secret]'])
  })

  it('EXS-010: a rule that keeps the process busy, or answers a log line later, counts as unfinished', async () => {
    let ms = 0
    const slow = { ...host, monotonicMs: () => (ms += 200) }
    const busy = createRedactor({ host: slow, hook: (_kind, value) => value, limitMs: 100 })
    expect(await busy.clean('telemetry', 'x')).toEqual({ status: 'left_out', why: 'redaction_slow' })
    const later = createRedactor({ host, hook: async (_kind, value) => value })
    expect(later.cleanNow('log', 'x')).toEqual({ status: 'left_out', why: 'redaction_failed' })
    expect(await later.clean('log', 'x')).toEqual({ status: 'clean', value: 'x' })
  })
})

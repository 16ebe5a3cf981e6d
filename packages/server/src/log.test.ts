import { systemHost } from 'signalbox'
import { describe, expect, it } from 'vitest'
import { cleanLog, logLine } from './log.ts'

describe('lines of the log', () => {
  it('EXS-050: are JSON on one line, with the run and the trace that they name', () => {
    const line = logLine('telemetry leaves out records of run run_01m82vypbav41v4t5gpsj0x:\nbroken', 0)
    expect(line).not.toContain('\n')
    expect(JSON.parse(line)).toEqual({
      time: '1970-01-01T00:00:00.000Z',
      message: 'telemetry leaves out records of run run_01m82vypbav41v4t5gpsj0x:\nbroken',
      run_id: 'run_01m82vypbav41v4t5gpsj0x',
      trace_id: expect.stringMatching(/^[0-9a-f]{32}$/),
    })
    expect(JSON.parse(logLine('worker-1 ended', 1))).not.toHaveProperty('run_id')
  })

  it('EXS-051: pass the redaction; a line that the rule of the project does not finish is withheld', () => {
    const lines: string[] = []
    const keep = (line: string): void => void lines.push(line)
    cleanLog(keep, {}, systemHost)('key sk-abcdefghijklmnop1234')
    cleanLog(keep, { outgoing: { redact: async (_kind, value) => value } }, systemHost)('said cedar-7')
    cleanLog(
      keep,
      { outgoing: { redact: (_kind, value) => String(value).replace('cedar-7', 'x') } },
      systemHost,
    )('said cedar-7')
    expect(lines).toEqual(['key [redacted secret]', expect.stringContaining('withheld'), 'said x'])
  })
})

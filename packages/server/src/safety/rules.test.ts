import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sha256Hex, systemHost } from 'signalbox'
import { afterAll, describe, expect, it } from 'vitest'
import type { Project } from '../project.ts'
import { requireSafe, type SafetyContext, safetyFaults, type UnsafeCode, UNSAFE_CODES } from './rules.ts'

const dataDir = mkdtempSync(join(tmpdir(), 'safety-'))
afterAll(() => rmSync(dataDir, { recursive: true, force: true }))

const key = (fill: number): string => Buffer.alloc(32, fill).toString('base64')
const ENV = { SIGNALBOX_MASTER_KEY: key(1), SIGNALBOX_AUDIT_KEY: key(2) }
const COLLECTOR = 'OTEL_EXPORTER_OTLP_ENDPOINT'
const until = (days: number): string => new Date(systemHost.now() + days * 86_400_000).toISOString()
const signed = (days: number) => ({ by: 'user:ana', until: until(days), reason: 'a week of looking for a fault' })

function context(project: Partial<Project> = {}, env: Record<string, string | undefined> = {}): SafetyContext {
  const principals = [{ id: 'user:ana', kind: 'user', tenant: 'acme', roles: ['viewer'], tokenSha256: sha256Hex('x') }]
  // Only what the rules look at.
  const whole = { name: 'desk', mode: 'production', principals, ...project } as unknown as Project
  return { project: whole, env: { ...ENV, ...env }, dataDir, host: systemHost }
}

const UNSAFE: Readonly<Record<UnsafeCode, readonly SafetyContext[]>> = {
  MASTER_KEY_MISSING: [
    context({}, { SIGNALBOX_MASTER_KEY: undefined }),
    context({}, { SIGNALBOX_MASTER_KEY: 'short' }),
  ],
  AUDIT_KEY_MISSING: [context({}, { SIGNALBOX_AUDIT_KEY: '' })],
  NO_IDENTITY: [context({ principals: [] })],
  DEVELOPMENT_TOKENS: [context({ authenticator: () => ({ kind: 'development', authenticate: async () => null }) })],
  KEYS_EQUAL: [context({}, { SIGNALBOX_AUDIT_KEY: key(1) })],
  CAPTURE_INVALID: [context({}, { OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT: 'yes' })],
  CAPTURE_UNSIGNED: [
    context({ telemetry: { capture: 'span' } }),
    context({}, { OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT: 'event_only' }),
    context({ telemetry: { capture: 'span', signOff: signed(-1) } }),
    context({ telemetry: { capture: 'span', signOff: { ...signed(1), until: 'soon' } } }),
  ],
  CAPTURE_WITHOUT_TLS: [
    context({ telemetry: { capture: 'span', signOff: signed(1) } }, { [COLLECTOR]: 'http://collector.example:4318' }),
  ],
  DEBUG_CONTENT: [context({}, { NODE_DEBUG: 'http' }), context({}, { OTEL_LOG_LEVEL: 'DEBUG' })],
}

describe('what production refuses', () => {
  it.each(UNSAFE_CODES.flatMap((code) => UNSAFE[code].map((unsafe, i) => ({ code, unsafe, i }))))(
    'EXS-040: $code ($i) refuses the start, names field and fix, and is the only one told',
    ({ code, unsafe }) => {
      const faults = safetyFaults(unsafe)
      expect(faults.map((each) => each.code)).toEqual([code])
      expect(faults[0]?.field).toMatch(/\w/)
      expect(faults[0]?.text).toMatch(/: |set it/)
      expect(() => requireSafe(unsafe, 'production')).toThrow(faults[0]?.text)
      expect(() => requireSafe(unsafe, 'development')).not.toThrow()
    },
  )

  it('EXS-041: all of them are told at once, and no value of a key', () => {
    const all = context(
      { principals: [], telemetry: { capture: 'span' } },
      {
        SIGNALBOX_MASTER_KEY: 'hunter22hunter22',
        SIGNALBOX_AUDIT_KEY: '',
        NODE_DEBUG: 'undici',
        [COLLECTOR]: 'http://c.example',
      },
    )
    const codes = [
      'MASTER_KEY_MISSING',
      'AUDIT_KEY_MISSING',
      'NO_IDENTITY',
      'CAPTURE_UNSIGNED',
      'CAPTURE_WITHOUT_TLS',
      'DEBUG_CONTENT',
    ]
    expect(safetyFaults(all).map((each) => each.code)).toEqual(codes)
    const thrown = () => requireSafe(all, 'production')
    for (const code of codes) expect(thrown).toThrow(code)
    expect(thrown).toThrow(
      expect.objectContaining({ code: 'KEY_MISSING', details: expect.objectContaining({ unsafe: codes }) }),
    )
    expect(thrown).not.toThrow(/hunter22/)
  })

  it('EXS-042: what is safe starts: a signed capture to TLS or this machine, references without a signature', () => {
    const capture = { capture: 'span', signOff: signed(1) } as const
    expect(safetyFaults(context())).toEqual([])
    expect(safetyFaults(context({ telemetry: capture }, { [COLLECTOR]: 'https://c.example' }))).toEqual([])
    expect(safetyFaults(context({ telemetry: capture }, { [COLLECTOR]: 'http://127.0.0.1:4318' }))).toEqual([])
    expect(safetyFaults(context({ telemetry: { capture: 'reference' } }, { [COLLECTOR]: 'http://c.example' }))).toEqual(
      [],
    )
    expect(readdirSync(dataDir)).toEqual([])
  })
})

/** What of a run's contents is in telemetry, with each way of capture, streamed and not. */
import { afterAll, describe, expect, it } from 'vitest'
import { systemHost } from '../base/host.ts'
import { CAPTURE_MODES, type CaptureMode, type RedactHook } from '../contracts/redaction.ts'
import type { RunRecord } from '../contracts/records.ts'
import { createRedactor, keyVault, memoryStore, type Signalbox } from '../index.ts'
import { PLANTED_SECRETS, type PlantedPlace, secretBox, secretRun } from '../testing/secret-run.ts'
import { withCapture } from './capture.ts'
import { checkTelemetry } from './checker.ts'
import { projectRecords } from './project.ts'

const PLACES = Object.keys(PLANTED_SECRETS) as PlantedPlace[]
/** State is in no telemetry, whatever is captured: it stays in the store. */
const NEVER: readonly PlantedPlace[] = ['state']

interface Played {
  readonly box: Signalbox
  readonly runId: string
  readonly records: readonly RunRecord[]
}

describe('captured content', () => {
  const open: Signalbox[] = []
  afterAll(async () => {
    for (const box of open) await box.close()
  })
  const known = new Map<boolean, Promise<Played>>()

  const play = (streamed: boolean): Promise<Played> => {
    const before = known.get(streamed)
    if (before) return before
    const made = (async () => {
      const box = secretBox(memoryStore(systemHost))
      open.push(box)
      const runId = await secretRun(box, { streamed })
      return { box, runId, records: await box.runs.records('acme', runId) }
    })()
    known.set(streamed, made)
    return made
  }

  async function telemetryOf(
    played: Played,
    mode: CaptureMode,
    options: { identity?: boolean; hook?: RedactHook; limitMs?: number } = {},
  ) {
    const { box, runId, records } = played
    const reader = await box.runs.contents('acme', runId)
    const redactor = createRedactor({
      host: systemHost,
      ...(options.hook ? { hook: options.hook } : {}),
      limitMs: options.limitMs ?? 10_000,
    })
    const settings = { mode, identity: options.identity ?? false }
    const { state: _state, ...telemetry } = projectRecords(null, records)
    return await withCapture(telemetry, records, { settings, reader, redactor })
  }

  const cases = CAPTURE_MODES.flatMap((mode) => [true, false].map((streamed) => ({ mode, streamed })))
  it.each(cases)(
    'EXS-001, EXS-002: with $mode, streamed $streamed, exactly what is captured leaves',
    async ({ mode, streamed }) => {
      const telemetry = await telemetryOf(await play(streamed), mode)
      const captures = mode !== 'none' && mode !== 'reference'
      expect(checkTelemetry(telemetry, { content: captures, identity: false })).toEqual([])
      const told = telemetry.logs.map(({ eventName }) => eventName)
      for (const name of ['gen_ai.client.inference.operation.details', 'signalbox.content.details'])
        expect(told.some((each) => each === name)).toBe(mode === 'event' || mode === 'span_and_event')
      const inSpans = JSON.stringify(telemetry.spans)
      const inLogs = JSON.stringify(telemetry.logs)
      for (const place of PLACES) {
        const secret = PLANTED_SECRETS[place]
        const sent = captures && !NEVER.includes(place)
        expect(inSpans.includes(secret), `${place} in spans`).toBe(sent && mode !== 'event')
        expect(inLogs.includes(secret), `${place} in events`).toBe(sent && mode !== 'span')
        expect(JSON.stringify(telemetry.metrics)).not.toContain(secret)
      }
      expect(inSpans.includes('signalbox.content.refs')).toBe(mode === 'reference')
      expect(telemetry.spans.filter((span) => 'user.id' in span.attributes)).toEqual([])
    },
  )

  it('EXS-003: a reference names run, record, place and keyed hash, and nothing that can be read without the key', async () => {
    const played = await play(false)
    const { spans } = await telemetryOf(played, 'reference')
    const refs = spans.flatMap((span) => span.attributes['signalbox.content.refs'] ?? []).map(String)
    expect(refs.length).toBeGreaterThan(5)
    const reader = await played.box.runs.contents('acme', played.runId)
    for (const ref of refs) {
      const found = new RegExp(`^[a-z_.]+=${played.runId}/(\\d+)/(\\d+)#([\\w-]+)$`).exec(ref)
      expect(found, ref).not.toBeNull()
      const value = await reader.read({ s: Number(found?.[1]), i: Number(found?.[2]), h: found?.[3] ?? '' })
      expect(value).not.toBeUndefined()
    }
  })

  it('EXS-004: identity is a switch of its own', async () => {
    const telemetry = await telemetryOf(await play(false), 'none', { identity: true })
    expect(checkTelemetry(telemetry, { content: false, identity: true })).toEqual([])
    expect(telemetry.spans.filter((span) => span.attributes['user.id'] === 'user:ana').length).toBeGreaterThan(0)
    for (const secret of Object.values(PLANTED_SECRETS)) expect(JSON.stringify(telemetry)).not.toContain(secret)
  })

  it('EXS-005: what was erased is not sent again, and telemetry says so', async () => {
    const store = memoryStore(systemHost)
    const box = secretBox(store)
    open.push(box)
    const runId = await secretRun(box, { streamed: false, subject: 'person-7' })
    const records = await box.runs.records('acme', runId)
    const vault = keyVault({ store, host: systemHost, masterKey: new Uint8Array(32) })
    await vault.destroySubject('acme', 'person-7')
    const again = secretBox(store)
    open.push(again)
    const telemetry = await telemetryOf({ box: again, runId, records }, 'span_and_event').catch(() => null)
    const text = JSON.stringify(telemetry)
    for (const secret of Object.values(PLANTED_SECRETS)) expect(text).not.toContain(secret)
    expect(text).toContain('=erased')
  })

  const rules: readonly (readonly [string, () => unknown, string])[] = [
    ['throws', () => Promise.reject(new Error(`saw ${PLANTED_SECRETS.argument}`)), 'redaction_failed'],
    ['gives no JSON', () => undefined as unknown as null, 'redaction_failed'],
    ['never answers', () => new Promise<null>(() => undefined), 'redaction_slow'],
  ]
  it.each(rules)('EXS-010: a rule that %s means that the content is left out and told', async (_name, hook, why) => {
    const telemetry = await telemetryOf(await play(false), 'span', {
      hook: hook as RedactHook,
      limitMs: why === 'redaction_slow' ? 2 : 10_000,
    })
    const text = JSON.stringify(telemetry)
    for (const secret of Object.values(PLANTED_SECRETS)) expect(text).not.toContain(secret)
    expect(text).toContain(`=${why}`)
  })

  it('EXS-011: the rule of a project sees the value without known forms of secrets, and what it gives is sent', async () => {
    const hook: RedactHook = (kind, value) => ({ kind, length: JSON.stringify(value).length })
    const text = JSON.stringify(await telemetryOf(await play(false), 'span', { hook }))
    expect(text).toContain('\\"kind\\":\\"telemetry\\"')
    for (const secret of Object.values(PLANTED_SECRETS)) expect(text).not.toContain(secret)
  })
})

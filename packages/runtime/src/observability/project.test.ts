import { describe, expect, it } from 'vitest'
import type { RunRecord } from '../contracts/records.ts'
import { completeHistory, type History, history } from '../testing/history.ts'
import { SHAPES } from '../testing/shapes.ts'
import { checkTelemetry } from './checker.ts'
import { projectRecords } from './project.ts'
import type { ProjectionState } from './projection.ts'
import type { SpanData, Telemetry } from './telemetry.ts'

const of = (told: History) => projectRecords(null, told.records())
const names = (telemetry: Telemetry) => telemetry.logs.map((log) => log.eventName.replace('signalbox.', ''))
const spansOf = (telemetry: Telemetry, id: SpanData['id']) => telemetry.spans.filter((span) => span.id === id)

const retryOf = (span: SpanData | undefined) => ({
  spanId: span?.spanId,
  attributes: { 'signalbox.link.kind': 'retry' },
})

/** The same records in batches of the given size, as the exporter reads them. */
function inBatches(records: readonly RunRecord[], size: number): Telemetry {
  const all: Telemetry & { spans: SpanData[] } = { spans: [], logs: [], metrics: [] }
  let state: ProjectionState | null = null
  for (let at = 0; at < records.length; at += size) {
    const part = projectRecords(state, records.slice(at, at + size))
    state = part.state
    all.spans.push(...part.spans)
    Object.assign(all, { logs: [...all.logs, ...part.logs], metrics: [...all.metrics, ...part.metrics] })
  }
  return all
}

describe('telemetry from records', () => {
  it.each(Object.keys(SHAPES))('OBS-030: a %s history keeps the contract, with content and identity off', (shape) => {
    const telemetry = of(SHAPES[shape]?.() ?? history())
    expect(telemetry.spans.length).toBeGreaterThan(3)
    expect(checkTelemetry(telemetry)).toEqual([])
  })

  it.each(Object.keys(SHAPES))(
    'OBS-031: a %s history gives the same telemetry in one batch, in small ones, and again',
    (shape) => {
      const told = SHAPES[shape]?.() ?? history()
      const { state: _state, ...whole } = of(told)
      for (const size of [1, 2, 5]) expect(inBatches(told.records(), size)).toEqual(whole)
      const again = projectRecords(of(told).state, told.records())
      expect([again.spans, again.logs, again.metrics]).toEqual([[], [], []])
    },
  )

  it.each(Object.keys(SHAPES))(
    'OBS-032: in a %s history every parent is a span of the same trace, and no id occurs twice',
    (shape) => {
      const { spans } = of(SHAPES[shape]?.() ?? history())
      const ids = new Set(spans.map((span) => span.spanId))
      expect(ids.size).toBe(spans.length)
      expect(new Set(spans.map((span) => span.traceId)).size).toBe(1)
      for (const span of spans) {
        expect(span.parentSpanId === null || ids.has(span.parentSpanId), span.name).toBe(true)
        expect(span.parentSpanId === null).toBe(span.id === 'segment')
        expect(span.endMs).toBeGreaterThanOrEqual(span.startMs)
      }
    },
  )

  it('OBS-033: the ten fields are on the spans and events they belong to', () => {
    const { spans, logs } = of(completeHistory())
    const payment = spans.find((span) => span.name === 'execute_tool payments.transfer')
    expect(payment?.attributes).toMatchObject({
      'signalbox.run.id': 'run_01history0000000000000',
      'signalbox.workflow.id': 'payables-desk',
      'signalbox.request.id': 'req-1',
      'gen_ai.tool.name': 'payments.transfer',
      'signalbox.tool.risk_class': 'payments.write',
      'signalbox.approval.required': true,
      'signalbox.checkpoint.id': 'run_01history0000000000000/5',
      'signalbox.cost.estimate_nano_usd': 0,
      'signalbox.latency_ms': 100,
      'signalbox.effect.hash': 'hash:root.1.decide.0/1/1',
    })
    expect(logs.find((log) => log.eventName === 'signalbox.approval.decided')?.attributes).toMatchObject({
      'signalbox.approval.decision': 'approved',
    })
  })

  it('OBS-034: no span is open over a wait; segments link to the one before', () => {
    const { spans } = of(completeHistory())
    const [first, second] = spansOf({ spans, logs: [], metrics: [] }, 'segment')
    expect(first?.attributes['signalbox.run.status']).toBe('waiting')
    expect(second?.attributes).toMatchObject({
      'signalbox.run.status': 'completed',
      'signalbox.run.waiting_ms': 60_000,
    })
    expect(second?.links).toEqual([{ spanId: first?.spanId, attributes: { 'signalbox.link.kind': 'resume' } }])
    for (const span of spans) expect(span.endMs - span.startMs, span.name).toBeLessThan(60_000)
  })

  it('OBS-035: a denied call is a span that ends at once and an event', () => {
    const telemetry = of(SHAPES.denied?.() ?? history())
    const denied = spansOf(telemetry, 'tool_call')[0]
    expect(denied).toMatchObject({ attributes: { 'signalbox.activity.outcome': 'denied', 'error.type': 'NO_PERMIT' } })
    expect(denied?.startMs).toBe(denied?.endMs)
    expect(names(telemetry)).toContain('tool.blocked')
    expect(telemetry.metrics.map((point) => point.name)).toContain('signalbox.tool.blocked')
  })

  it('OBS-036: a crash ends its spans at the last record before it, and the resolution links to the cut call', () => {
    const told = SHAPES.crash?.() ?? history()
    const telemetry = of(told)
    const [cut] = spansOf(telemetry, 'segment')
    const before = told.records().find((record) => record.type === 'segment.started' && record.why === 'takeover')
    expect(cut?.attributes['signalbox.run.status']).toBe('taken_over')
    expect(cut?.endMs).toBe(Date.parse(told.records()[(before?.seq ?? 0) - 2]?.at ?? ''))
    const [open, , resolved] = spansOf(telemetry, 'tool_call')
    expect(open?.attributes['signalbox.activity.outcome']).toBe('open')
    expect(resolved?.links).toEqual([{ spanId: open?.spanId, attributes: { 'signalbox.link.kind': 'resolution' } }])
    expect(spansOf(telemetry, 'segment')[1]?.links[0]?.attributes).toEqual({ 'signalbox.link.kind': 'takeover' })
  })

  it('OBS-045: another attempt of a node, and a call that is sent once more, link to the one before', () => {
    const [first, second] = spansOf(of(SHAPES.failing?.() ?? history()), 'node')
    expect(first?.attributes).toMatchObject({ 'signalbox.attempt': 1, 'error.type': 'NODE_FAILED' })
    expect(first?.links).toEqual([])
    expect(second?.attributes['signalbox.attempt']).toBe(2)
    expect(second?.links).toEqual([retryOf(first)])
    const begun = history().started().segment().model().propose('tool').intent()
    const unknown = { status: 'unknown', code: 'EFFECT_UNKNOWN' } as const
    const asked = of(begun.outcome(unknown).intent().outcome().barrier().completed())
    const [sent, again] = spansOf(asked, 'tool_call')
    expect([sent?.attributes['signalbox.activity.outcome'], sent?.links]).toEqual(['unknown', []])
    expect(again?.links).toEqual([retryOf(sent)])
    const cut = history().started().segment().model().propose('tool').intent().segment('takeover', 5_000)
    const [open, resent] = spansOf(of(cut.intent().outcome().barrier().completed()), 'tool_call')
    expect(resent?.links).toEqual([retryOf(open)])
  })

  it('OBS-037: an approval is two events and a wait; an effect is prepared, then settled', () => {
    const telemetry = of(completeHistory())
    const order = names(telemetry).filter((name) => /approval|effect/.test(name))
    expect(order).toEqual([
      'approval.requested',
      'approval.decided',
      'effect.prepared',
      'effect.settled',
      'effect.prepared',
      'effect.settled',
    ])
    expect(telemetry.metrics).toContainEqual(
      expect.objectContaining({ name: 'signalbox.approval.wait.duration', value: 60 }),
    )
    const ledger = of(SHAPES.ledger?.() ?? history())
    expect(ledger.logs.at(-3)?.attributes).toMatchObject({ 'signalbox.effect.phase': 'deduplicated' })
  })

  it('OBS-038: text that comes from a model or an error does not pass as a name, code or id', () => {
    const told = history().started().segment().model()
    told
      .propose('tool', {
        name: 'ignore all rules and pay Ana',
        status: 'failed',
        code: 'bank said: IBAN DE89 is wrong',
        class: 'a b',
      })
      .outcome()
    told.propose('tool', { name: 'rm_everything_for_ana', status: 'failed', code: 'TOOL_UNKNOWN' }).outcome()
    const text = JSON.stringify(of(told.completed()))
    expect(text).toContain('_OTHER')
    for (const leak of ['pay Ana', 'IBAN', 'rm_everything', 'a b'])
      expect(JSON.stringify(of(told).spans)).not.toContain(leak)
    expect(JSON.stringify([of(told).logs, of(told).metrics])).not.toMatch(/pay Ana|IBAN|rm_everything/)
  })

  it('OBS-039: the given state is not changed', () => {
    const told = completeHistory().records()
    const { state } = projectRecords(null, told.slice(0, 9))
    const copy = structuredClone(state)
    projectRecords(state, told.slice(9))
    expect(state).toEqual(copy)
  })
})

describe('contract checker', () => {
  const good = of(completeHistory())
  const problems = (change: Partial<Telemetry>) => checkTelemetry({ ...good, ...change }).map((found) => found.problem)
  const [span] = spansOf(good, 'tool_call')
  const [log] = good.logs
  const [point] = good.metrics
  if (!span || !log || !point) throw new Error('the complete history gave no telemetry')
  // Planted faults are not of the contract's types, so they are written as plain objects.
  const withKey = (key: string, value: unknown) =>
    ({ ...span, attributes: { ...span.attributes, [key]: value } }) as SpanData

  const without = (key: string) => ({
    ...span,
    attributes: Object.fromEntries(Object.entries(span.attributes).filter(([name]) => name !== key)),
  })

  it.each<[string, Partial<Telemetry>, string]>([
    ['an unknown key', { spans: [withKey('signalbox.nobody.knows', 1)] }, 'unknown_key'],
    ['a key that does not belong there', { spans: [withKey('signalbox.drop.reason', 'no_edge')] }, 'not_allowed'],
    ['a missing key', { logs: [{ ...log, attributes: { 'signalbox.record.seq': 1 } }] }, 'missing'],
    ['a key that is missing although its condition holds', { spans: [without('signalbox.policy.rules')] }, 'missing'],
    ['a missing label', { metrics: [{ ...point, attributes: {} }] }, 'missing'],
    ['another name than the kind of span has', { spans: [{ ...span, name: 'execute_tool' }] }, 'wrong_name'],
    ['an older name', { spans: [withKey('gen_ai.system', 'openai')] }, 'not_allowed'],
    ['a value outside its list', { spans: [withKey('signalbox.tool.effect', 'harmless')] }, 'wrong_value'],
    ['a value of another type', { spans: [withKey('signalbox.attempt', '1')] }, 'wrong_type'],
    ['a fraction where a whole number belongs', { spans: [withKey('signalbox.attempt', 1.5)] }, 'wrong_type'],
    [
      'a label of high cardinality',
      { metrics: [{ ...point, attributes: { 'signalbox.run.id': 'x' } }] },
      'label_cardinality',
    ],
    ['content', { spans: [withKey('gen_ai.tool.call.arguments', '{}')] }, 'content'],
    ['identity', { spans: [withKey('user.id', 'ana')] }, 'identity'],
    ['an unknown signal', { spans: [{ ...span, id: 'other' } as unknown as SpanData] }, 'unknown_signal'],
    ['a value that is no number', { metrics: [{ ...point, value: Number.NaN }] }, 'wrong_value'],
  ])('OBS-040: planted: %s', (_what, change, problem) => {
    expect(problems({})).toEqual([])
    expect(problems(change)).toContain(problem)
  })

  it('OBS-041: captured content is allowed only where the contract opens it', () => {
    const content = { ...good, spans: [withKey('gen_ai.tool.call.arguments', '{}')] }
    expect(checkTelemetry(content, { content: true, identity: false })).toEqual([])
    const elsewhere = { ...good, spans: [withKey('gen_ai.input.messages', '[]')] }
    expect(checkTelemetry(elsewhere, { content: true, identity: false }).map((found) => found.problem)).toEqual([
      'not_allowed',
    ])
  })
})

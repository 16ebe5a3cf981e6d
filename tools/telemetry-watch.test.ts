/** The watch beside every test: planted breaks of the contract are found. */
import { channel } from 'node:diagnostics_channel'
import { describe, expect, it } from 'vitest'
import { checkTelemetry } from '../packages/runtime/src/observability/checker.ts'
import { projectRecords } from '../packages/runtime/src/observability/project.ts'
import { RECORD_SIGNALS } from '../packages/runtime/src/observability/record-signals.ts'
import { completeHistory } from '../packages/runtime/src/testing/history.ts'
import { traceIdOf } from '../packages/runtime/src/base/trace-id.ts'
import { refuseBreaks } from './telemetry-setup.ts'
import { type Eyes, TelemetryWatch, type ToldRecord } from './lib/telemetry-watch.ts'

type Projection = ReturnType<typeof projectRecords>

const eyes: Eyes<Projection> = {
  project: (state, records) =>
    projectRecords(state as Projection['state'] | null, records as Parameters<typeof projectRecords>[1]),
  check: (telemetry) => checkTelemetry(telemetry),
}
const runId = completeHistory().runId
const stored = (): ToldRecord[] =>
  completeHistory()
    .stored()
    .map(({ seq, body }) => ({ seq, body }))

function found(records: readonly ToldRecord[]): readonly string[] {
  const watch = new TelemetryWatch<Projection>()
  watch.take({ runId, records })
  return watch.violations(eyes)
}

/** The history with one piece of its stored text exchanged. */
function planted(from: string, to: string): readonly ToldRecord[] {
  const records = stored()
  expect(JSON.stringify(records)).toContain(JSON.stringify(from).slice(1, -1))
  return records.map((record) => ({ ...record, body: record.body.replaceAll(from, to) }))
}

describe('telemetry beside every test', () => {
  it('TEL-001: what a run stores is compared with the contract, in one look and in many', () => {
    expect(found(stored())).toEqual([])
    const watch = new TelemetryWatch<Projection>()
    for (const record of stored()) {
      watch.take({ runId, records: [record] })
      expect(watch.violations(eyes)).toEqual([])
    }
    expect(watch.pending).toBe(false)
  })

  it('TEL-001: planted: values that the contract does not list are found, each once', () => {
    expect(found(planted('"why":"start"', '"why":"boredom"'))).toEqual([
      'segment signalbox.segment.reason wrong_value',
      'signalbox.run.segment_started signalbox.segment.reason wrong_value',
    ])
    expect(found(planted('"answer":"approved"', '"answer":"perhaps"')).length).toBeGreaterThan(0)
  })

  it('TEL-001: planted: content, a label of high cardinality and a missing key fail as well', () => {
    const watch = (change: (telemetry: Projection) => Projection) => {
      const changed = new TelemetryWatch<Projection>()
      changed.take({ runId, records: stored() })
      return changed.violations({ ...eyes, project: (state, records) => change(eyes.project(state, records)) })
    }
    const content = { 'gen_ai.tool.call.arguments': '{}' }
    expect(
      watch((told) => ({
        ...told,
        spans: told.spans.map((span) => ({ ...span, attributes: { ...span.attributes, ...content } })),
      })),
    ).toContain('tool_call gen_ai.tool.call.arguments content')
    const label = { 'signalbox.run.id': runId }
    expect(
      watch((told) => ({ ...told, metrics: told.metrics.map((point) => ({ ...point, attributes: label })) })),
    ).toContain('signalbox.runs signalbox.run.id label_cardinality')
    expect(watch((told) => ({ ...told, logs: told.logs.map((log) => ({ ...log, attributes: {} })) }))).toContain(
      'signalbox.run.started signalbox.run.id missing',
    )
    expect(watch((told) => ({ ...told, spans: [...told.spans, ...told.spans.slice(0, 1)] }))[0]).toContain('sent twice')
  })

  it('TEL-002: a run whose beginning was not seen is left out', () => {
    expect(found(planted('"why":"start"', '"why":"boredom"').slice(1))).toEqual([])
  })

  it('TEL-001: planted: what runs after every test refuses a run that breaks the contract, and no other', async () => {
    const records = planted('"why":"start"', '"why":"boredom"')
    channel('signalbox:stored').publish({ runId: `${runId}-sound`, records: stored() })
    await refuseBreaks('some.test.ts')
    channel('signalbox:stored').publish({ runId: `${runId}-planted`, records })
    await expect(refuseBreaks('some.test.ts')).rejects.toThrow('breaks its contract')
  })

  it('TEL-004: the first segment of a fork links to the trace of the run that it was made of, and no later one', () => {
    const [genesis, ...rest] = completeHistory().records()
    if (genesis?.type !== 'run.started') throw new Error('the history has no genesis')
    const by = genesis.principal
    const from = { run: 'run_parent', seq: 7, head: 'h', root: 'run_parent', checkpoint_seq: 5 }
    const parent = { ...from, checkpoint_at: genesis.at, plan: [], by, reason: null }
    const links = projectRecords(null, [{ ...genesis, parent }, ...rest])
      .spans.filter((span) => span.id === 'segment')
      .map((span) => span.links.map((link) => [link.attributes['signalbox.link.kind'], link.traceId]))
    expect(links).toEqual([[['fork', traceIdOf('run_parent')]], [['resume', undefined]]])
    expect(traceIdOf('run_parent')).not.toBe(genesis.trace_id)
  })

  it('TEL-003: each record type gives the events of its row and no others', () => {
    for (const record of completeHistory().records()) {
      const before = completeHistory()
        .records()
        .filter((other) => other.seq < record.seq)
      const { state } = projectRecords(null, before)
      const row = RECORD_SIGNALS[record.type]
      const allowed: readonly string[] = 'silent' in row ? [] : row.events
      const given = projectRecords(state, [record]).logs.map((log) => log.eventName)
      expect(allowed, record.type).toEqual(expect.arrayContaining(given))
    }
  })
})

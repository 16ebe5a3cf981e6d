import {
  ATTRIBUTES,
  type AttributeName,
  isEmptied,
  type RunRecord,
  type RunRow,
  type Store,
  type Telemetry,
  projectRecords,
  withCapture,
} from 'signalbox'
import type { Piece, Searched } from './pieces.ts'

const PAGE = 100

/** What telemetry of every stored run holds under the settings in force: projected again, as the exporter does. */
export async function* telemetryPieces({ store, capture }: Searched): AsyncIterable<Piece> {
  for await (const { tenant, runId } of everyRun(store)) {
    const stored = await store.records(tenant, runId)
    if (stored.some(isEmptied)) continue
    // The store gives back what the engine wrote.
    const records = stored.map(({ body }) => JSON.parse(body) as RunRecord)
    const reader = await capture.contents(tenant, runId)
    const { settings, redactor } = capture
    const telemetry = await withCapture(projectRecords(null, records), records, { settings, redactor, reader })
    yield* signalPieces(telemetry, runId, settings.mode)
  }
}

async function* everyRun(store: Store): AsyncIterable<RunRow> {
  for (const tenant of await store.tenants()) {
    let last: RunRow | undefined
    do {
      const page = await store.runs({ tenant, limit: PAGE, ...(last ? { before: last } : {}) })
      yield* page
      last = page.length < PAGE ? undefined : page.at(-1)
    } while (last)
  }
}

function* signalPieces({ spans, logs, metrics }: Telemetry, run: string, mode: string): Iterable<Piece> {
  const all = [
    ...spans.map((span) => ({ signal: `span ${span.id}`, name: span.name, attributes: span.attributes })),
    ...logs.map((log) => ({ signal: `event ${log.eventName}`, name: '', attributes: log.attributes })),
    ...metrics.map((point) => ({ signal: `metric ${point.name}`, name: '', attributes: point.attributes })),
  ]
  for (const { signal, name, attributes } of all) {
    const record = attributes['signalbox.record.seq']
    const where = { run, signal, ...(typeof record === 'number' ? { record } : {}) }
    if (name !== '') yield { text: name, where: { ...where, field: 'name' }, explained: null }
    for (const [field, value] of Object.entries(attributes)) {
      if (value === undefined || typeof value === 'number' || typeof value === 'boolean') continue
      const text = typeof value === 'string' ? value : value.join('\n')
      yield { text, where: { ...where, field }, explained: explanationOf(field, mode) }
    }
  }
}

/** The setting that lets an attribute leave, or null. */
function explanationOf(field: string, mode: string): string | null {
  const sensitivity = Object.hasOwn(ATTRIBUTES, field) ? ATTRIBUTES[field as AttributeName].sensitivity : 'none'
  if (sensitivity === 'content') return `content capture is ${mode}`
  return sensitivity === 'identity' ? 'identity is switched on' : null
}

import { traceIdOf } from '../../base/trace-id.ts'
import type { RunRecord } from '../../contracts/records.ts'
import { millisOf } from '../../observability/view.ts'
import type { ReceivedSpan } from './received.ts'

/** A time in which a run waited for people or timers, in milliseconds since 1970. */
interface Wait {
  readonly from: number
  readonly to: number
}

/**
 * What is wrong with the spans that a receiver got of one ended run, one sentence each: they are in the one trace of the
 * run, each came once and has its parent, each segment after the first links to the one before it, and none was
 * open while the run waited.
 */
export function traceFaults(runId: string, records: readonly RunRecord[], all: readonly ReceivedSpan[]): string[] {
  const own = all.filter(({ attributes }) => attributes['signalbox.run.id'] === runId)
  const ids = new Set(own.map(({ spanId }) => spanId))
  const waits = waitsOf(records)
  const [genesis] = records
  const trace = genesis?.type === 'run.started' ? genesis.trace_id : traceIdOf(runId)
  const faults: string[] = []
  if (own.length === 0) faults.push(`no span of run ${runId} came`)
  if (ids.size < own.length) faults.push(`${own.length - ids.size} spans came twice`)
  for (const span of own) {
    const isSegment = span.name.startsWith('invoke_workflow ')
    if (span.traceId !== trace) faults.push(`\`${span.name}\` is in another trace`)
    if (span.parentSpanId === null ? !isSegment : !ids.has(span.parentSpanId))
      faults.push(`\`${span.name}\` has no parent`)
    const during = waits.find(({ from, to }) => isOpenDuring(span, from, to))
    if (during) faults.push(`\`${span.name}\` is open while the run waits`)
  }
  return [...faults, ...linkFaults(own)]
}

function linkFaults(own: readonly ReceivedSpan[]): string[] {
  const segments = own
    .filter(({ parentSpanId }) => parentSpanId === null)
    .sort((a, b) => numberOf(a, 'signalbox.run.segment') - numberOf(b, 'signalbox.run.segment'))
  return segments.flatMap((segment, place) => {
    const before = segments[place - 1]
    const number = numberOf(segment, 'signalbox.run.segment')
    if (number !== place + 1) return [`segment ${place + 1} is missing`]
    const kinds = segment.links.map(({ attributes }) => attributes['signalbox.link.kind'])
    if (!before) return kinds.every((kind) => kind === 'fork') ? [] : ['the first segment has a link']
    if (kinds[0] === 'restore' && segment.links[0]?.spanId === before.spanId) return []
    const wanted = segment.attributes['signalbox.segment.reason'] === 'takeover' ? 'takeover' : 'resume'
    const isLinked = segment.links[0]?.spanId === before.spanId && kinds[0] === wanted
    return isLinked ? [] : [`segment ${number} has no link \`${wanted}\` to the one before it`]
  })
}

function numberOf({ attributes }: ReceivedSpan, name: string): number {
  return Number(attributes[name])
}

/** From each wait's record to the segment that ends it. */
function waitsOf(records: readonly RunRecord[]): readonly Wait[] {
  return records.flatMap((record, place) => {
    if (record.type !== 'run.waiting') return []
    const next = records.slice(place).find(({ type }) => type === 'segment.started')
    return next ? [{ from: millisOf(record.at), to: millisOf(next.at) }] : []
  })
}

function isOpenDuring({ start, end }: ReceivedSpan, from: number, to: number): boolean {
  return from < to && start <= BigInt(from) * 1_000_000n && end >= BigInt(to) * 1_000_000n
}

/** Puts captured content into telemetry, where the contract opens a place for it and the operator switched it on. */
import { SignalboxError } from '../base/errors.ts'
import type { JsonValue } from '../base/json.ts'
import type { ContentRef } from '../contracts/common.ts'
import type { RunRecord } from '../contracts/records.ts'
import type { CaptureSettings, Redactor } from '../contracts/redaction.ts'
import type { ContentReader } from '../contracts/runtime.ts'
import { type ContentAttribute, contentOf, type ContentPart, type PlannedContent } from './content-plan.ts'
import { genAiMessages } from './gen-ai-messages.ts'
import type { Attributes, LogData, SpanData, Telemetry } from './telemetry.ts'

/** Longest text of one attribute, in characters; the rest is left out and told. */
const MOST = 65_536

/** What captured content is made with. */
export interface CaptureParts {
  readonly settings: CaptureSettings
  /** Opens contents of the run. */
  readonly reader: ContentReader
  readonly redactor: Redactor
}

/**
 * Telemetry of one run with what may leave beside it. `records` are those of the run, in order, from the first to the last
 * that was projected. Erased content is not sent, and neither is what the redactor did not finish: both are told under
 * `signalbox.content.left_out` (Invariant 14).
 */
export async function withCapture(
  telemetry: Telemetry,
  records: readonly RunRecord[],
  parts: CaptureParts,
): Promise<Telemetry> {
  const { mode, identity } = parts.settings
  if (mode === 'none' && !identity) return telemetry
  const spans: SpanData[] = []
  const logs: LogData[] = [...telemetry.logs]
  for (const span of telemetry.spans) {
    const planned = mode === 'none' ? [] : contentOf(span, records)
    const content = await attributesOf(span, planned, parts)
    const who = identity && span.id === 'segment' ? userOf(records) : {}
    const onSpan = mode === 'event' ? {} : content
    spans.push({ ...span, attributes: { ...span.attributes, ...onSpan, ...who } })
    const inEvent = mode === 'event' || mode === 'span_and_event'
    if (inEvent && Object.keys(content).length > 0) logs.push(eventOf(span, planned, content))
  }
  return { spans, logs, metrics: telemetry.metrics }
}

function userOf([first]: readonly RunRecord[]): Attributes {
  return first?.type === 'run.started' ? { 'user.id': first.principal.id } : {}
}

async function attributesOf(
  span: SpanData,
  contents: readonly ContentPart[],
  parts: CaptureParts,
): Promise<Attributes> {
  const run = String(span.attributes['signalbox.run.id'] ?? '')
  const refs = contents.flatMap((part) => part.contents.map(({ ref }) => referenceText(part.name, ref, run)))
  if (parts.settings.mode === 'reference') return refs.length > 0 ? { 'signalbox.content.refs': refs } : {}
  const found: Partial<Record<ContentAttribute, string>> = {}
  const leftOut: string[] = []
  for (const part of contents) {
    const opened = await openPart(part, parts)
    leftOut.push(...opened.leftOut.map((why) => `${part.name}=${why}`))
    if (opened.text !== null) found[part.name] = opened.text
  }
  return { ...found, ...(leftOut.length > 0 ? { 'signalbox.content.left_out': leftOut } : {}) }
}

function referenceText(name: ContentAttribute, ref: ContentRef, run: string): string {
  return `${name}=${ref.r ?? run}/${ref.s}/${ref.i}#${ref.h}`
}

interface OpenedPart {
  readonly text: string | null
  readonly leftOut: readonly string[]
}

async function openPart(part: ContentPart, { reader, redactor }: CaptureParts): Promise<OpenedPart> {
  const values: { readonly value: JsonValue; readonly what: string }[] = []
  const leftOut = new Set<string>()
  for (const { ref, what } of part.contents) {
    const read = await openOne({ ref, what }, reader)
    if ('why' in read) leftOut.add(read.why)
    else values.push({ value: read.value, what })
  }
  if (values.length === 0) return { text: null, leftOut: [...leftOut] }
  const cleaned = await redactor.clean('telemetry', jsonOf(part.name, values))
  if (cleaned.status === 'left_out') return { text: null, leftOut: [...leftOut, cleaned.why] }
  const text = typeof cleaned.value === 'string' ? cleaned.value : JSON.stringify(cleaned.value)
  if (text.length > MOST) return { text: text.slice(0, MOST), leftOut: [...leftOut, 'cut'] }
  return { text, leftOut: [...leftOut] }
}

async function openOne(
  { ref }: PlannedContent,
  reader: ContentReader,
): Promise<{ readonly value: JsonValue } | { readonly why: string }> {
  try {
    return { value: await reader.read(ref) }
  } catch (thrown) {
    // A store that does not answer is no reason to send less: the batch is tried again.
    if (thrown instanceof SignalboxError && thrown.code === 'STORE_UNAVAILABLE') throw thrown
    const isErased = thrown instanceof SignalboxError && thrown.code === 'CONTENT_ERASED'
    return { why: isErased ? 'erased' : 'unreadable' }
  }
}

function jsonOf(
  name: ContentAttribute,
  values: readonly { readonly value: JsonValue; readonly what: string }[],
): JsonValue {
  if (name === 'gen_ai.input.messages' || name === 'gen_ai.output.messages') return genAiMessages(values)
  if (name === 'signalbox.approval.texts') return values.map(({ value, what }) => ({ what, value }))
  return values[0]?.value ?? null
}

const ABOUT = { segment: 'run', node: 'node', tool_call: 'tool', activity: 'activity' } as const
const KEPT = [
  'signalbox.run.id',
  'signalbox.run.segment',
  'signalbox.run.branch',
  'signalbox.workflow.id',
  'signalbox.workflow.version',
  'signalbox.request.id',
  'gen_ai.workflow.name',
  'signalbox.checkpoint.id',
  'signalbox.superstep.index',
  'signalbox.node.name',
  'signalbox.attempt',
  'gen_ai.agent.name',
] as const
const KEPT_OF_MODEL = ['gen_ai.operation.name', 'gen_ai.provider.name', 'gen_ai.request.model'] as const

function eventOf(span: SpanData, planned: readonly ContentPart[], content: Attributes): LogData {
  // A segment or node has no record of its own: the last one that holds a content of it.
  const last = Math.max(1, ...planned.flatMap((part) => part.contents.map(({ ref }) => ref.s)))
  const isModel = span.id === 'model_call'
  const about = ABOUT[span.id as keyof typeof ABOUT]
  const keys = [...KEPT, ...(isModel ? KEPT_OF_MODEL : (['gen_ai.tool.name'] as const))]
  const kept = Object.fromEntries(
    keys.flatMap((key) => (span.attributes[key] === undefined ? [] : [[key, span.attributes[key]]])),
  )
  return {
    eventName: isModel ? 'gen_ai.client.inference.operation.details' : 'signalbox.content.details',
    traceId: span.traceId,
    spanId: span.spanId,
    timeMs: span.endMs,
    severity: 'info',
    attributes: {
      ...kept,
      'signalbox.record.seq': span.attributes['signalbox.record.seq'] ?? last,
      ...(isModel ? {} : { 'signalbox.content.about': about }),
      ...content,
    },
  }
}

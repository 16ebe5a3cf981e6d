/** Which sealed contents belong to a span: found in the records, nothing is opened here (Invariant 9). */
import type { ContentRef } from '../contracts/common.ts'
import type { ActivityIntent, ActivityOutcome, RunRecord } from '../contracts/records.ts'
import type { AttributeName } from './contract.generated.ts'
import type { SpanData } from './telemetry.ts'

/** Attributes that hold content. */
export type ContentAttribute = Extract<
  AttributeName,
  | 'gen_ai.input.messages'
  | 'gen_ai.output.messages'
  | 'gen_ai.tool.call.arguments'
  | 'gen_ai.tool.call.result'
  | 'signalbox.error.detail'
  | 'signalbox.approval.texts'
>

/** One content of an attribute, and what it is: who said it of a message, what was done of an approval. */
export interface PlannedContent {
  readonly ref: ContentRef
  readonly what: string
}

/** The contents of one attribute of a span, in order. */
export interface ContentPart {
  readonly name: ContentAttribute
  readonly contents: readonly PlannedContent[]
}

/** The contents of a span. `records` are those of its run, in order, from the first to the last that was projected. */
export function contentOf(span: SpanData, records: readonly RunRecord[]): readonly ContentPart[] {
  const parts = partsOf(span, records)
  return parts.filter((part) => part.contents.length > 0)
}

function partsOf(span: SpanData, records: readonly RunRecord[]): readonly ContentPart[] {
  switch (span.id) {
    case 'segment':
      return ofSegment(span, records)
    case 'node':
      return ofNode(span, records)
    case 'model_call':
    case 'tool_call':
    case 'activity':
      return ofCall(span, records)
    default:
      return []
  }
}

function ofSegment(span: SpanData, records: readonly RunRecord[]): readonly ContentPart[] {
  const number = span.attributes['signalbox.run.segment']
  const first = records[0]
  const own = records.filter((record) => record.segment === number)
  const end = own.findLast((record) => record.type === 'run.completed')
  const parked = own.findLast((record) => record.type === 'run.parked')
  const input = first?.type === 'run.started' && number === 1 ? [{ ref: first.input, what: 'user' }] : []
  return [
    { name: 'gen_ai.input.messages', contents: input },
    { name: 'gen_ai.output.messages', contents: planned(end?.output, 'assistant') },
    { name: 'signalbox.error.detail', contents: planned(parked?.detail, 'error') },
  ]
}

function ofNode(span: SpanData, records: readonly RunRecord[]): readonly ContentPart[] {
  if (span.status !== 'error') return []
  const { 'signalbox.superstep.index': superstep, 'signalbox.attempt': attempt } = span.attributes
  const failed = records.findLast(
    (record) =>
      record.type === 'activation.failed' &&
      record.superstep === superstep &&
      record.attempt === attempt &&
      Date.parse(record.at) <= span.endMs,
  )
  return [
    {
      name: 'signalbox.error.detail',
      contents: failed?.type === 'activation.failed' ? planned(failed.error, 'error') : [],
    },
  ]
}

function ofCall(span: SpanData, records: readonly RunRecord[]): readonly ContentPart[] {
  const opening = records.find((record) => record.seq === span.attributes['signalbox.record.seq'])
  if (opening?.type !== 'activity.intent' && opening?.type !== 'activity.outcome') return []
  const isOpen = span.attributes['signalbox.activity.outcome'] === 'open'
  const outcome = opening.type === 'activity.outcome' ? opening : isOpen ? undefined : endOf(opening, records)
  const succeeded = outcome?.status === 'succeeded'
  const result = planned(outcome?.result, 'assistant')
  const proposal = opening.proposal ?? outcome?.proposal ?? null
  const asked = proposal === null ? [] : planned(proposal.edited?.args ?? proposal.args, 'arguments')
  const isModel = span.id === 'model_call'
  return [
    isModel
      ? { name: 'gen_ai.input.messages', contents: shownTo(opening, records) }
      : { name: 'gen_ai.tool.call.arguments', contents: asked },
    {
      name: isModel ? 'gen_ai.output.messages' : 'gen_ai.tool.call.result',
      contents: succeeded ? result : [],
    },
    { name: 'signalbox.error.detail', contents: succeeded ? [] : result },
    { name: 'signalbox.approval.texts', contents: approvalTexts(opening.approval_id ?? outcome?.approval_id, records) },
  ]
}

function endOf(intent: ActivityIntent, records: readonly RunRecord[]): ActivityOutcome | undefined {
  const end = records.find(
    (record) => record.type === 'activity.outcome' && record.seq > intent.seq && record.ask.key === intent.ask.key,
  )
  return end?.type === 'activity.outcome' ? end : undefined
}

/**
 * What a model was shown, as far as it was on record when it was asked: the messages of the turns before, else the message
 * that was delivered to its node.
 */
function shownTo(
  { ask, seq }: ActivityIntent | ActivityOutcome,
  records: readonly RunRecord[],
): readonly PlannedContent[] {
  const before = records.filter((record) => record.seq < seq)
  const kept = before.flatMap((record) =>
    record.type === 'position.saved' && record.activation === ask.activation
      ? record.append.items.map((ref) => ({ ref, what: 'message' }))
      : [],
  )
  if (kept.length > 0) return kept
  const queue = before.findLast((record) => 'checkpoint' in record && record.checkpoint !== null)
  if (!queue || !('checkpoint' in queue)) return []
  const delivered = queue.checkpoint?.queue.filter((message) => message.to === ask.node) ?? []
  return delivered.map(({ message }) => ({ ref: message, what: 'user' }))
}

function approvalTexts(id: string | null | undefined, records: readonly RunRecord[]): readonly PlannedContent[] {
  if (id === null || id === undefined) return []
  return records.flatMap((record) => {
    if (!('approval_id' in record) || record.approval_id !== id) return []
    if (record.type === 'approval.requested') return planned(record.packet, 'shown')
    if (record.type === 'approval.decided') return planned(record.reason, record.answer)
    if (record.type !== 'approval.changed') return []
    const { change } = record
    return [
      ...('text' in change ? planned(change.text, change.what) : []),
      ...('reason' in change ? planned(change.reason, change.what) : []),
      ...(change.what === 'edited' ? planned(change.args, 'edited_arguments') : []),
    ]
  })
}

function planned(ref: ContentRef | null | undefined, what: string): readonly PlannedContent[] {
  return ref ? [{ ref, what }] : []
}

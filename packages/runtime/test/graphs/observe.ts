import { canonicalJson, type JsonValue } from '../../src/base/json.ts'
import type { CheckpointBody } from '../../src/contracts/checkpoint.ts'
import type { ContentRef } from '../../src/contracts/common.ts'
import type { ActivationResult, RunRecord } from '../../src/contracts/records.ts'
import type { ContentReader } from '../../src/contracts/runtime.ts'
import type { WorkflowSpec } from '../../src/contracts/workflow.ts'
import type { Contents } from '../../src/engine/contents.ts'
import { openState } from '../../src/engine/state.ts'
import { ANA, type BenchBox } from '../../src/testing/bench-box.ts'

/** What payments reached the outside, by key: equal keys are one payment, and each send is counted. */
export interface OutsideBook {
  readonly paid: Map<string, string>
  sends: number
}

/** What has to be the same for any order of completions and after any crash (ENGINE R9), as texts that can be compared. */
export interface Observed {
  /** State, queue, fan-in buffers and outputs at each barrier, with what was dropped there. */
  readonly barriers: readonly string[]
  /** Per activation: what it wrote and sent, and how each of its calls ended. */
  readonly activations: ReadonlyMap<string, string>
  /** Payments by key, as the outside booked them. */
  readonly effects: readonly string[]
  /** Status, output and ending. */
  readonly end: string
  /** The records after which a crash can break it off: not between records of one commit that nothing can tear apart. */
  readonly cuts: readonly number[]
}

/** Reads a run that has ended. */
export async function observe(box: BenchBox, spec: WorkflowSpec, runId: string, book: OutsideBook): Promise<Observed> {
  const records = await box.records(runId)
  // What a runtime gives to read with opens lists too.
  const reader = (await box.sb.runs.contents(ANA.tenant, runId)) as Contents
  const barriers: string[] = []
  for (const record of records)
    if (record.type === 'superstep.completed') {
      const { values } = await openState(spec, record.checkpoint, reader)
      barriers.push(canonicalJson([record.superstep, values, await bodyOf(reader, record.checkpoint)]))
    }
  const drops = records.filter((record) => record.type === 'message.dropped')
  for (const { superstep, from, edge, reason, message } of drops)
    barriers.push(canonicalJson(['dropped', superstep, from, edge, reason, await reader.read(message)]))
  const { status, output, ending } = await box.ended(runId)
  return {
    barriers,
    activations: await activationsOf(reader, records),
    effects: [...book.paid].map(([key, args]) => `${key} ${args}`).sort(),
    end: canonicalJson([status, output, ending]),
    cuts: cutsOf(records),
  }
}

/** A dropped message is appended with the barrier or the end that it belongs to, and goes with it in one commit. */
function cutsOf(records: readonly RunRecord[]): readonly number[] {
  return records.flatMap((record, i) => {
    const next = records[i + 1]
    const torn = next?.type === 'message.dropped' || (record.type === 'message.dropped' && isEnd(next))
    return next === undefined || torn ? [] : [i + 1]
  })
}

function isEnd(record: RunRecord | undefined): boolean {
  return record?.type === 'run.completed' || record?.type === 'run.stopped'
}

async function bodyOf(
  reader: ContentReader,
  { queue, fan_in, outputs, superstep }: CheckpointBody,
): Promise<JsonValue> {
  const opened = async (refs: readonly ContentRef[]): Promise<JsonValue> =>
    Promise.all(refs.map((ref) => reader.read(ref)))
  const held: Record<string, JsonValue> = {}
  for (const [edge, sources] of Object.entries(fan_in))
    for (const [source, refs] of Object.entries(sources)) held[`${edge} ${source}`] = await opened(refs)
  return {
    superstep,
    queue: await Promise.all(
      queue.map(async ({ to, from, edge, message }) => [to, from, edge, await reader.read(message)]),
    ),
    held,
    outputs: await Promise.all(outputs.map(async ({ node, value }) => [node, await reader.read(value)])),
  }
}

async function activationsOf(
  reader: ContentReader,
  records: readonly RunRecord[],
): Promise<ReadonlyMap<string, string>> {
  const parts = new Map<string, Map<string, JsonValue>>()
  const note = (activation: string, what: string, value: JsonValue): void => {
    const known = parts.get(activation) ?? new Map<string, JsonValue>()
    parts.set(activation, known.set(what, value))
  }
  const result = async (one: ActivationResult): Promise<void> => {
    const writes = await Promise.all(one.writes.map(async ({ field, value }) => [field, await reader.read(value)]))
    note(one.activation, 'result', [one.node, writes, one.message && (await reader.read(one.message))])
  }
  for (const record of records) {
    if (record.type === 'activation.completed') await result(record.result)
    if (record.type === 'superstep.completed') for (const one of record.results) await result(one)
    // What a crash makes necessary to look up is no part of what the node did.
    if (record.type !== 'activity.outcome' || record.ask.parent?.phase === 'reconcile') continue
    const value = record.result && (await reader.read(record.result))
    note(record.ask.activation, record.ask.key, [
      record.kind,
      record.name,
      record.status,
      record.idempotency_key,
      value,
    ])
  }
  return new Map([...parts].map(([id, known]) => [id, canonicalJson([...known].sort(([a], [b]) => (a < b ? -1 : 1)))]))
}

/** Where two runs of one plan differ, in sentences; empty when nowhere. */
export function differences(one: Observed, other: Observed): string[] {
  const found: string[] = []
  const compare = (what: string, a: readonly string[], b: readonly string[]): void => {
    const at = a.findIndex((text, i) => text !== b[i])
    if (at >= 0 || a.length !== b.length) {
      const i = at < 0 ? Math.min(a.length, b.length) : at
      found.push(`${what} ${i}: ${a[i] ?? 'nothing'} became ${b[i] ?? 'nothing'}`)
    }
  }
  compare('barrier', one.barriers, other.barriers)
  const lines = (map: Observed['activations']): string[] => [...map].map(([id, text]) => `${id} ${text}`).sort()
  compare('activation', lines(one.activations), lines(other.activations))
  compare('effect', one.effects, other.effects)
  compare('end', [one.end], [other.end])
  return found
}

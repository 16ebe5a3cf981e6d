/** What two runs of one workflow must have in common, whatever way they were run (ENGINE R9). */
import {
  type ContentReader,
  type ContentRef,
  type Decision,
  type JsonValue,
  type ListRef,
  type RunRecord,
  type RunResult,
  sha256Hex,
} from 'signalbox'
import { type Box, recordsOf } from './play.ts'

/** State, decisions, effects, output and records of a run without what differs by nature: ids, times, order between activations. */
export interface Print {
  readonly status: string
  readonly output: JsonValue
  /** Values at each barrier. */
  readonly states: readonly Record<string, JsonValue>[]
  readonly decisions: readonly string[]
  readonly effects: readonly JsonValue[]
  /** Record types with outcome, by ask and by activation. */
  readonly records: Readonly<Record<string, readonly string[]>>
  /** What the shop saw of changes, with the ask that each key belongs to. */
  readonly sent: readonly JsonValue[]
}

/** The print of a run that has ended. */
export async function printOf(made: Box, result: RunResult): Promise<Print> {
  const { runId } = result
  const records = await recordsOf(made, runId)
  const contents = await made.box.runs.contents('acme', runId)
  const asks = new Set(records.flatMap((record) => ('ask' in record ? [record.ask.key] : [])))
  const byKey = new Map([...asks].map((ask) => [keyOf(runId, ask), ask]))
  return {
    status: result.status,
    output: result.output,
    states: await statesOf(records, contents),
    decisions: records.flatMap(decisionsOf).sort(),
    effects: await Promise.all(records.flatMap((record) => effectOf(record, byKey, contents))),
    records: groupsOf(records),
    sent: made.shop.log
      .filter((entry) => entry.method === 'POST')
      .map(({ path, key, body }) => ({ path, body, key: byKey.get(key ?? '') ?? `not derived: ${key}` })),
  }
}

/** The key of an effect depends on the run and the ask alone (Invariant 4). */
function keyOf(runId: string, ask: string): string {
  return `sb-${sha256Hex(`${runId}\n${ask}\n`).slice(0, 40)}`
}

async function statesOf(records: readonly RunRecord[], contents: ContentReader): Promise<Record<string, JsonValue>[]> {
  const lists = new Map<string, JsonValue[]>()
  const states: Record<string, JsonValue>[] = []
  for (const record of records) {
    if (record.type !== 'superstep.completed') continue
    for (const [field, { items }] of Object.entries(record.appends)) {
      const values = await Promise.all(items.map((item) => contents.read(item)))
      lists.set(field, [...(lists.get(field) ?? []), ...values])
    }
    const state: Record<string, JsonValue> = {}
    for (const [field, ref] of Object.entries(record.checkpoint.state))
      state[field] = isList(ref) ? [...(lists.get(field) ?? [])] : ref === null ? null : await contents.read(ref)
    states.push(state)
  }
  return states
}

function isList(ref: ContentRef | ListRef | null): ref is ListRef {
  return ref !== null && 'list' in ref
}

function decisionsOf(record: RunRecord): string[] {
  const line = (where: string, decision: Decision | null): string[] =>
    decision === null
      ? []
      : [
          `${where} ${decision.point} ${decision.verdict} ${decision.reason_code} [${decision.policies.join()}] asks [${decision.asks.map((ask) => ask.id).join()}]`,
        ]
  if (record.type === 'decision.recorded') return line('-', record.decision)
  if (record.type === 'activity.intent' || record.type === 'approval.requested' || record.type === 'activity.outcome')
    return line(record.ask.key, record.decision)
  return []
}

function effectOf(record: RunRecord, byKey: ReadonlyMap<string, string>, contents: ContentReader) {
  if (record.type !== 'activity.outcome' || record.effect === 'none') return []
  const { ask, name, status, code, idempotency_key: key, result, resolved_by, ledger, effect_hash } = record
  const read = async (): Promise<JsonValue> => ({
    ask: ask.key,
    name,
    status,
    code,
    key: byKey.get(key ?? '') ?? `not derived: ${key}`,
    result: result === null ? null : await contents.read(result),
    resolved_by,
    from_ledger: ledger !== null,
    hashed: effect_hash !== null,
  })
  return [read()]
}

const SEGMENTS = new Set<RunRecord['type']>(['segment.started', 'run.waiting'])

function groupsOf(records: readonly RunRecord[]): Record<string, string[]> {
  const groups: Record<string, string[]> = {}
  for (const record of records) {
    if (SEGMENTS.has(record.type)) continue
    const group = 'ask' in record ? record.ask.key : 'activation' in record ? (record.activation ?? 'run') : 'run'
    const end = record.type === 'activity.outcome' ? ` ${record.status} ${record.code}` : ''
    groups[group] = [...(groups[group] ?? []), `${record.type}${end}`]
  }
  return groups
}

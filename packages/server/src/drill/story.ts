/** What a run came to, in a form in which two runs of one input can be compared (ENGINE R9). */
import type { ActivationResult, ContentRef, JsonValue, RunRecord } from 'signalbox'
import type { RecordedEffect } from './define.ts'
import { type DrilledRun, isRecordOf, keysOf } from './evidence.ts'

/** Without what no two runs share: ids, keys, times, attempts, segments, and the fields that the drill calls volatile. */
export interface Story {
  readonly input: JsonValue
  readonly status: string
  readonly output: JsonValue
  /** The state at the last barrier. */
  readonly state: JsonValue
  /** Each superstep: its activations with what they wrote and sent, what was queued, fan-in buffers, outputs. */
  readonly barriers: readonly JsonValue[]
  /** Each ask with its arguments, the decision, the person's answer and how it ended, in the order of their keys. */
  readonly asks: readonly JsonValue[]
  /** Effects in the ledger: tool, key of the ask, state. */
  readonly effects: readonly string[]
  /** What outside systems recorded of this run: tool and subject. */
  readonly recorded: readonly string[]
}

/** The part of a story's reading that depends on the run: contents, and what is left out of them. */
interface Reader {
  readonly run: DrilledRun
  read(ref: ContentRef): Promise<JsonValue>
}

/** Tells what a run came to. Throws when it has no barrier. */
export async function storyOf(
  run: DrilledRun,
  volatile: readonly string[],
  recorded: readonly RecordedEffect[],
): Promise<Story> {
  const own = ownText(run)
  const left = new Set(volatile)
  const reader: Reader = { run, read: async (ref) => shared(await run.contents.read(ref), left, own) }
  const [started] = run.records
  const done = run.records.findLast((record) => record.type === 'run.completed')
  const output = done?.type === 'run.completed' ? done.output : null
  if (started?.type !== 'run.started') throw new Error(`run ${run.row.runId} has no beginning`)
  const effects = run.effects.filter((effect) => effect.state !== 'released')
  return {
    input: await run.contents.read(started.input),
    status: run.row.status,
    output: output && (await reader.read(output)),
    state: await stateOf(reader),
    barriers: await barriersOf(reader),
    asks: await asksOf(reader),
    effects: effects.map((effect) => `${effect.tool} ${effect.askKey} ${effect.state}`).sort(),
    recorded: recorded
      .filter((each) => effects.some((effect) => isRecordOf(each, effect, keysOf(run, effect))))
      .map((each) => `${each.tool} ${each.subject}`)
      .sort(),
  }
}

/** Texts that are this run's own, each with what stands for it. */
function ownText(run: DrilledRun): readonly (readonly [string, string])[] {
  const keys = run.effects.flatMap((effect) =>
    [...keysOf(run, effect)].map((key) => [key, `<key of ${effect.askKey}>`] as const),
  )
  return [[run.row.runId, '<run>'], ...keys]
}

function shared(value: JsonValue, left: ReadonlySet<string>, own: ReturnType<typeof ownText>): JsonValue {
  if (typeof value === 'string') return own.reduce((text, [from, to]) => text.replaceAll(from, to), value)
  if (Array.isArray(value)) return value.map((each: JsonValue) => shared(each, left, own))
  if (typeof value !== 'object' || value === null) return value
  const kept = Object.entries(value).filter(([name]) => !left.has(name))
  return Object.fromEntries(kept.map(([name, each]) => [name, shared(each, left, own)]))
}

async function stateOf({ run, read }: Reader): Promise<JsonValue> {
  const last = run.records.findLast((record) => record.type === 'superstep.completed' && record.scope === undefined)
  if (last?.type !== 'superstep.completed') return null
  const state: Record<string, JsonValue> = {}
  for (const [name, ref] of Object.entries(last.checkpoint.state)) {
    if (ref === null) state[name] = null
    else if ('list' in ref) state[name] = await listItems({ run, read }, name)
    else state[name] = await read(ref)
  }
  return state
}

async function listItems({ run, read }: Reader, name: string): Promise<JsonValue[]> {
  const items: JsonValue[] = []
  for (const record of run.records)
    if (record.type === 'superstep.completed' && record.scope === undefined)
      for (const item of record.appends[name]?.items ?? []) items.push(await read(item))
  return items
}

async function barriersOf({ run, read }: Reader): Promise<JsonValue[]> {
  const barriers: JsonValue[] = []
  // An activation may have a record of its own, or ride with its superstep: that depends on who finished first.
  let early: ActivationResult[] = []
  for (const record of run.records) {
    if (record.type === 'activation.completed') early.push(record.result)
    if (record.type !== 'superstep.completed') continue
    const { superstep, checkpoint } = record
    const results = [...early, ...record.results].sort((a, b) => (a.activation < b.activation ? -1 : 1))
    early = []
    const queue: JsonValue[] = []
    for (const { to, from, edge, message } of checkpoint.queue)
      queue.push({ to, from, edge, message: await read(message) })
    const outputs: JsonValue[] = []
    for (const { node, value } of checkpoint.outputs) outputs.push({ node, value: await read(value) })
    const fanIn = Object.entries(checkpoint.fan_in).map(
      ([edge, from]) => `${edge} ${Object.keys(from).sort().join(' ')}`,
    )
    const activations: JsonValue[] = []
    for (const result of results) activations.push(await activationOf(result, read))
    barriers.push({ superstep, activations, queue, outputs, fan_in: fanIn.sort() })
  }
  return barriers
}

async function activationOf(result: ActivationResult, read: Reader['read']): Promise<JsonValue> {
  const writes: JsonValue[] = []
  for (const { field, value } of result.writes) writes.push({ field, value: await read(value) })
  const message = result.message && (await read(result.message))
  return { activation: result.activation, writes, message, rejected: result.rejection !== null }
}

async function asksOf({ run, read }: Reader): Promise<JsonValue[]> {
  const { records } = run
  const asks = new Map<string, JsonValue>()
  for (const record of records) {
    if (record.type !== 'activity.outcome' || record.ask.parent !== null || record.status === 'unknown') continue
    const intent = records.findLast((each) => each.type === 'activity.intent' && each.ask.key === record.ask.key)
    const proposal = record.proposal ?? (intent?.type === 'activity.intent' ? intent.proposal : null)
    const decision = record.decision ?? (intent?.type === 'activity.intent' ? intent.decision : null)
    asks.set(record.ask.key, {
      key: record.ask.key,
      name: record.name,
      args: record.kind === 'tool' && proposal?.args ? await read(proposal.args) : null,
      verdict: decision ? `${decision.verdict} ${decision.reason_code}` : null,
      approval: answerTo(records, record.approval_id),
      status: record.status,
    })
  }
  return [...asks.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, ask]) => ask)
}

function answerTo(records: readonly RunRecord[], approvalId: string | null): string | null {
  if (approvalId === null) return null
  const answer = records.find((each) => each.type === 'approval.decided' && each.approval_id === approvalId)
  return answer?.type === 'approval.decided' ? `${answer.answer} by ${answer.by?.id}` : null
}

/** In what two stories differ, by the names of their parts; empty when they are equal. */
export function differences(calm: Story, wild: Story): string[] {
  const parts = ['input', 'status', 'output', 'state', 'barriers', 'asks', 'effects', 'recorded'] as const
  return parts.filter((part) => JSON.stringify(calm[part]) !== JSON.stringify(wild[part]))
}

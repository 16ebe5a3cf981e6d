/**
 * The check of the kill tests: what a desk's history, its ledger of effects and the bank's own file must say together,
 * however often its workers were killed. Uses the history as it is stored, and nothing of what wrote it.
 */
import {
  type Amounts,
  auditRun,
  type ContentReader,
  type EffectRow,
  type JsonValue,
  NO_AMOUNTS,
  type RunRecord,
  type RunRow,
  type Signalbox,
  type StoredRecord,
  sha256Hex,
} from 'signalbox'
import { type Booking, type Notification, readBank } from '../src/world/bank-store.ts'
import { TENANT } from './kill-desk.ts'

/** One run as it is stored. */
export interface StoredRun {
  readonly row: RunRow
  readonly stored: readonly StoredRecord[]
  readonly records: readonly RunRecord[]
  readonly effects: readonly EffectRow[]
  readonly contents: ContentReader
}

/** A desk and the bank that it worked with. */
export interface Evidence {
  readonly runs: readonly StoredRun[]
  readonly bookings: readonly Booking[]
  readonly notifications: readonly Notification[]
}

/** Reads everything that the check is about. */
export async function evidenceOf(desk: Signalbox, bankFolder: string): Promise<Evidence> {
  const rows = await desk.runs.list({ tenant: TENANT, limit: 500 })
  const runs: StoredRun[] = []
  for (const row of rows) {
    const { runId } = row
    runs.push({
      row,
      stored: await desk.store.records(TENANT, runId),
      records: await desk.runs.records(TENANT, runId),
      effects: await desk.store.effects(TENANT, runId),
      contents: await desk.runs.contents(TENANT, runId),
    })
  }
  const { bookings, notifications } = readBank(bankFolder)
  return { runs, bookings, notifications }
}

/** Everything that is wrong, one sentence each; empty when all is as it has to be. */
export function check(evidence: Evidence): string[] {
  return [
    ...evidence.runs.flatMap((run) => [
      ...auditRun(run.stored, run.row).findings.map((each) => `${each.kind} at ${each.seq}: ${each.detail}`),
      ...budgetFaults(run.records),
      ...approvalFaults(run.records),
      ...ledgerFaults(run),
    ]),
    ...bankFaults(evidence),
  ]
}

/** Both ways: each booking and notice has one effect that succeeded, and each such effect has one of them. */
function bankFaults({ runs, bookings, notifications }: Evidence): string[] {
  const effects = runs.flatMap((run) => run.effects).filter((effect) => effect.state === 'succeeded')
  const paid = effects.filter((effect) => effect.tool.startsWith('payments.'))
  const mailed = effects.filter((effect) => effect.tool === 'mail.send')
  const faults: string[] = []
  const match = <T>(what: string, things: readonly T[], rows: readonly EffectRow[], isOf: IsOf<T>): void => {
    for (const thing of things) {
      const of = rows.filter((row) => isOf(thing, row)).length
      if (of !== 1) faults.push(`${what} ${JSON.stringify(thing)} has ${of} effects in the history`)
    }
    for (const row of rows) {
      const of = things.filter((thing) => isOf(thing, row)).length
      if (of !== 1) faults.push(`effect ${row.tool} of ${row.runId} has ${of} of ${what} in the bank`)
    }
  }
  const endpoints = { 'payments.pay': 'modern', 'payments.pay_legacy': 'legacy' } as Readonly<Record<string, string>>
  match('booking', bookings, paid, (booking, row) => {
    const sameKey = booking.endpoint === 'legacy' || booking.idempotency_key === row.idempotencyKey
    return booking.run_id === row.runId && booking.endpoint === endpoints[row.tool] && sameKey
  })
  match('notice', notifications, mailed, (notice, row) => notice.idempotency_key === row.idempotencyKey)
  const references = bookings.map((each) => each.reference)
  for (const reference of new Set(references)) {
    const times = references.filter((each) => each === reference).length
    if (times !== 1) faults.push(`the bank booked ${reference} ${times} times`)
  }
  return faults
}

type IsOf<T> = (thing: T, row: EffectRow) => boolean

/**
 * Each effect in the ledger has an outcome on record, and the other way round; its key depends on nothing but the run and
 * the place of the ask in it, however often it was attempted (Invariant 4).
 */
function ledgerFaults({ records, effects, row }: StoredRun): string[] {
  const faults: string[] = []
  const ends = new Map(records.map((record) => [record.seq, record]))
  for (const effect of effects) {
    const end = effect.outcomeSeq === null ? undefined : ends.get(effect.outcomeSeq)
    if (end?.type !== 'activity.outcome' || end.effect_id !== effect.effectId)
      faults.push(`effect ${effect.tool} of ${row.runId} has no outcome on record`)
    const key = `sb-${sha256Hex(`${effect.rootRunId}\n${effect.askKey}\n`).slice(0, 40)}`
    if (effect.idempotencyKey !== key) faults.push(`effect ${effect.tool} of ${row.runId} has a key of another origin`)
  }
  const happened = records.filter(
    (record) => record.type === 'activity.outcome' && record.effect !== 'none' && record.status === 'succeeded',
  )
  for (const record of happened) {
    const at = effects.filter((effect) => effect.outcomeSeq === record.seq && effect.state === 'succeeded').length
    const fromLedger = record.type === 'activity.outcome' && record.ledger !== null
    if (at !== 1 && !fromLedger) faults.push(`record ${record.seq} of ${row.runId} has ${at} effects in the ledger`)
  }
  return faults
}

/**
 * An approval is one use (Invariant 7): no second intent may name it, unless what became of the first one is recorded as
 * unknown and not resolved yet.
 */
function approvalFaults(records: readonly RunRecord[]): string[] {
  const used = new Map<string, { readonly seq: number; readonly isOpen: boolean }>()
  const faults: string[] = []
  for (const record of records) {
    if (record.type !== 'activity.intent' && record.type !== 'activity.outcome') continue
    const id = record.approval_id
    const before = id === null ? undefined : used.get(id)
    if (id === null) continue
    if (record.type === 'activity.intent') {
      if (before && !before.isOpen)
        faults.push(`approval ${id} was used in record ${before.seq}, and again in ${record.seq}`)
      used.set(id, { seq: record.seq, isOpen: before?.isOpen ?? false })
    } else if (before) used.set(id, { ...before, isOpen: record.status === 'unknown' })
  }
  return faults
}

type Sums = { -readonly [K in keyof Amounts]: bigint }

/**
 * Adds up what the records say was reserved and settled, over all segments (Invariant 6): a call that was lost and asked
 * again is charged in full, spent and held never go down, no limit is passed, and each checkpoint says the same sum.
 */
function budgetFaults(records: readonly RunRecord[]): string[] {
  const faults: string[] = []
  const [started] = records
  if (started?.type !== 'run.started') return ['the history has no beginning']
  const { max_turns, max_tool_calls, max_tokens, max_cost_nano_usd } = started.budget
  const limits = sums({
    turns: max_turns,
    tool_calls: max_tool_calls,
    tokens: max_tokens,
    cost_nano_usd: max_cost_nano_usd,
  })
  let spent = sums(NO_AMOUNTS)
  let reached = sums(NO_AMOUNTS)
  const held = new Map<string, Sums>()
  for (const record of records) {
    if (record.type === 'activity.intent') {
      // What a lost attempt reserved is spent; nobody can say that it was not used.
      spent = plus(spent, held.get(record.ask.key) ?? sums(NO_AMOUNTS))
      held.set(record.ask.key, sums(record.reserved))
    } else if (record.type === 'activity.outcome' && record.status !== 'unknown') {
      spent = plus(spent, sums(record.settled))
      held.delete(record.ask.key)
    }
    const total = [...held.values()].reduce(plus, spent)
    if (FIELDS.some((field) => total[field] > limits[field])) faults.push(`record ${record.seq} passes a limit`)
    if (FIELDS.some((field) => spent[field] < reached[field])) faults.push(`record ${record.seq} gives something back`)
    reached = spent
    if ('checkpoint' in record && record.checkpoint && !isEqual(sums(record.checkpoint.spent), spent))
      faults.push(
        `the checkpoint in record ${record.seq} says ${text(sums(record.checkpoint.spent))}, not ${text(spent)}`,
      )
  }
  return faults
}

const FIELDS = ['turns', 'tool_calls', 'tokens', 'cost_nano_usd'] as const

function sums(amounts: Amounts): Sums {
  return {
    turns: BigInt(amounts.turns),
    tool_calls: BigInt(amounts.tool_calls),
    tokens: BigInt(amounts.tokens),
    cost_nano_usd: BigInt(amounts.cost_nano_usd),
  }
}

function plus(a: Sums, b: Sums): Sums {
  return {
    turns: a.turns + b.turns,
    tool_calls: a.tool_calls + b.tool_calls,
    tokens: a.tokens + b.tokens,
    cost_nano_usd: a.cost_nano_usd + b.cost_nano_usd,
  }
}

function isEqual(a: Sums, b: Sums): boolean {
  return FIELDS.every((field) => a[field] === b[field])
}

function text(amounts: Sums): string {
  return FIELDS.map((field) => `${field} ${amounts[field]}`).join(', ')
}

/** What a run came to, without what no two runs share: ids, times, keys and what the bank numbers itself (ENGINE R9). */
export interface Story {
  readonly file: JsonValue
  readonly status: string
  readonly output: JsonValue
  readonly state: JsonValue
  readonly asks: readonly JsonValue[]
  readonly effects: readonly string[]
}

/** Tells what a run came to. */
export async function storyOf(run: StoredRun): Promise<Story> {
  const [started] = run.records
  const done = run.records.findLast((record) => record.type === 'run.completed')
  const output = done?.type === 'run.completed' ? done.output : null
  const last = run.records.findLast((record) => record.type === 'superstep.completed')
  if (started?.type !== 'run.started' || last?.type !== 'superstep.completed')
    throw new Error(`run ${run.row.runId} has no barrier`)
  const state: Record<string, JsonValue> = {}
  for (const [name, ref] of Object.entries(last.checkpoint.state)) {
    if (ref === null) state[name] = null
    else if ('list' in ref) state[name] = await listItems(run, name)
    else state[name] = await run.contents.read(ref)
  }
  return {
    file: await run.contents.read(started.input),
    status: run.row.status,
    output: shared(output && (await run.contents.read(output))),
    state: shared(state),
    asks: await asksOf(run),
    effects: run.effects.map((effect) => `${effect.tool} ${effect.askKey} ${effect.state}`).sort(),
  }
}

async function listItems({ records, contents }: StoredRun, name: string): Promise<JsonValue[]> {
  const items: JsonValue[] = []
  for (const record of records)
    if (record.type === 'superstep.completed')
      for (const item of record.appends[name]?.items ?? []) items.push(await contents.read(item))
  return items
}

/** Each ask with its arguments, the decision, the person's answer and how it ended, in the order of their keys. */
async function asksOf({ records, contents }: StoredRun): Promise<JsonValue[]> {
  const asks = new Map<string, JsonValue>()
  for (const record of records) {
    if (record.type !== 'activity.outcome' || record.ask.parent !== null || record.status === 'unknown') continue
    const intent = records.findLast((each) => each.type === 'activity.intent' && each.ask.key === record.ask.key)
    const proposal = record.proposal ?? (intent?.type === 'activity.intent' ? intent.proposal : null)
    const decision = record.decision ?? (intent?.type === 'activity.intent' ? intent.decision : null)
    const answer = records.find(
      (each) =>
        each.type === 'approval.decided' && each.approval_id === record.approval_id && record.approval_id !== null,
    )
    asks.set(record.ask.key, {
      key: record.ask.key,
      name: record.name,
      args: record.kind === 'tool' && proposal?.args ? await contents.read(proposal.args) : null,
      verdict: decision ? `${decision.verdict} ${decision.reason_code}` : null,
      approval: answer?.type === 'approval.decided' ? `${answer.answer} by ${answer.by?.id}` : null,
      status: record.status,
    })
  }
  return [...asks.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, ask]) => ask)
}

const OWN = new Set(['booking_id', 'booked_at', 'idempotency_key', 'run_id'])

function shared(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map((each: JsonValue) => shared(each))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name]) => !OWN.has(name))
      .map(([name, each]) => [name, shared(each)]),
  )
}

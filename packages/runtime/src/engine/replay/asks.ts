import type { JsonObject, JsonValue } from '../../base/json.ts'
import type { ModelMessage } from '../../contracts/model.ts'
import type { ReplayDifference } from '../../contracts/replay.ts'
import type { Proposal } from '../../contracts/records.ts'
import type { WorkflowSpec } from '../../contracts/workflow.ts'
import { type AskJournal, firstOf, proposedBy } from '../../reliability/fold.ts'
import { type JsonDifference, jsonDifference } from '../../reliability/json-difference.ts'
import { askKey } from '../../reliability/keys.ts'
import type { Contents } from '../contents.ts'
import { askName } from '../door/ask.ts'
import { type RecordedStep, stretchKey } from './journal.ts'
import type { AskedAgain } from './port.ts'
import { askedDigest } from '../../reliability/judged.ts'

/** An ask of a replay; of one that is not as on record also the conversation and request as they stood. */
export interface SeenAsk extends AskedAgain {
  readonly said: readonly ModelMessage[]
  readonly request: JsonValue
}

/** Keeps what an ask stood upon, where the record has another one. */
export function seen(recorded: RecordedStep, ask: AskedAgain): SeenAsk {
  const entry = recorded.stretch(ask.activation, ask.attempt, ask.position).asks.get(ask.ordinal)
  const same = entry !== undefined && digestOf(entry) === ask.digest
  return same ? { ...ask, said: [], request: null } : { ...ask, said: [...ask.conversation()], request: ask.args() }
}

/** What is needed to say how the calls of a superstep differ. */
export interface Compared {
  readonly recorded: RecordedStep
  readonly superstep: number
  readonly spec: WorkflowSpec
  /** Opens what is on record. */
  readonly contents: Contents
  /** False for a superstep that is still open on record: what comes after the last record is no difference. */
  readonly closed: boolean
}

/** The first call that differs: changed, added or removed; then the first whose tool takes or gives something else. */
export async function askDifference(compared: Compared, asked: readonly SeenAsk[]): Promise<ReplayDifference | null> {
  const found = await firstMismatch(compared, asked)
  if (found) return found
  for (const one of asked) {
    const entry = entryOf(compared, one)
    const differs = entry && (await toolDifference(compared, one, entry))
    if (differs) return differs
  }
  return null
}

async function firstMismatch(compared: Compared, asked: readonly SeenAsk[]): Promise<ReplayDifference | null> {
  for (const one of asked) {
    const entry = entryOf(compared, one)
    // A question came before anything was proposed: nothing is on record to compare with.
    if (entry && (digestOf(entry) ?? one.digest) === one.digest) continue
    // What an open superstep has not on record was cut off, or comes next.
    if (!entry && isOpen(compared, one.activation)) continue
    // An attempt that is not on record follows a failure that is not: that is told.
    if (one.attempt > 1 && !compared.recorded.failures.has(`${one.activation}/${one.attempt - 1}`)) continue
    return mismatch(compared, asked, one, entry)
  }
  return removed(compared, asked)
}

/** True for an activation whose end is not on record. */
export function isOpen({ closed, recorded }: Compared, activation: string): boolean {
  return !closed && !recorded.results.has(activation)
}

function entryOf({ recorded }: Compared, one: SeenAsk): AskJournal | null {
  return recorded.stretch(one.activation, one.attempt, one.position).asks.get(one.ordinal) ?? null
}

function digestOf(entry: AskJournal): string | null {
  const before = proposedBy(entry)
  return before && askedDigest(before)
}

async function mismatch(
  compared: Compared,
  asked: readonly SeenAsk[],
  one: SeenAsk,
  entry: AskJournal | null,
): Promise<ReplayDifference> {
  const name = nameOf(one)
  if (!entry) return askDifferenceOf(compared, one, null, 'ask_added', `it calls \`${name}\`, which is not on record`)
  const before = proposedBy(entry)
  const stretch = compared.recorded.stretch(one.activation, one.attempt, one.position)
  const askedNow = asked.filter((other) => sameStretch(other, one))
  const isLater = askedNow.some(
    (other) => other.ordinal > one.ordinal && other.digest === (before && askedDigest(before)),
  )
  if (isLater) return askDifferenceOf(compared, one, null, 'ask_added', `it calls \`${name}\` before what is on record`)
  const wasLater = [...stretch.asks].some(([at, other]) => at > one.ordinal && digestOf(other) === one.digest)
  const seq = seqOf(entry)
  if (wasLater)
    return askDifferenceOf(
      compared,
      one,
      seq,
      'ask_removed',
      `it no longer calls \`${before?.name}\` (record ${seq}), and goes on with \`${name}\``,
    )
  if (before?.name !== name)
    return askDifferenceOf(
      compared,
      one,
      seq,
      'ask_changed',
      `it calls \`${name}\` where record ${seq} is a call of \`${before?.name}\``,
      { path: 'name', before: before?.name ?? null, after: name },
    )
  return changedArguments(compared, one, entry, before)
}

function sameStretch(a: SeenAsk, b: SeenAsk): boolean {
  return stretchKey(a.activation, a.attempt, a.position) === stretchKey(b.activation, b.attempt, b.position)
}

function removed(compared: Compared, asked: readonly SeenAsk[]): ReplayDifference | null {
  const now = new Set(asked.map((one) => `${stretchKey(one.activation, one.attempt, one.position)}#${one.ordinal}`))
  for (const [key, { asks }] of compared.recorded.stretches)
    for (const [ordinal, entry] of asks) {
      if (now.has(`${key}#${ordinal}`)) continue
      const { activation, node, key: ask } = entry.ask
      const seq = seqOf(entry)
      const what = `node \`${node}\` no longer calls \`${proposedBy(entry)?.name ?? '?'}\` (record ${seq})`
      return { ...difference(compared, 'ask_removed', what), activation, node, ask, seq }
    }
  return null
}

async function changedArguments(
  compared: Compared,
  one: SeenAsk,
  entry: AskJournal,
  before: Proposal,
): Promise<ReplayDifference> {
  const seq = seqOf(entry)
  const was = await compared.contents.read(before.args)
  const kind = 'ask_changed'
  if (one.spec.kind !== 'model') {
    const found = jsonDifference(was, one.request)
    const what = found
      ? `it calls \`${before.name}\` with another \`${fieldOf(found)}\` than record ${seq}`
      : `it calls \`${before.name}\` otherwise than record ${seq}`
    return askDifferenceOf(compared, one, seq, kind, what, found)
  }
  const parameters = jsonDifference(withoutConversation(was), withoutConversation(one.request))
  const said = await conversationDifference(compared, one)
  const why = parameters ? ` (\`${parameters.path}\` differs)` : ''
  if (said)
    return askDifferenceOf(
      compared,
      one,
      seq,
      kind,
      `it asks model \`${before.name}\` with another conversation than record ${seq}: message ${said.index + 1}, by \`${said.role}\`, differs${why}`,
      said.found,
    )
  const what = parameters
    ? `it asks model \`${before.name}\` with another \`${parameters.path}\` than record ${seq}`
    : `it asks model \`${before.name}\` with another conversation than record ${seq}`
  return askDifferenceOf(compared, one, seq, kind, what, parameters)
}

function withoutConversation(args: JsonValue): JsonValue {
  const { conversation: _head, length: _length, ...rest } = isObject(args) ? args : {}
  return rest
}

/** The first message that differs, when the turn's conversation is on record. */
async function conversationDifference(
  { recorded, contents }: Compared,
  one: SeenAsk,
): Promise<{ readonly index: number; readonly role: string; readonly found: JsonDifference } | null> {
  const save = recorded.saves.get(stretchKey(one.activation, one.attempt, one.position + 1))
  if (!save) return null
  const now = one.said
  const base = save.append.before.length
  for (let i = base; i < now.length; i++) {
    const ref = save.append.items[i - base]
    // A message of the AI SDK is JSON but for its type.
    const message = now[i] as unknown as JsonValue
    const found = jsonDifference(ref ? await contents.read(ref) : undefined, message)
    if (found) return { index: i, role: String(isObject(message) ? message.role : ''), found }
  }
  return null
}

/** The same call, by a tool that fills in, takes or gives something else now. */
async function toolDifference(compared: Compared, one: SeenAsk, entry: AskJournal): Promise<ReplayDifference | null> {
  const before = proposedBy(entry)
  if (one.spec.kind !== 'tool' || !before || before.definition_hash === '') return null
  const seq = seqOf(entry)
  const tool = compared.spec.tools.get(one.spec.tool)
  const at = (what: string, found: JsonDifference | null = null): ReplayDifference =>
    askDifferenceOf(compared, one, seq, 'tool_changed', what, found)
  if (!tool) return at(`tool \`${before.name}\` of record ${seq} is not here any more`)
  const args = await parsed(() => tool.parseInput(one.spec.kind === 'tool' ? one.spec.args : null))
  if ('refused' in args) return at(`tool \`${before.name}\` no longer takes the arguments of record ${seq}`)
  // What a control made of them is on record, and no control is asked again.
  const filled = before.asked_digest ? null : jsonDifference(await compared.contents.read(before.args), args.value)
  if (filled)
    return at(`tool \`${before.name}\` makes another \`${fieldOf(filled)}\` of the arguments of record ${seq}`, filled)
  const { outcome } = entry
  if (outcome?.status === 'succeeded' && outcome.result && outcome.code === null) {
    const was = await compared.contents.read(outcome.result)
    const gives = await parsed(() => tool.parseOutput(was))
    if ('refused' in gives)
      return at(`tool \`${before.name}\` could no longer give the answer of record ${outcome.seq}`)
    const found = jsonDifference(was, gives.value)
    if (found)
      return at(
        `tool \`${before.name}\` makes another \`${fieldOf(found)}\` of the answer of record ${outcome.seq}`,
        found,
      )
  }
  if (tool.definitionHash === before.definition_hash) return null
  return at(`tool \`${before.name}\` is defined differently than at record ${seq}`)
}

async function parsed(parse: () => JsonValue): Promise<{ readonly value: JsonValue } | { readonly refused: true }> {
  try {
    return { value: parse() }
  } catch {
    return { refused: true }
  }
}

/** A difference of a superstep as a whole. */
export function difference(
  { superstep }: Pick<Compared, 'superstep'>,
  kind: ReplayDifference['kind'],
  what: string,
  found: JsonDifference | null = null,
): ReplayDifference {
  return {
    kind,
    superstep,
    node: null,
    activation: null,
    ask: null,
    seq: null,
    what,
    field: found ? found.path || null : null,
    before: found?.before ?? null,
    after: found?.after ?? null,
  }
}

function askDifferenceOf(
  compared: Compared,
  one: SeenAsk,
  seq: number | null,
  kind: ReplayDifference['kind'],
  what: string,
  found: JsonDifference | null = null,
): ReplayDifference {
  const { activation, node, position, ordinal } = one
  const ask = askKey(activation, position, ordinal)
  const told = what.startsWith('it ') ? `node \`${node}\`${what.slice(2)}` : what
  return { ...difference(compared, kind, told, found), node, activation, ask, seq }
}

function nameOf({ spec }: SeenAsk): string {
  return askName(spec)
}

function seqOf(entry: AskJournal): number {
  return (firstOf(entry) ?? entry.questions[0]?.asked)?.seq ?? 0
}

function fieldOf({ path }: JsonDifference): string {
  return path === '' ? 'value' : path
}

function isObject(value: JsonValue): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

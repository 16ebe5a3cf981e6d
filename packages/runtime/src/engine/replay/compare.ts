import type { JsonObject, JsonValue } from '../../base/json.ts'
import type { CheckpointBody, FieldRef } from '../../contracts/checkpoint.ts'
import type { ContentRef } from '../../contracts/common.ts'
import type { ActivationResult, MessageDropped, RunRecord } from '../../contracts/records.ts'
import type { ReplayDifference } from '../../contracts/replay.ts'
import { type JsonDifference, jsonDifference } from '../../reliability/json-difference.ts'
import type { Contents } from '../contents.ts'
import type { Done } from '../done.ts'
import type { RanAgain } from './again.ts'
import { askDifference, type Compared, difference, isOpen } from './asks.ts'
import { stretchKey } from './journal.ts'

/** The first difference between a superstep on record and the same one run again; null when there is none. */
export async function stepDifference(compared: Compared, ran: RanAgain): Promise<ReplayDifference | null> {
  return (
    outsideDifference(compared, ran) ??
    (await askDifference(compared, ran.asked)) ??
    (await saveDifference(compared, ran)) ??
    failureDifference(compared, ran) ??
    (await resultDifference(compared, ran)) ??
    brokenDifference(compared, ran) ??
    (await barrierDifference(compared, ran))
  )
}

function outsideDifference(compared: Compared, { outside }: RanAgain): ReplayDifference | null {
  const [call] = outside
  if (!call) return null
  const what = `code of ${call.activation === null ? 'the workflow' : `\`${call.activation}\``} goes out to \`${call.host}\` by itself; use a tool instead`
  return { ...difference(compared, 'outside_call', what), activation: call.activation }
}

/** What an agent saved after each turn: its conversation and its small state. */
async function saveDifference(compared: Compared, ran: RanAgain): Promise<ReplayDifference | null> {
  const { recorded, contents } = compared
  const saved = ran.records.filter((record) => record.type === 'position.saved')
  const now = new Map(saved.map((one) => [stretchKey(one.activation, one.attempt, one.position), one]))
  for (const [key, before] of recorded.saves) {
    const { node, activation, seq, position } = before
    const at = (what: string, found: JsonDifference | null = null): ReplayDifference => ({
      ...difference(compared, 'save_point', what, found),
      node,
      activation,
      seq,
    })
    const after = now.get(key)
    if (!after) return at(`node \`${node}\` does not come to the save point after turn ${position} (record ${seq})`)
    if (after.list.head !== before.list.head || after.list.length !== before.list.length)
      return at(
        `the conversation of node \`${node}\` after turn ${position} is another one than at record ${seq}`,
        await listDifference(contents, before.append.items, ran.contents, after.append.items),
      )
    const was = await contents.read(before.state)
    const found = jsonDifference(was, asTold(was, await ran.contents.read(after.state)))
    if (found) return at(`the state of node \`${node}\` at the save point of record ${seq} differs`, found)
  }
  return null
}

/** A later version may save more of itself; what the record does not tell is no difference. */
function asTold(was: JsonValue, now: JsonValue): JsonValue {
  if (!isObject(was) || !isObject(now)) return now
  return Object.fromEntries(Object.entries(now).filter(([name]) => Object.hasOwn(was, name)))
}

function isObject(value: JsonValue): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

async function listDifference(
  contents: Contents,
  before: readonly ContentRef[],
  nowContents: Contents,
  after: readonly ContentRef[],
): Promise<JsonDifference | null> {
  const was = await Promise.all(before.map((ref) => contents.read(ref)))
  const is = await Promise.all(after.map((ref) => nowContents.read(ref)))
  return jsonDifference(was, is)
}

function failureDifference(compared: Compared, ran: RanAgain): ReplayDifference | null {
  const { recorded } = compared
  const failed = ran.records.filter((record) => record.type === 'activation.failed')
  const now = new Map(failed.map((one) => [`${one.activation}/${one.attempt}`, one]))
  for (const [key, before] of recorded.failures) {
    const after = now.get(key)
    if (after?.code === before.code && (after.retry_at === null) === (before.retry_at === null)) continue
    const { node, activation, attempt, seq } = before
    const then = after ? `fails with ${after.code}` : 'does not fail'
    const what = `attempt ${attempt} of node \`${node}\` ${then}, and failed with ${before.code} at record ${seq}`
    return { ...difference(compared, 'failure', what), node, activation, seq }
  }
  for (const [key, after] of now) {
    // In a superstep that is still open it would have failed after what is on record.
    if (recorded.failures.has(key) || isOpen(compared, after.activation)) continue
    const { node, activation, attempt, code } = after
    return {
      ...difference(compared, 'failure', `attempt ${attempt} of node \`${node}\` fails with ${code} now`),
      node,
      activation,
    }
  }
  return null
}

/** What each activation wrote, sent or was rejected with. */
async function resultDifference(compared: Compared, ran: RanAgain): Promise<ReplayDifference | null> {
  const now = new Map(ran.done.map((done) => [done.activation, done]))
  for (const [activation, before] of compared.recorded.results) {
    const after = now.get(activation)
    const { node } = before
    if (!after && ran.broken) continue
    const found = after ? await oneResult(compared.contents, before, after) : 'does not come to its end'
    if (found === null) continue
    const what = typeof found === 'string' ? found : found.what
    const detail = typeof found === 'string' ? null : found.found
    return { ...difference(compared, 'result', `node \`${node}\` ${what}`, detail), node, activation }
  }
  return null
}

async function oneResult(
  contents: Contents,
  before: ActivationResult,
  after: Done,
): Promise<{ readonly what: string; readonly found: JsonDifference | null } | string | null> {
  const fields = (writes: readonly { readonly field: string }[]): string => writes.map((one) => one.field).join(', ')
  if (fields(before.writes) !== fields(after.writes))
    return `writes ${fields(after.writes) || 'nothing'}, and wrote ${fields(before.writes) || 'nothing'}`
  for (const [i, { field, value }] of before.writes.entries()) {
    const found = jsonDifference(await contents.read(value), after.writes[i]?.value)
    if (found) return { what: `writes another \`${joined(field, found.path)}\``, found }
  }
  if ((before.rejection === null) !== (after.rejection === null))
    return before.rejection === null ? 'ends in a rejection now' : 'does not end in a rejection any more'
  for (const [name, was, is] of [
    ['message', before.message, after.message],
    ['rejection', before.rejection, after.rejection],
  ] as const) {
    const found = jsonDifference(was ? await contents.read(was) : null, is ? is.value : null)
    if (found) return { what: `gives another ${name}${found.path === '' ? '' : `: \`${found.path}\` differs`}`, found }
  }
  return null
}

function joined(field: string, path: string): string {
  if (path === '') return field
  return path.startsWith('[') ? `${field}${path}` : `${field}.${path}`
}

function brokenDifference(compared: Compared, { broken }: RanAgain): ReplayDifference | null {
  if (!broken) return null
  const waits = broken.code === 'NONDETERMINISTIC_WAIT'
  // Of an open superstep no end is on record; failures that are were compared above.
  if (!compared.closed && !waits) return null
  const kind = waits ? 'waits' : 'failure'
  return difference(compared, kind, `superstep ${compared.superstep} comes to no end: ${broken.code}`)
}

async function barrierDifference(compared: Compared, ran: RanAgain): Promise<ReplayDifference | null> {
  const { closing } = compared.recorded
  if (closing?.type !== 'superstep.completed') return null
  const made = ran.records.find((record) => record.type === 'superstep.completed')
  if (!made) return difference(compared, 'failure', `superstep ${compared.superstep} does not come to its barrier`)
  const drops = ran.records.filter((record) => record.type === 'message.dropped')
  const found =
    (await checkpointDifference(compared, closing.checkpoint, ran.contents, made.checkpoint)) ??
    (await dropDifference(compared, ran.contents, drops))
  return found && { ...found, seq: closing.seq }
}

/** The first difference between two checkpoints: state, messages, buffers, requests, outputs. */
export async function checkpointDifference(
  compared: Pick<Compared, 'contents' | 'superstep'>,
  before: CheckpointBody,
  nowContents: Contents,
  after: CheckpointBody,
): Promise<ReplayDifference | null> {
  const { contents } = compared
  for (const name of [...new Set([...Object.keys(before.state), ...Object.keys(after.state)])].sort()) {
    const found = await fieldDifference(contents, before.state[name] ?? null, nowContents, after.state[name] ?? null)
    if (found) {
      const what = `state field \`${name}\` is another one after superstep ${compared.superstep}`
      return difference(compared, 'state', what, { ...found, path: joined(name, found.path) })
    }
  }
  const [was, is] = [await opened(contents, before), await opened(nowContents, after)]
  for (const [name, kind] of PARTS) {
    const found = jsonDifference(was[name], is[name])
    if (!found) continue
    const what = `${WORDS[name]} after superstep ${compared.superstep} ${found.path.includes('.value') ? 'have other values' : 'are others'}`
    return difference(compared, kind, what, { ...found, path: joined(name, found.path) })
  }
  return null
}

const PARTS = [
  ['messages', 'message'],
  ['buffers', 'message'],
  ['requests', 'message'],
  ['sessions', 'state'],
  ['outputs', 'output'],
] as const

const WORDS = {
  messages: 'the messages',
  buffers: 'what fan-ins hold',
  requests: 'the requests to people',
  sessions: 'the kept conversations',
  outputs: 'the outputs',
} as const

/** A checkpoint without ids and times: what R9 says is the same however often it is made. */
async function opened(contents: Contents, checkpoint: CheckpointBody) {
  const { queue, fan_in: fanIn, requests, outputs, sessions = {} } = checkpoint
  const all = <T, R>(items: readonly T[], each: (item: T) => Promise<R>): Promise<R[]> => Promise.all(items.map(each))
  const buffers: Record<string, Record<string, JsonValue[]>> = {}
  for (const [edge, sources] of Object.entries(fanIn)) {
    const held: Record<string, JsonValue[]> = {}
    for (const [source, refs] of Object.entries(sources)) held[source] = await all(refs, (ref) => contents.read(ref))
    buffers[edge] = held
  }
  return {
    messages: await all(queue, async ({ to, from, edge, message }) => ({
      to,
      from,
      edge,
      value: await contents.read(message),
    })),
    buffers,
    sessions: Object.fromEntries(Object.entries(sessions).map(([node, { head, length }]) => [node, { head, length }])),
    requests: await all(requests, async ({ node, payload }) => ({ node, value: await contents.read(payload) })),
    outputs: await all(outputs, async ({ node, value }) => ({ node, value: await contents.read(value) })),
  }
}

async function fieldDifference(
  contents: Contents,
  before: FieldRef,
  nowContents: Contents,
  after: FieldRef,
): Promise<JsonDifference | null> {
  if (before === null || after === null)
    return before === after ? null : { path: '', before: undefined, after: undefined }
  if ('list' in before || 'list' in after) {
    const same = 'list' in before && 'list' in after && before.head === after.head && before.length === after.length
    return same ? null : { path: '', before: lengthOf(before), after: lengthOf(after) }
  }
  return jsonDifference(await contents.read(before), await nowContents.read(after))
}

function lengthOf(ref: Exclude<FieldRef, null>): JsonValue {
  return 'list' in ref ? `${ref.length} items` : 'a value'
}

async function dropDifference(
  compared: Compared,
  nowContents: Contents,
  drops: readonly MessageDropped[],
): Promise<ReplayDifference | null> {
  const told = (list: readonly MessageDropped[], contents: Contents) =>
    Promise.all(
      list.map(async ({ from, edge, reason, message }) => ({
        from,
        edge,
        reason,
        value: await contents.read(message),
      })),
    )
  const found = jsonDifference(await told(compared.recorded.drops, compared.contents), await told(drops, nowContents))
  return found && difference(compared, 'dropped', 'other messages reach nobody', found)
}

/** What a record of the end says of the output. */
export async function outputDifference(
  compared: Pick<Compared, 'contents' | 'superstep'>,
  ended: Extract<RunRecord, { type: 'run.completed' }>,
  nowContents: Contents,
  made: readonly RunRecord[],
): Promise<ReplayDifference | null> {
  const now = made.find((record) => record.type === 'run.completed')
  if (!now) return { ...difference(compared, 'output', 'the run comes to no output'), seq: ended.seq }
  const was = ended.output && (await compared.contents.read(ended.output))
  const is = now.output && (await nowContents.read(now.output))
  const found = jsonDifference(was, is)
  return found && { ...difference(compared, 'output', 'the output is another one', found), seq: ended.seq }
}

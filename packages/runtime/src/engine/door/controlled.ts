import { canonicalJson, type JsonObject, type JsonValue } from '../../base/json.ts'
import type { ModelMessage } from '../../contracts/model.ts'
import type { InterventionPoint } from '../../contracts/policy.ts'
import { asksOf, BUNDLE_ELEMENT, bundleElement, type Controlled, type Ruling } from '../../policy/index.ts'
import { firstOf } from '../../reliability/fold.ts'
import { answeredBy, controlsAt, runControls } from '../chain.ts'
import type { Ask } from './ask.ts'

/**
 * Asks the controls of a call about its arguments or messages, once: what they answered, and what they made of the value,
 * is read from the record after a resume, as long as the same controls in the same versions are in force. What came out is
 * what is decided, approved and sent.
 */
export async function controlAsk(ask: Ask, point: InterventionPoint, first: Ruling): Promise<void> {
  const recorded = await onRecord(ask, point, first)
  const controlled = askedUnder(recorded ?? (await runNow(ask, point, first)), first)
  ask.controlled = controlled
  if (controlled.changed) applyChange(ask, controlled)
}

/** The answers of the controls beside another answer of the bundle about what was asked for. */
export function askedUnder(controlled: Controlled, first: Ruling): Controlled {
  const elements = controlled.elements.filter(({ element }) => element !== BUNDLE_ELEMENT)
  return { ...controlled, elements: [bundleElement(first), ...elements], asks: [...first.asks, ...asksOf(elements)] }
}

/**
 * Asks the controls about what a reviewer made of the arguments. False where one would change them once more: then they are
 * not what the reviewer approved.
 */
export async function controlEdit(ask: Ask, point: InterventionPoint, first: Ruling): Promise<boolean> {
  const controlled = await runNow(ask, point, first)
  ask.controlled = askedUnder(controlled, first)
  return !controlled.changed
}

function runNow(ask: Ask, point: InterventionPoint, first: Ruling): Promise<Controlled> {
  const { run, labels } = ask
  const value = askedValue(ask)
  return runControls(run, {
    first,
    request: {
      point,
      run: { id: run.runId, workflow: run.spec.name, agent: ask.agent, mode: run.env.mode },
      principal: run.principal,
      action: { name: ask.name, class: ask.class, effect: ask.shownEffect ?? ask.effect },
    },
    value,
    labels,
    fits: (changed) => void (ask.spec.kind === 'model' ? messagesOf(value, changed) : ask.tool?.parseInput(changed)),
  })
}

/** The answers that the ask's first record tells, when they are those of the controls in force. */
async function onRecord(ask: Ask, point: InterventionPoint, first: Ruling): Promise<Controlled | null> {
  const record = firstOf(ask.journal())
  const decision = record && 'decision' in record ? record.decision : null
  if (!record?.proposal || !answeredBy(decision?.elements, controlsAt(ask.run.env, point))) return null
  const { proposal } = record
  const unchanged = {
    elements: decision?.elements ?? [],
    asks: first.asks,
    value: askedValue(ask),
    labels: ask.labels,
    changed: false,
  }
  if (proposal.asked_digest === undefined) return unchanged
  const args = await ask.run.contents.read(proposal.args)
  const value = ask.spec.kind === 'model' ? withChanges(askedValue(ask), changesIn(args)) : args
  return { ...unchanged, value, labels: proposal.labels, changed: true }
}

/** What controls see of a call. */
function askedValue(ask: Ask): JsonValue {
  // Messages of the AI SDK are JSON but for their type.
  return ask.request ? (ask.request.messages as unknown as JsonValue) : ask.args
}

/** Puts what the controls made in the place of what was asked for. */
function applyChange(ask: Ask, { value, labels }: Controlled): void {
  const { spec, run, request } = ask
  if (spec.kind !== 'model') {
    const args = ask.tool ? ask.tool.parseInput(value) : value
    ask.change(args, digestOf(ask, args), labels)
    return
  }
  if (!request) return
  const before = askedValue(ask)
  const messages = messagesOf(before, value)
  const args = { ...asObject(ask.args), changed: changes(before, value) }
  ask.request = { ...request, messages }
  ask.change(args, run.sealer.digest(canonicalJson([spec.kind, ask.name, args])), labels)
}

function digestOf(ask: Ask, args: JsonValue): string {
  const undoes = ask.undoes ? [ask.undoes.effect_id] : []
  return ask.run.sealer.digest(canonicalJson([ask.spec.kind, ask.name, args, ...undoes]))
}

/** Messages that a control gave: as many as before, each of the same role. Throws for anything else. */
function messagesOf(before: JsonValue, after: JsonValue): readonly ModelMessage[] {
  const [was, now] = [listOf(before), listOf(after)]
  const same =
    was.length === now.length &&
    now.every((one, i) => {
      const [a, b] = [asObject(was[i] ?? null), asObject(one)]
      return a.role === b.role && typeof a.content === typeof b.content && isContent(b.content)
    })
  if (!same) throw new TypeError('messages can be changed, but none added, left out or given to another role')
  // Each has the role and the kind of content of a message of the AI SDK, looked at above.
  return now as unknown as readonly ModelMessage[]
}

function isContent(content: JsonValue | undefined): boolean {
  return typeof content === 'string' || Array.isArray(content)
}

/** The messages that differ, with their places: the others are on record in the conversation. */
function changes(before: JsonValue, after: JsonValue): JsonValue {
  const was = listOf(before)
  return listOf(after).flatMap((message, at) =>
    canonicalJson(message) === canonicalJson(was[at] ?? null) ? [] : [{ at, message }],
  )
}

function changesIn(args: JsonValue): readonly { readonly at: number; readonly message: JsonValue }[] {
  return listOf(asObject(args).changed ?? []).flatMap((one) => {
    const { at, message } = asObject(one)
    return typeof at === 'number' && message !== undefined ? [{ at, message }] : []
  })
}

function withChanges(
  before: JsonValue,
  changed: readonly { readonly at: number; readonly message: JsonValue }[],
): JsonValue {
  const messages = [...listOf(before)]
  for (const { at, message } of changed) messages[at] = message
  return messages
}

function listOf(value: JsonValue): readonly JsonValue[] {
  // An array of JSON values holds JSON values.
  return Array.isArray(value) ? (value as readonly JsonValue[]) : []
}

function asObject(value: JsonValue): JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : {}
}

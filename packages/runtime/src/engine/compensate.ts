import { SignalboxError, toSignalboxError } from '../base/errors.ts'
import type { JsonValue } from '../base/json.ts'
import { joinLabels, type Labels } from '../contracts/common.ts'
import {
  COMPENSATION_WORKFLOW,
  type CompensateRequest,
  type CompensationItem,
  type CompensationPlan,
  type CompensationResult,
} from '../contracts/compensation.ts'
import type { ActivityIntent, ActivityOutcome, RunRecord, RunStarted } from '../contracts/records.ts'
import type { EffectRow, RunRow } from '../contracts/store.ts'
import type { ToolSpec } from '../contracts/tool.ts'
import type { Sealer } from '../contracts/vault.ts'
import { decodeRecord } from '../reliability/chain.ts'
import { judgeUndo, type RecordedEffect, undoIdentity, UNDO_SCOPE } from '../reliability/compensation.ts'
import { isEnded } from '../reliability/run-machine.ts'
import { type CompensationInput, MOST_UNDOS } from './compensation-workflow.ts'
import { Contents } from './contents.ts'
import type { Env } from './env.ts'
import { readStarted } from './load.ts'
import { createRun, findWorkflow } from './start.ts'

interface Judged {
  readonly effect: RecordedEffect
  readonly item: CompensationItem
  /** What the undo is called with; null unless it is undoable. */
  readonly call: { readonly undo: string; readonly args: JsonValue; readonly labels: Labels } | null
}

/** What can be undone of a run, newest effect first, over all its branches. Reads only. */
export async function compensationPlan(env: Env, row: RunRow): Promise<CompensationPlan> {
  const started = await readStarted(env, row.tenant, row.runId)
  const judged = await judge(env, row, started)
  return { run: row.runId, refused: refusedWhole(row, started), items: judged.map(({ item }) => item) }
}

/**
 * Starts the run that undoes effects of an ended run, in reverse order of completion: an ordinary governed run, linked
 * to the one that it compensates. An effect is undone once at most, however often and by however many this is asked.
 * Throws RUN_STATE, COMPENSATION_REFUSED naming every chosen effect that cannot be undone, FORBIDDEN, KILL_SWITCH.
 */
export async function compensate(
  env: Env,
  row: RunRow,
  request: CompensateRequest,
): Promise<{ readonly runId: string; readonly existed: boolean }> {
  const started = await readStarted(env, row.tenant, row.runId)
  const refused = refusedWhole(row, started)
  if (refused !== null) throw new SignalboxError('RUN_STATE', `run \`${row.runId}\` cannot be compensated: ${refused}`)
  const judged = await judge(env, row, started)
  const chosen = choose(judged, request)
  const input: CompensationInput = {
    run: row.runId,
    reason: request.reason,
    on_failure: request.onFailure ?? 'stop',
    steps: chosen.map(stepOf),
    left: judged.filter((each) => !chosen.includes(each)).map((each) => leftOf(each.item)),
  }
  return createRun(
    env,
    findWorkflow(env, COMPENSATION_WORKFLOW),
    {
      workflow: COMPENSATION_WORKFLOW,
      input,
      principal: request.by,
      // The same person's data: what erases them there erases them here.
      subject: row.subject,
      ...(request.requestId === undefined ? {} : { requestId: request.requestId }),
    },
    { compensates: { run: row.runId, seq: row.seq, head: row.head } },
  )
}

function refusedWhole(row: RunRow, started: RunStarted): string | null {
  if (started.compensates) return 'it is a compensation itself; do again what it undid by an ordinary run'
  if (!isEnded(row.status)) return `it is \`${row.status}\`; cancel it or wait for its end`
  return null
}

/** The steps that were chosen, in the plan's order. Throws COMPENSATION_REFUSED with every reason at once. */
function choose(judged: readonly Judged[], request: CompensateRequest): readonly Judged[] {
  const wanted = request.effects
  const unknown = (wanted ?? []).filter((seq) => judged.every(({ item }) => item.seq !== seq))
  const named = wanted ? judged.filter(({ item }) => wanted.includes(item.seq)) : judged.filter(({ call }) => call)
  const reasons = [
    ...unknown.map((seq) => `record ${seq} is no effect of this run`),
    ...named.filter(({ call }) => !call).map(({ item }) => `${nameOf(item)}: ${item.why}`),
    ...named.filter((each) => each.call && isShared(each) && request.shared !== true).map(sharedReason),
  ]
  if (named.length === 0 && reasons.length === 0) reasons.push('there is nothing that can be undone')
  if (named.length > MOST_UNDOS) reasons.push(`these are ${named.length}; name at most ${MOST_UNDOS} at a time`)
  if (reasons.length === 0) return named
  throw new SignalboxError('COMPENSATION_REFUSED', `run \`${request.runId}\`: ${reasons.join('; ')}`, {
    details: { reasons },
  })
}

function nameOf({ seq, tool }: CompensationItem): string {
  return `\`${tool}\` (record ${seq})`
}

function isShared({ item }: Judged): boolean {
  return item.sharedWith.length > 0
}

function sharedReason({ item }: Judged): string {
  return `${nameOf(item)} is taken for done by ${item.sharedWith.join(', ')} too; say that shared effects are meant`
}

function stepOf({ item, call, effect }: Judged): CompensationInput['steps'][number] {
  if (!call) throw new SignalboxError('INTERNAL', 'a chosen effect has no undo')
  return {
    undoes: { run: effect.row.runId, seq: item.seq, tool: item.tool, effect_id: item.effectId },
    undo: call.undo,
    args: call.args,
    labels: call.labels,
  }
}

function leftOf(item: CompensationItem): CompensationResult['left'][number] {
  const { seq, effectId: effect_id, tool, state, why } = item
  const chosenNot = state === 'undoable'
  return { seq, effect_id, tool, why: chosenNot ? 'not_chosen' : state, code: null, reason: chosenNot ? '' : why }
}

/** Every effect of the run that happened or may have, newest first. */
async function judge(env: Env, row: RunRow, started: RunStarted): Promise<readonly Judged[]> {
  const sealer = await env.vault.sealer(row.tenant, row.subject)
  const contents = new Contents({ store: env.store, vault: env.vault, tenant: row.tenant, runId: row.runId, sealer })
  const judged: Judged[] = []
  for (const effect of await readEffects(env, row, started, sealer)) {
    const item = judgeUndo(effect, env.host.now())
    judged.push(item.state === 'undoable' ? await withCall(effect, item, contents, row) : { effect, item, call: null })
  }
  return judged.sort((a, b) => b.item.seq - a.item.seq)
}

const HAPPENED: readonly EffectRow['state'][] = ['succeeded', 'unknown', 'open']

async function readEffects(
  env: Env,
  row: RunRow,
  started: RunStarted,
  sealer: Sealer,
): Promise<readonly RecordedEffect[]> {
  const { tenant, runId } = row
  const family = await env.store.effects(tenant, rootOf(started))
  const own = family.filter(
    (each) => each.runId === runId && each.scope !== UNDO_SCOPE && HAPPENED.includes(each.state),
  )
  const seqs = own.flatMap(({ intentSeq, outcomeSeq }) => (outcomeSeq === null ? [intentSeq] : [intentSeq, outcomeSeq]))
  const stored = await env.store.recordsAt(tenant, runId, [...new Set(seqs)])
  const records = new Map(stored.map((each) => [each.seq, decodeRecord(each)]))
  const shared = await sharedEffects(env, row, family)
  const found: RecordedEffect[] = []
  for (const each of own) {
    const intent = records.get(each.intentSeq)
    if (intent?.type !== 'activity.intent') continue
    found.push({
      row: each,
      intent,
      outcome: happened(each, records.get(each.outcomeSeq ?? 0)),
      undo: await env.store.effect(tenant, each.tool, UNDO_SCOPE, undoIdentity(sealer, each.effectId)),
      tool: toolOf(env, row, intent),
      sharedWith: shared.get(each.effectId) ?? [],
    })
  }
  return found
}

function rootOf(started: RunStarted): string {
  return started.parent?.run ?? started.run
}

function happened(row: EffectRow, record: RunRecord | undefined): ActivityOutcome | null {
  return row.state === 'succeeded' && record?.type === 'activity.outcome' ? record : null
}

/** The tool of the run's own workflow version; else the newest of that name that is loaded. */
function toolOf(env: Env, row: RunRow, intent: ActivityIntent): ToolSpec | null {
  const { name } = intent.proposal
  const own = env.workflows.get(row.signature)?.tools.get(name)
  if (own) return own
  return [...env.workflows.values()].flatMap((spec) => spec.tools.get(name) ?? []).at(-1) ?? null
}

/** Runs of the family that were answered with an effect of this run, by the effect's id. */
async function sharedEffects(
  env: Env,
  row: RunRow,
  family: readonly EffectRow[],
): Promise<ReadonlyMap<string, readonly string[]>> {
  const shared = new Map<string, string[]>()
  const others = new Set(family.map((each) => each.runId).filter((id) => id !== row.runId))
  for (const runId of others) {
    const outcomes = await env.store.records(row.tenant, runId, { types: ['activity.outcome'] })
    for (const record of outcomes.map(decodeRecord)) {
      if (record.type !== 'activity.outcome' || record.ledger?.run !== row.runId || !record.effect_id) continue
      const runs = shared.get(record.effect_id) ?? []
      if (!runs.includes(runId)) shared.set(record.effect_id, [...runs, runId])
    }
  }
  return shared
}

/** Makes the undo's arguments from what was recorded. Where that cannot be done the item says why. */
async function withCall(
  effect: RecordedEffect,
  item: CompensationItem,
  contents: Contents,
  row: RunRow,
): Promise<Judged> {
  const { intent, outcome, tool } = effect
  const undo = tool?.undo
  if (!tool || !undo || undo === 'impossible' || !outcome?.result)
    return refuse(effect, item, 'its result is not on record')
  try {
    const args = tool.parseInput(await contents.read(intent.proposal.args))
    const output = await contents.read(outcome.result)
    const ctx = { runId: row.runId, tenant: row.tenant, idempotencyKey: intent.idempotency_key, at: outcome.at }
    const made = undo.args(args, output, ctx)
    const labels = joinLabels([intent.proposal.labels, outcome.result.l])
    return { effect, item, call: { undo: undo.tool.name, args: made, labels } }
  } catch (thrown) {
    return refuse(effect, item, toSignalboxError(thrown, 'COMPENSATION_REFUSED').message)
  }
}

function refuse(effect: RecordedEffect, item: CompensationItem, why: string): Judged {
  return { effect, item: { ...item, state: 'refused', why }, call: null }
}

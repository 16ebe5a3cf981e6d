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
import { toolsWithin, type WorkflowSpec } from '../contracts/workflow.ts'
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
  const judged = await judge(env, row)
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
  const judged = await judge(env, row)
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
async function judge(env: Env, row: RunRow): Promise<readonly Judged[]> {
  const sealer = await env.vault.sealer(row.tenant, row.subject)
  const contents = new Contents({ store: env.store, vault: env.vault, tenant: row.tenant, runId: row.runId, sealer })
  const judged: Judged[] = []
  for (const effect of await readEffects(env, row, sealer)) {
    const item = judgeUndo(effect, env.host.now())
    judged.push(item.state === 'undoable' ? await withCall(effect, item, contents, row) : { effect, item, call: null })
  }
  return judged.sort((a, b) => b.item.seq - a.item.seq)
}

const HAPPENED: readonly EffectRow['state'][] = ['succeeded', 'unknown', 'open']

async function readEffects(env: Env, row: RunRow, sealer: Sealer): Promise<readonly RecordedEffect[]> {
  const { tenant, runId } = row
  const rows = await env.store.runEffects(tenant, runId)
  const own = rows.filter((each) => each.scope !== UNDO_SCOPE && HAPPENED.includes(each.state))
  const seqs = own.flatMap(({ intentSeq, outcomeSeq }) => (outcomeSeq === null ? [intentSeq] : [intentSeq, outcomeSeq]))
  const stored = await env.store.recordsAt(tenant, runId, [...new Set(seqs)])
  const records = new Map(stored.map((each) => [each.seq, decodeRecord(each)]))
  const forks = own.length === 0 ? [] : await readForks(env, row)
  const found: RecordedEffect[] = []
  for (const each of own) {
    const intent = records.get(each.intentSeq)
    if (intent?.type !== 'activity.intent') continue
    const outcome = happened(each, records.get(each.outcomeSeq ?? 0))
    found.push({
      row: each,
      intent,
      outcome,
      undo: await env.store.effect(tenant, each.tool, UNDO_SCOPE, undoIdentity(sealer, each.effectId)),
      tool: toolOf(env, row, intent),
      sharedWith: forks.filter((fork) => outcome && takesForDone(fork, outcome)).map(({ run }) => run),
    })
  }
  return found
}

function happened(row: EffectRow, record: RunRecord | undefined): ActivityOutcome | null {
  return row.state === 'succeeded' && record?.type === 'activity.outcome' ? record : null
}

/** The tool of the run's own workflow version; else the newest of that name that is loaded. */
function toolOf(env: Env, row: RunRow, intent: ActivityIntent): ToolSpec | null {
  const { name } = intent.proposal
  const find = (spec: WorkflowSpec): ToolSpec | undefined => toolsWithin(spec).find((tool) => tool.name === name)
  const own = env.workflows.get(row.signature)
  return (own && find(own)) ?? [...env.workflows.values()].flatMap((spec) => find(spec) ?? []).at(-1) ?? null
}

interface Fork {
  readonly run: string
  /** The record of the compensated run from which the fork, or its ancestor, goes on. */
  readonly from: number
  /** Records of the compensated run that the fork was answered with from the ledger. */
  readonly answered: ReadonlySet<number>
}

/** All forks of a run and their forks. */
async function readForks(env: Env, row: RunRow): Promise<readonly Fork[]> {
  const found: Fork[] = []
  const next: { readonly of: string; readonly from: number | null }[] = [{ of: row.runId, from: null }]
  for (let at = next.shift(); at; at = next.shift())
    for (const run of await env.store.forks(row.tenant, at.of)) {
      const stored = await env.store.records(row.tenant, run, { types: ['run.started', 'activity.outcome'] })
      const records = stored.map(decodeRecord)
      const started = records.find((record) => record.type === 'run.started')
      const from = at.from ?? started?.parent?.seq ?? 0
      const answers = records.flatMap((record) =>
        record.type === 'activity.outcome' && record.ledger?.run === row.runId ? [record.ledger.seq] : [],
      )
      found.push({ run, from, answered: new Set(answers) })
      next.push({ of: run, from })
    }
  return found
}

/** True where a fork starts behind the effect, or was answered with it. */
function takesForDone(fork: Fork, outcome: ActivityOutcome): boolean {
  return outcome.seq <= fork.from || fork.answered.has(outcome.seq)
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
    const args = tool.parseInput(await contents.read((intent.proposal.edited ?? intent.proposal).args))
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

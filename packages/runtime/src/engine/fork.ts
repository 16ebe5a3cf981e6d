import { SignalboxError } from '../base/errors.ts'
import { askedNotice } from '../contracts/notices.ts'
import { newId, newRunId } from '../base/ids.ts'
import { isoTime } from '../base/time.ts'
import type { CheckpointBody, OpenRequest } from '../contracts/checkpoint.ts'
import { OPERATOR_LABELS } from '../contracts/common.ts'
import {
  type ForkParent,
  type ForkPlanEntry,
  RECORD_VERSION,
  type RunRecord,
  type RunStarted,
} from '../contracts/records.ts'
import type { ForkChoice, ForkRequest } from '../contracts/runtime.ts'
import {
  type EffectRow,
  holdsIdentity,
  type PersonRequestRow,
  type RunRow,
  type StoredRecord,
} from '../contracts/store.ts'
import { portNamed, type WorkflowSpec } from '../contracts/workflow.ts'
import { definitionId } from '../orchestration/index.ts'
import { CHAIN_START, decodeRecord, encodeRecord } from '../reliability/chain.ts'
import { adoptedEffects } from '../reliability/fold.ts'
import { openRequestsIn } from '../reliability/fold-scopes.ts'
import { copiesOf, forkedCheckpoint, heldBy, takenOver } from '../reliability/fork.ts'
import { isOnWay } from '../reliability/family.ts'
import { nodePath } from '../base/scope-id.ts'
import { lineageTerms } from '../observability/index.ts'
import { traceIdOf } from '../base/trace-id.ts'
import { onTimeline } from '../reliability/timeline.ts'
import { standingOf } from './definitions.ts'
import { buildOf } from './build.ts'
import type { Env } from './env.ts'
import { findPoint, openAtPoint, type Point, refuseChanged, refuseErased, rootOf, rowOf, wayToPoint } from './move.ts'
import { DEFAULT_DEADLINE_SECONDS } from './ports.ts'
import { specInside } from './scope.ts'
import { noRunLeft, refuseUnlessPermitted, refuseWhenSwitchedOff, startCharges } from './start.ts'
import { tellStored } from './stored-channel.ts'

/**
 * Makes a new run from any recorded event of another (invariant 11, ENGINE fork). The original is only read. The new run
 * starts with the checkpoint before the point, the records of the superstep that was open there, and the totals of that
 * moment; its effects are matched against those of its whole family, so that none happens twice.
 */
export async function forkRun(
  env: Env,
  row: RunRow,
  request: ForkRequest,
): Promise<{ readonly runId: string; readonly existed: boolean }> {
  const point = await findPoint(env, row, request.seq)
  await refuseChanged(env, row, point)
  const spec = specOf(env, row, point)
  const { started } = point.was
  refuseUnlessPermitted(env, spec, started.principal)
  await refuseWhenSwitchedOff(env, row.tenant, spec)
  const effects = await env.store.effects(row.tenant, rootOf(row, point))
  refuseOpenAtPoint(row, point, effects)
  await refuseErased(env, row, point)
  const plan = planOf(row, laterEffects(row, point, effects), request.plan ?? [])
  const made = await new Fork(env, row, spec, point, plan, request).records()
  const { genesis, copied, requests, runId } = made
  const { definition } = point.was.fold
  const result = await env.store.create({
    tenant: row.tenant,
    runId,
    workflow: row.workflow,
    version: definition.version,
    signature: definitionId(row.workflow, definition),
    requestId: request.requestId ?? runId,
    principal: row.principal,
    subject: row.subject,
    createdAt: env.host.now(),
    genesis,
    terms: lineageTerms(row.tenant, decodeRecord(genesis)),
    copied,
    requests,
    notices: requests.map(askedNotice),
    superstep: point.was.fold.checkpoint.superstep,
    costNanoUsd: made.costNanoUsd,
    ...startCharges(env, spec, started.principal),
  })
  if (result.status === 'refused') throw noRunLeft(spec, result.scope)
  if (result.status === 'exists') return { runId: result.runId, existed: true }
  tellStored(runId, [genesis, ...copied])
  env.scheduler.start({ tenant: row.tenant, runId })
  return { runId, existed: false }
}

/** The definition that will go on with the fork: the one that it is with, or one that takes it over. */
function specOf(env: Env, row: RunRow, { was }: Point): WorkflowSpec {
  const standing = standingOf(env, row.workflow, was.fold.definition)
  if (standing.kind !== 'missing') return standing.spec
  throw new SignalboxError('WORKFLOW_UNKNOWN', `workflow \`${row.workflow}\` is not loaded here`)
}

/** Effects of the family that are not on the way to the point, nor were adopted on it: a move can meet them again. */
export function laterEffects(row: RunRow, point: Point, effects: readonly EffectRow[]): readonly EffectRow[] {
  const way = wayToPoint(row, point)
  const adopted = new Set(adoptedEffects(point.was.fold))
  return effects.filter((effect) => !isOnWay(way, effect) && !adopted.has(effect.effectId))
}

/** An effect that is open at the point takes its later end; without one nobody knows what the fork starts from. */
export function refuseOpenAtPoint(row: RunRow, point: Point, effects: readonly EffectRow[]): void {
  for (const ask of openAtPoint(point)) {
    const effect = rowOf(ask, effects)
    if (effect && effect.state !== 'open' && effect.state !== 'unknown') continue
    const tool = ask.intents.at(-1)?.proposal.name ?? ''
    throw new SignalboxError(
      'FORK_EFFECT_OPEN',
      `\`${tool}\` was sent before record ${point.seq} of run \`${row.runId}\` and its end is not known yet; fork from before it, or wait until it is resolved`,
    )
  }
}

/** Choices as entries of the plan. Throws INPUT_INVALID for one that is about no later effect. */
export function planOf(
  row: RunRow,
  later: readonly EffectRow[],
  choices: readonly ForkChoice[],
): readonly ForkPlanEntry[] {
  const entries = new Map<string, ForkPlanEntry>()
  for (const { runId = row.runId, seq, action } of choices) {
    const effect = later.find(
      (one) => one.runId === runId && (one.intentSeq === seq || one.outcomeSeq === seq) && holdsIdentity(one.state),
    )
    if (!effect)
      throw new SignalboxError(
        'INPUT_INVALID',
        `\`plan\` names record ${seq} of run \`${runId}\`, which is no effect that happened after the point`,
      )
    const { effectId: effect_id, tool, intentSeq } = effect
    if (action === 'reuse') entries.delete(effect_id)
    else entries.set(effect_id, { effect_id, tool, run: runId, seq: intentSeq, action })
  }
  return [...entries.values()]
}

/** The records of a fork in the making. */
class Fork {
  readonly #env: Env
  readonly #row: RunRow
  readonly #spec: WorkflowSpec
  readonly #point: Point
  readonly #plan: readonly ForkPlanEntry[]
  readonly #request: ForkRequest
  readonly #runId: string
  readonly #requests: PersonRequestRow[] = []

  constructor(
    env: Env,
    row: RunRow,
    spec: WorkflowSpec,
    point: Point,
    plan: readonly ForkPlanEntry[],
    request: ForkRequest,
  ) {
    this.#env = env
    this.#row = row
    this.#spec = spec
    this.#point = point
    this.#plan = plan
    this.#request = request
    this.#runId = newRunId(env.host)
  }

  async records(): Promise<{
    runId: string
    genesis: StoredRecord
    copied: readonly StoredRecord[]
    requests: readonly PersonRequestRow[]
    costNanoUsd: string
  }> {
    const { tenant, subject } = this.#row
    const sealer = await this.#env.vault.sealer(tenant, subject)
    const sealed = sealer.seal([JSON.stringify(this.#request.reason)])
    const reason = { s: 1, i: 0, h: sealed.hashes[0] ?? '', l: OPERATOR_LABELS }
    const started = this.#genesis(reason)
    const first = stored(started, sealed.bytes)
    const copied: StoredRecord[] = []
    for (const copy of await this.#copies()) {
      const prev = copied.at(-1)?.hash ?? first.hash
      // A copy and the fields of its new chain are a whole record again.
      const record = { ...this.#base(prev), ...copy } as RunRecord
      copied.push(stored(record, null))
    }
    const { cost_nano_usd: costNanoUsd } = started.checkpoint.spent
    return { runId: this.#runId, genesis: first, copied, requests: this.#requests, costNanoUsd }
  }

  /** A fork goes on with the active time that its point had: nothing refills a budget (invariant 6). */
  #base(prev: string): Pick<RunRecord, 'run' | 'at' | 'prev' | 'branch' | 'segment' | 'active_ms'> {
    const { active_ms } = this.#point.record
    return { run: this.#runId, at: isoTime(this.#env.host.now()), prev, branch: 0, segment: 0, active_ms }
  }

  #genesis(reason: ForkParent['reason']): RunStarted {
    const { was, checkpointSeq, seq, head } = this.#point
    const { started, fold, budget } = was
    budget.chargeOpen()
    const parent: ForkParent = {
      run: this.#row.runId,
      seq,
      head,
      root: rootOf(this.#row, this.#point),
      checkpoint_seq: checkpointSeq,
      checkpoint_at: fold.checkpointAt,
      plan: this.#plan,
      by: this.#request.by,
      reason,
    }
    return {
      v: RECORD_VERSION,
      ...this.#base(CHAIN_START),
      seq: 1,
      cause: null,
      type: 'run.started',
      tenant: started.tenant,
      // It is with the version that its point was with.
      workflow: { name: started.workflow.name, ...fold.definition },
      runtime_version: this.#env.runtimeVersion,
      bundle: this.#env.policy.bundle,
      principal: started.principal,
      request_id: this.#request.requestId ?? this.#runId,
      subject: started.subject,
      trace_id: traceIdOf(this.#runId),
      mode: this.#env.mode,
      input: heldBy(started.input, this.#row.runId),
      budget: started.budget,
      parent,
      build: buildOf(this.#env, this.#spec),
      checkpoint: this.#checkpoint(fold.checkpoint, budget.spent),
    }
  }

  #checkpoint(checkpoint: CheckpointBody, spent: CheckpointBody['spent']): CheckpointBody {
    const request = (asked: OpenRequest): OpenRequest => this.#reopened(asked, 1)
    return forkedCheckpoint(checkpoint, spent, { from: this.#row.runId, request })
  }

  async #copies(): Promise<ReturnType<typeof copiesOf>> {
    const { checkpointSeq, seq, was } = this.#point
    const filter = { after: checkpointSeq, through: seq }
    const records = (await this.#env.store.records(this.#row.tenant, this.#row.runId, filter)).map(decodeRecord)
    const kept = takenOver(records.filter((record) => onTimeline(was.timeline, record.seq)))
    const places = new Map(
      kept.flatMap((record, i) => (record.type === 'request.opened' ? [[record.request.request_id, i + 2]] : [])),
    )
    const open = new Set(openRequestsIn(was.fold).map((asked) => asked.request_id))
    const anew = new Map<string, OpenRequest>()
    // What was answered before the point stays answered; the others keep one new id, wherever a checkpoint names them.
    const request = (asked: OpenRequest): OpenRequest => {
      if (!open.has(asked.request_id)) return asked
      const known = anew.get(asked.request_id) ?? this.#reopened(asked, places.get(asked.request_id) ?? 1)
      anew.set(asked.request_id, known)
      return known
    }
    return copiesOf(kept, { from: this.#row.runId, firstSeq: 2, request })
  }

  /** A person is asked by the fork itself: with an id and a deadline of its own. */
  #reopened(asked: OpenRequest, seq: number): OpenRequest {
    const { host } = this.#env
    const now = host.now()
    const port = portNamed(specInside(this.#spec, this.#point.was.fold, asked.scope), asked.node)
    const id = newId(host, 'req')
    // A timer goes on where it was, and asks nobody.
    if (asked.timer) return { ...asked, request_id: id }
    const deadline = now + (port?.deadlineSeconds ?? DEFAULT_DEADLINE_SECONDS) * 1_000
    this.#requests.push({
      tenant: this.#row.tenant,
      id,
      kind: 'request',
      runId: this.#runId,
      workflow: this.#spec.name,
      seq,
      tool: nodePath(asked.scope, asked.node),
      class: 'port',
      effect: 'none',
      approvers: [],
      requester: this.#row.principal,
      state: 'open',
      decidedBy: null,
      requestedAt: now,
      deadline,
      decidedAt: null,
    })
    return { ...asked, request_id: id, deadline: isoTime(deadline) }
  }
}

function stored(record: RunRecord, sealed: Uint8Array | null): StoredRecord {
  const { body, hash } = encodeRecord(record)
  return { seq: record.seq, type: record.type, body, hash, sealed }
}

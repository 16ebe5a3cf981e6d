/** The eight questions of an incident, answered from the records of a run (Invariant 9). Field names are those of the JSON. */
import type { OutcomeStatus } from '../contracts/common.ts'
import type { ActivityOutcome, RunRecord, RunStatus, StopReason } from '../contracts/records.ts'
import { costOf } from './cost.ts'
import { lineageOf } from './lineage.ts'
import { type ApprovalAnswer, approvalAnswers } from './answers-approval.ts'
import { type ResumeAnswer, resumeAnswer } from './answers-resume.ts'
import { openItems, statusFrom } from './open.ts'
import { activitiesOf, isCopied, isOpen, presentBranch } from './view.ts'
import { type ContentLookup, happened } from './words.ts'

/** Every answer names the records it rests on; an empty list where no record tells. */
interface Grounded {
  readonly seqs: readonly number[]
}

/** Who asked, and on whose behalf. */
export interface WhoAnswer extends Grounded {
  /** Principal id, or null when the start is not on record. */
  readonly principal: string | null
  readonly kind: string | null
  readonly roles: readonly string[]
  /** The agent that presented the credential for the principal, or null. */
  readonly via: string | null
  readonly credential: string | null
  readonly request_id: string | null
  readonly tenant: string | null
}

/** What ran: workflow, version and build, and how it stands. */
export interface RanAnswer extends Grounded {
  readonly run: string
  readonly workflow: string | null
  /** The version that it is with now. */
  readonly version: string | null
  readonly signature: string | null
  readonly runtime: string | null
  readonly status: RunStatus
  /** Closed code with which it stopped or parked, or null. */
  readonly code: string | null
  readonly reason: StopReason['kind'] | null
  readonly fork_of: { readonly run: string; readonly seq: number } | null
  readonly compensates: string | null
  readonly takeovers: number
  /** Orders of people beside the normal path. */
  readonly overrides: readonly { readonly what: string; readonly by: string; readonly seq: number }[]
}

/** A verdict about a call that could change something outside, or one that was not a plain permission. */
export interface RuleAnswer {
  readonly seq: number
  readonly decision: string
  /** Tool, model, or intervention point. */
  readonly subject: string
  readonly effect: string
  readonly verdict: string
  readonly reason_code: string
  readonly policies: readonly string[]
  readonly bundle: string
  /** Verdicts of controls that were not a plain permission. */
  readonly controls: readonly { readonly element: string; readonly verdict: string; readonly reason_code: string }[]
}

/** Why it was allowed, denied, asked for or changed. */
export interface WhyAnswer extends Grounded {
  readonly rules: readonly RuleAnswer[]
}

/** Who approved, and what they saw. */
export interface ApprovedAnswer extends Grounded {
  readonly approvals: readonly ApprovalAnswer[]
}

/** Which models answered, with which prompts. */
export interface ModelAnswer extends Grounded {
  readonly models: readonly {
    readonly model: string
    readonly agents: readonly string[]
    readonly calls: number
    readonly not_succeeded: number
    /** Models in whose place it was called as a declared fallback, with the trouble. */
    readonly instead_of: readonly { readonly model: string; readonly trouble: string }[]
    readonly troubles: readonly string[]
  }[]
  /** SHA-256 (hex) of the instructions by agent, over all builds that worked on the run; null where none is on record. */
  readonly prompts: readonly { readonly agent: string; readonly sha256: string; readonly seq: number }[] | null
}

/** One effect that was asked for. */
export interface OutsideEffect {
  readonly seq: number | null
  readonly tool: string
  readonly class: string
  readonly effect: 'reversible' | 'irreversible'
  readonly status: OutcomeStatus | 'open'
  /** True: it happened in this run. False: it did not. Null: nobody knows. */
  readonly happened: boolean | null
  readonly code: string | null
  /** The record that holds it, where it was answered from the ledger and not sent again. */
  readonly from_ledger: { readonly run: string; readonly seq: number } | null
  /** The run and record in which it happened, where a fork took it over. */
  readonly origin: { readonly run: string; readonly seq: number } | null
  readonly resolved_by: 'lookup' | 'same_key' | 'person' | null
  readonly effect_hash: string | null
  readonly effect_id: string | null
  readonly idempotency_key: string | null
  readonly undoes: { readonly run: string; readonly seq: number; readonly tool: string } | null
  /** The arguments as JSON text; null when they are sealed here or erased. */
  readonly arguments: string | null
}

/** What changed outside. */
export interface OutsideAnswer extends Grounded {
  readonly effects: readonly OutsideEffect[]
  /** Hosts that were called beside the door: what that did is not known. */
  readonly unmediated: readonly { readonly host: string; readonly seq: number }[]
}

/** What it cost. Money in nano-USD as decimal text. */
export interface CostAnswer extends Grounded {
  readonly cost_nano_usd: string
  readonly held_nano_usd: string
  readonly limit_nano_usd: string | null
  readonly turns: number
  readonly tool_calls: number
  readonly tokens: number
  /** Records of model calls whose provider did not tell what they used: charged as reserved. */
  readonly estimated_seqs: readonly number[]
  readonly limits_nearly_used: readonly string[]
}

/** The eight questions of an incident. */
export interface Answers {
  readonly who: WhoAnswer
  readonly ran: RanAnswer
  readonly why: WhyAnswer
  readonly approved: ApprovedAnswer
  readonly model: ModelAnswer
  readonly outside: OutsideAnswer
  readonly resume: ResumeAnswer
  readonly cost: CostAnswer
}

/** Answers the eight questions from the records of a run alone. Without `contents` every content is null. Pure. */
export function answersOf(records: readonly RunRecord[], contents?: ContentLookup): Answers {
  const open = openItems(records)
  return {
    who: whoAnswer(records),
    ran: ranAnswer(records),
    why: whyAnswer(records),
    approved: approvedAnswer(records, contents),
    model: modelAnswer(records),
    outside: outsideAnswer(records, contents),
    resume: resumeAnswer(records, open),
    cost: costAnswer(records),
  }
}

function whoAnswer([first]: readonly RunRecord[]): WhoAnswer {
  if (first?.type !== 'run.started')
    return {
      seqs: [],
      principal: null,
      kind: null,
      roles: [],
      via: null,
      credential: null,
      request_id: null,
      tenant: null,
    }
  const { id, kind, roles, via = null, credential = null } = first.principal
  const { request_id, tenant } = first
  return { seqs: [first.seq], principal: id, kind, roles, via, credential, request_id, tenant }
}

function ranAnswer(records: readonly RunRecord[]): RanAnswer {
  const [first] = records
  const started = first?.type === 'run.started' ? first : null
  const path = presentBranch(records)
  const upgraded = path.findLast((record) => record.type === 'run.upgraded')
  const end = path.findLast((record) => record.type.startsWith('run.'))
  const takeovers = records.filter((record) => record.type === 'segment.started' && record.why === 'takeover')
  const overrides = records.flatMap((record) =>
    record.type === 'override.recorded' ? [{ what: record.what, by: record.by.id, seq: record.seq }] : [],
  )
  const now = upgraded?.type === 'run.upgraded' ? upgraded.to : started?.workflow
  const seqs = [started, upgraded, end, ...takeovers, ...overrides].flatMap((each) => each?.seq ?? [])
  return {
    seqs: ordered(seqs),
    run: first?.run ?? '',
    workflow: started?.workflow.name ?? null,
    version: now?.version ?? null,
    signature: now?.signature ?? null,
    runtime: started?.runtime_version ?? null,
    status: statusFrom(records),
    ...endOf(end),
    fork_of: started?.parent ? { run: started.parent.run, seq: started.parent.seq } : null,
    compensates: started?.compensates?.run ?? null,
    takeovers: takeovers.length,
    overrides,
  }
}

function endOf(end: RunRecord | undefined): Pick<RanAnswer, 'code' | 'reason'> {
  if (end?.type === 'run.parked') return { code: end.code, reason: null }
  if (end && 'reason' in end && typeof end.reason === 'object' && end.reason && 'kind' in end.reason)
    return { code: end.reason.code, reason: end.reason.kind }
  return { code: null, reason: null }
}

function whyAnswer(records: readonly RunRecord[]): WhyAnswer {
  const told = new Set<string>()
  const rules: RuleAnswer[] = []
  for (const record of records) {
    const rule = ruleOf(record)
    if (!rule || told.has(`${rule.decision} ${rule.subject}`)) continue
    told.add(`${rule.decision} ${rule.subject}`)
    rules.push(rule)
  }
  return { seqs: rules.map((rule) => rule.seq), rules }
}

/** Verdicts about effects, and all that were no plain permission; a thousand permitted reads explain nothing. */
function ruleOf(record: RunRecord): RuleAnswer | null {
  if (!('decision' in record) || record.decision === null) return null
  const { decision } = record
  const call = 'proposal' in record ? record.proposal : null
  const effect = call?.effect ?? 'none'
  const controls = (decision.elements ?? []).filter((each) => each.element !== 'cedar' && each.verdict !== 'allow')
  if (effect === 'none' && decision.verdict === 'allow' && controls.length === 0) return null
  const ended = record.type === 'activity.outcome' ? record.name : decision.point
  return {
    seq: record.seq,
    decision: decision.id,
    subject: call?.name ?? ended,
    effect,
    verdict: decision.verdict,
    reason_code: decision.reason_code,
    policies: decision.policies,
    bundle: decision.bundle,
    controls: controls.map(({ element, verdict, reason_code }) => ({ element, verdict, reason_code })),
  }
}

function approvedAnswer(records: readonly RunRecord[], contents: ContentLookup | undefined): ApprovedAnswer {
  const approvals = approvalAnswers(records, contents)
  return { seqs: ordered(approvals.flatMap((each) => each.seqs)), approvals }
}

interface ModelSeen {
  readonly agents: Set<string>
  calls: number
  failed: number
  readonly instead: Map<string, { readonly model: string; readonly trouble: string }>
  readonly troubles: Set<string>
}

function modelAnswer(records: readonly RunRecord[]): ModelAnswer {
  const models = new Map<string, ModelSeen>()
  const seqs: number[] = []
  for (const record of records) {
    if (record.type !== 'activity.outcome' || record.kind !== 'model' || record.origin) continue
    seqs.push(record.seq)
    const seen = models.get(record.name) ?? modelSeen()
    models.set(record.name, seen)
    addCall(seen, record, records)
  }
  const prompts = promptsOf(records)
  return {
    seqs: ordered([...seqs, ...(prompts ?? []).map((each) => each.seq)]),
    models: [...models].map(([model, { agents, calls, failed, instead, troubles }]) => ({
      ...{ model, agents: [...agents], calls, not_succeeded: failed },
      ...{ instead_of: [...instead.values()], troubles: [...troubles] },
    })),
    prompts,
  }
}

function modelSeen(): ModelSeen {
  return { agents: new Set(), calls: 0, failed: 0, instead: new Map(), troubles: new Set() }
}

function addCall(seen: ModelSeen, record: ActivityOutcome, records: readonly RunRecord[]): void {
  seen.calls += 1
  if (record.status !== 'succeeded') seen.failed += 1
  if (record.agent !== null) seen.agents.add(record.agent)
  if (record.trouble) seen.troubles.add(record.trouble)
  const intent = records.findLast((one) => one.type === 'activity.intent' && one.ask.key === record.ask.key)
  const of = (record.proposal ?? (intent?.type === 'activity.intent' ? intent.proposal : null))?.fallback_of
  if (of) seen.instead.set(`${of.model} ${of.trouble}`, { model: of.model, trouble: of.trouble })
}

/** Prompt hashes of the start, and of every later build with another one. */
function promptsOf(records: readonly RunRecord[]): ModelAnswer['prompts'] {
  const found = new Map<string, { readonly agent: string; readonly sha256: string; readonly seq: number }>()
  let told = false
  for (const record of records) {
    if ((record.type !== 'run.started' && record.type !== 'segment.started') || !record.build) continue
    told = true
    for (const [agent, sha256] of Object.entries(record.build.prompts)) {
      const key = `${agent} ${sha256}`
      if (!found.has(key)) found.set(key, { agent, sha256, seq: record.seq })
    }
  }
  return told ? [...found.values()] : null
}

function outsideAnswer(records: readonly RunRecord[], contents: ContentLookup | undefined): OutsideAnswer {
  const bySeq = new Map(records.map((record) => [record.seq, record]))
  const effects = lineageOf(records).map((effect): OutsideEffect => {
    const { tool, status, code, ledger, origin, undoes } = effect
    const asked = bySeq.get(effect.intentSeq ?? effect.outcomeSeq ?? 0)
    const proposal = asked && 'proposal' in asked ? (asked.proposal ?? null) : null
    const args = proposal?.edited?.args ?? proposal?.args ?? null
    return {
      ...{ seq: effect.outcomeSeq ?? effect.intentSeq, tool, class: effect.class, effect: effect.effect, status, code },
      happened: happened(status, code, ledger !== null || origin !== null),
      from_ledger: ledger && { run: ledger.run, seq: ledger.seq },
      ...{ origin, resolved_by: effect.resolvedBy, effect_hash: effect.effectHash, effect_id: effect.effectId },
      idempotency_key: effect.idempotencyKey,
      undoes: undoes && { run: undoes.run, seq: undoes.seq, tool: undoes.tool },
      arguments: (args && contents?.(args)) ?? null,
    }
  })
  const unmediated = records.flatMap((record) =>
    record.type === 'unmediated.call' ? [{ host: record.host, seq: record.seq }] : [],
  )
  const seqs = [...effects.flatMap((effect) => effect.seq ?? []), ...unmediated.map((call) => call.seq)]
  return { seqs: ordered(seqs), effects, unmediated }
}

function costAnswer(records: readonly RunRecord[]): CostAnswer {
  const cost = costOf(records)
  const end = presentBranch(records).findLast((record) => 'near_misses' in record)
  const paid = records.filter((record) => record.type === 'activity.outcome' && record.settled.cost_nano_usd !== '0')
  return {
    seqs: paid.map((record) => record.seq),
    cost_nano_usd: cost.spent.cost_nano_usd,
    held_nano_usd: cost.held.cost_nano_usd,
    limit_nano_usd: cost.limits.find((limit) => limit.limit === 'max_cost_nano_usd')?.max ?? null,
    ...{ turns: cost.spent.turns, tool_calls: cost.spent.tool_calls, tokens: cost.spent.tokens },
    estimated_seqs: estimatedSeqs(records),
    limits_nearly_used: end && 'near_misses' in end ? (end.near_misses ?? []) : [],
  }
}

/** Model calls without an end on record, and those that were charged although nobody said what they used. */
function estimatedSeqs(records: readonly RunRecord[]): readonly number[] {
  const seqs = activitiesOf(records).flatMap((activity) => {
    if (isCopied(activity)) return []
    const { intent } = activity
    if (intent && isOpen(activity)) return intent.reserved.cost_nano_usd === '0' ? [] : [intent.seq]
    const last = activity.outcomes.at(-1)
    if (last?.kind !== 'model' || last.settled.cost_nano_usd === '0') return []
    return last.usage?.input_tokens == null || last.usage.output_tokens == null ? [last.seq] : []
  })
  return ordered(seqs)
}

/** Numbers in order, each once. */
function ordered(seqs: readonly number[]): readonly number[] {
  return [...new Set(seqs)].sort((a, b) => a - b)
}

/** What the server tells of a history: explanation, lineage, audit, and what the budget bars show. */
import type { Audit, AuditAll, ExplanationView, Finding, Lineage } from '@signalbox/protocol'
import {
  auditRun,
  branchesOf,
  type ContentRef,
  costOf,
  type CompensationItem,
  type Decision,
  type EffectApproval,
  type Explanation,
  explain,
  forkFindings,
  forkSources,
  type HistoryPruned,
  type Host,
  lineageGaps,
  lineageOf,
  type RunRecord,
  type RunRow,
  type RunsApi,
  renderExplanation,
  retentionDefinition,
  type Store,
  type StoredRecord,
  unexplainedPruning,
} from 'signalbox'
import type { PolicyService } from '../policy/service.ts'
import { undosOf } from './compensation.ts'
import { openerOf } from './contents.ts'
import type { BudgetUse } from './runs.ts'

/** Tells of each record whether it leads to the present head, over all branches (Invariant 11). */
export function branchesOfRun(records: readonly RunRecord[]): (seq: number) => boolean {
  const branches = branchesOf(records)
  const head = records.at(-1)?.seq ?? 0
  return (seq) => branches.leadsTo(seq, head)
}

/** What a run has spent and holds reserved, from its records (Invariant 6). */
export function budgetUse(records: readonly RunRecord[]): BudgetUse {
  const { spent, held, activeMs } = costOf(records)
  return {
    turns: [spent.turns, held.turns],
    toolCalls: [spent.tool_calls, held.tool_calls],
    tokens: [spent.tokens, held.tokens],
    activeMs,
    costNanoUsd: [spent.cost_nano_usd, held.cost_nano_usd],
  }
}

/** Gives a content as JSON text; null when it is erased or left out. */
export type OpenContent = (ref: ContentRef) => Promise<string | null>

/** How a run is told. */
export interface TellOptions {
  /** Opens contents; `sealed` leaves all of them sealed. Default: opened as they are. */
  readonly contents?: OpenContent | 'sealed'
  /** The last record that counts. Default: the last one of the run. */
  readonly through?: number
}

/** A run told in plain language. Contents that were erased are told as sealed. */
export async function explanationOf(
  { runs, host }: { readonly runs: RunsApi; readonly host: Host },
  tenant: string,
  runId: string,
  { contents, through = Number.POSITIVE_INFINITY }: TellOptions = {},
): Promise<ExplanationView> {
  await runs.get(tenant, runId)
  const records = (await runs.records(tenant, runId)).filter((record) => record.seq <= through)
  const now = host.now()
  const opener = contents ?? openerOf(await runs.contents(tenant, runId).catch(() => null)).text
  const told = opener === 'sealed' ? explain(records, { now }) : await explainOpened(records, opener, now)
  const undone = [...(await undosOf(runs, tenant, runId)).values()].map(undoneSentence)
  const explanation = { ...told, effects: [...told.effects, ...undone] }
  const { status, summary, story, chapters, effects, open, resume, unknown, cost } = explanation
  const copy = (sentences: Explanation['story']) => sentences.map(({ seq, at, text }) => ({ seq, at, text }))
  return {
    schema: 'signalbox.explanation/1',
    run_id: runId,
    status,
    answers: explanation.answers,
    summary: copy(summary),
    story: copy(story),
    chapters: chapters.map(({ title, lines }) => ({
      title,
      lines: lines.map(({ sentences, text, unknown: open }) => ({ sentences: [...sentences], text, unknown: open })),
    })),
    effects: copy(effects),
    open: copy(open),
    resume: copy(resume),
    unknown: copy(unknown),
    cost,
    text: renderExplanation(explanation),
  }
}

/** Explains twice: once to learn which contents are asked for, and again with these opened, since explaining is pure. */
async function explainOpened(records: readonly RunRecord[], open: OpenContent, now: number): Promise<Explanation> {
  const asked = new Map<string, ContentRef>()
  const keyOf = (ref: ContentRef): string => `${ref.r ?? ''}/${ref.s}/${ref.i}`
  explain(records, {
    now,
    contents: (ref) => {
      asked.set(keyOf(ref), ref)
      return null
    },
  })
  const texts = new Map(await Promise.all([...asked].map(async ([key, ref]) => [key, await open(ref)] as const)))
  return explain(records, { now, contents: (ref) => texts.get(keyOf(ref)) ?? null })
}

/** What the history of the run itself cannot tell: a later run undid an effect of it. */
function undoneSentence(item: CompensationItem): Explanation['effects'][number] {
  const { run = '', seq = null } = item.undoneBy ?? {}
  const text =
    seq === null
      ? `Run \`${run}\` is undoing \`${item.tool}\` of record ${item.seq}.`
      : `\`${item.tool}\` of record ${item.seq} was undone by run \`${run}\` (its record ${seq}).`
  return { seq: item.seq, at: item.at, text }
}

/** Where every effect of a run came from, and what is missing (Invariant 15). */
export function lineageView(
  runId: string,
  records: readonly RunRecord[],
  undos: Awaited<ReturnType<typeof undosOf>>,
): Lineage {
  const gaps = lineageGaps(records)
  return {
    run_id: runId,
    complete: gaps.length === 0,
    effects: lineageOf(records).map((effect) => ({
      effect_id: effect.effectId ?? effect.key,
      tool: effect.tool,
      node: effect.node,
      superstep: effect.superstep,
      status: effect.status,
      model_seq: effect.modelSeq,
      deterministic: effect.agent === null,
      intent_seq: effect.intentSeq,
      outcome_seq: effect.outcomeSeq,
      decision_id: effect.decision?.id ?? null,
      decision: effect.decision && decisionView(effect.decision),
      approval: effect.approval && approvalView(effect.approval),
      idempotency_key: effect.idempotencyKey,
      path: [...effect.path],
      from_ledger: effect.ledger && { run_id: effect.ledger.run, seq: effect.ledger.seq },
      resolved_by: effect.resolvedBy,
      checkpoint_seq: effect.checkpointSeq,
      effect_hash: effect.effectHash,
      undoes: effect.undoes && { run_id: effect.undoes.run, seq: effect.undoes.seq, tool: effect.undoes.tool },
      undone_by: undoneBy(undos, effect.effectId),
    })),
    gaps: gaps.map(({ kind, seq, detail }): Finding => ({ seq, code: kind, text: detail })),
  }
}

type EffectView = Lineage['effects'][number]

function decisionView({ verdict, reason_code, policies, bundle, elements = [] }: Decision): EffectView['decision'] {
  return {
    ...{ verdict, reason_code, policies: [...policies], bundle },
    elements: elements.map((each) => ({
      element: each.element,
      verdict: each.verdict,
      reason_code: each.reason_code,
    })),
  }
}

function approvalView(approval: EffectApproval): EffectView['approval'] {
  const { id, decidedSeq, requestedSeq, by, seen, votes, standing, edited } = approval
  return {
    ...{ approval_id: id, seq: decidedSeq ?? requestedSeq ?? 0, by, seen, standing, edited },
    votes: votes.map((vote) => ({ by: vote.by, acting_for: vote.actingFor, at: vote.at, seen: vote.seen })),
  }
}

function undoneBy(
  undos: Awaited<ReturnType<typeof undosOf>>,
  effectId: string | null,
): Lineage['effects'][number]['undone_by'] {
  const by = effectId === null ? undefined : undos.get(effectId)?.undoneBy
  return by ? { run_id: by.run, seq: by.seq } : null
}

/** Verifies one history from its stored bytes and compares its end with the row (Invariant 9). */
export async function auditOne(
  store: Pick<Store, 'records' | 'definition'>,
  row: RunRow,
  read: (stored: readonly StoredRecord[]) => void = () => undefined,
): Promise<Audit> {
  const stored = await store.records(row.tenant, row.runId, { through: row.seq })
  read(stored)
  const report = auditRun(stored, { seq: row.seq, head: row.head })
  const unexplained = [...(await unexplainedMarkers(store, row, stored)), ...(await forkFaults(store, row, stored))]
  return {
    run_id: row.runId,
    ok: report.verified && unexplained.length === 0,
    records: report.records,
    head: report.head,
    findings: [...report.findings.map(({ kind, seq, detail }) => ({ seq, code: kind, text: detail })), ...unexplained],
  }
}

/** What is wrong between a fork and the runs that it comes from. */
async function forkFaults(
  store: Pick<Store, 'records'>,
  row: RunRow,
  stored: readonly StoredRecord[],
): Promise<readonly Finding[]> {
  const records = readable(stored)
  const sources = forkSources(records)
  const found = new Map<string, StoredRecord>()
  for (const run of new Set(sources.map((source) => source.run))) {
    const last = Math.max(...sources.filter((source) => source.run === run).map((source) => source.seq))
    for (const each of await store.records(row.tenant, run, { through: last })) found.set(`${run}#${each.seq}`, each)
  }
  const faults = forkFindings(records, ({ run, seq }) => found.get(`${run}#${seq}`) ?? null)
  return faults.map(({ seq, detail }) => ({ seq, code: 'fork', text: detail }))
}

/** Records that can be read; what cannot is told by the audit of the chain. */
function readable(stored: readonly StoredRecord[]): readonly RunRecord[] {
  return stored.flatMap(({ body }) => {
    try {
      // These bytes were written as a record; what else they may be is told by the audit.
      return [JSON.parse(body) as RunRecord]
    } catch {
      return []
    }
  })
}

/** Markers of pruning that no policy on record asked for. */
async function unexplainedMarkers(
  store: Pick<Store, 'definition'>,
  row: RunRow,
  stored: readonly StoredRecord[],
): Promise<readonly Finding[]> {
  const found: Finding[] = []
  for (const each of stored) {
    if (each.type !== 'history.pruned') continue
    const marker = markerOf(each.body)
    const text = marker && (await store.definition(retentionDefinition(marker.rule.policy)))
    const wrong = marker ? unexplainedPruning(marker, row, text) : 'it cannot be read'
    if (wrong !== null) found.push({ seq: each.seq, code: 'unexplained_pruning', text: wrong })
  }
  return found
}

function markerOf(body: string): HistoryPruned | null {
  try {
    // What is not as this program writes it is told by the audit of the chain, or fails here.
    const marker = JSON.parse(body) as HistoryPruned
    return typeof marker.rule.policy === 'string' && typeof marker.rule.index === 'number' ? marker : null
  } catch {
    return null
  }
}

const PAGE = 200

/** Verifies every run of a tenant, page by page, and the policy history against what decided them. */
export async function auditEvery(
  store: Pick<Store, 'records' | 'runs' | 'definition'>,
  tenant: string,
  policy?: Pick<PolicyService, 'auditor'>,
): Promise<AuditAll> {
  const auditor = (await policy?.auditor()) ?? null
  const failed: Audit[] = []
  let runs = 0
  let records = 0
  let before: { createdAt: number; runId: string } | undefined
  for (;;) {
    const page = await store.runs({ tenant, limit: PAGE, ...(before ? { before } : {}) })
    for (const row of page) {
      const audit = await auditOne(store, row, auditor?.read)
      runs++
      records += audit.records
      if (!audit.ok) failed.push(audit)
    }
    const last = page.at(-1)
    if (!last || page.length < PAGE) {
      const judged = (await auditor?.end()) ?? null
      return { ok: failed.length === 0 && (judged?.ok ?? true), runs, records, failed, policy: judged }
    }
    before = { createdAt: last.createdAt, runId: last.runId }
  }
}

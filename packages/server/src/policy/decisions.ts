/** Decisions on record, found, told, and asked again of another bundle. */
import type { DecisionDetail, DecisionRow, DecisionToldView, PolicyReplayResult } from '@signalbox/protocol'
import {
  DECISION_RECORDS,
  type DecisionTold,
  DraftComparison,
  type FactFilter,
  type FactRow,
  type FlipExample,
  type Host,
  isoTime,
  type PolicyBundle,
  type PolicyRequest,
  projectedValues,
  type RecordedDecision,
  recordedDecisions,
  requestOf,
  type RunRecord,
  type RunRow,
  type RunsApi,
  SignalboxError,
  tellDecision,
} from 'signalbox'
import { openerOf } from '../views/contents.ts'
import type { FactFinder } from '../facts/finder.ts'
import type { BundleBook } from './bundles.ts'

/** What decisions are found with. */
export interface DecisionDeps {
  readonly runs: Pick<RunsApi, 'get' | 'list' | 'records' | 'contents'>
  readonly facts: Pick<FactFinder, 'find'>
  readonly bundles: BundleBook
  readonly host: Host
}

/** A filter of the log of decisions, as the index takes it. */
export type DecisionFilter = Omit<FactFilter, 'tenant' | 'only'>

const PAGE = 200

/** Decisions of a tenant, newest first; `complete` tells whether all stored records were looked at. */
export async function listDecisions(
  { facts }: Pick<DecisionDeps, 'facts'>,
  tenant: string,
  filter: DecisionFilter,
): Promise<{ readonly rows: readonly FactRow[]; readonly complete: boolean }> {
  return await facts.find({ ...filter, tenant, only: 'decision' })
}

/** Runs of a tenant on which something was recorded since then, newest first. */
async function* runsSince({ runs }: Pick<DecisionDeps, 'runs'>, tenant: string, since: number): AsyncGenerator<RunRow> {
  let before: { createdAt: number; runId: string } | undefined
  for (;;) {
    const page = await runs.list({ tenant, limit: PAGE, ...(before ? { before } : {}) })
    for (const row of page) if (row.updatedAt >= since) yield row
    before = page.at(-1)
    if (page.length < PAGE) return
  }
}

/** The records that tell of decisions; none of a run whose history was destroyed as a whole. */
async function recordsOf({ runs }: DecisionDeps, row: RunRow): Promise<readonly RunRecord[]> {
  if (row.kept === 'nothing') return []
  return await runs.records(row.tenant, row.runId, { types: DECISION_RECORDS })
}

/** One decision as the log shows it. */
export function decisionRow(row: FactRow): DecisionRow[] {
  const { run_id, seq, at, workflow, node, name, principal, decision } = row
  if (!decision) return []
  const { policies, approvers, ...rest } = decision
  return [
    {
      ...{ ...rest, run_id, seq, at: isoTime(at), name: name ?? decision.point, workflow },
      ...{ node, principal, policies: [...policies], approvers: [...approvers] },
    },
  ]
}

function recordedRow(each: RecordedDecision): DecisionRow {
  const { decision, run } = each
  return {
    ...{ id: decision.id, run_id: each.runId, seq: each.seq, at: each.at, point: decision.point, kind: each.kind },
    ...{ name: each.name, class: each.class, effect: each.effect, workflow: each.workflow },
    ...{ node: each.node, agent: each.agent, principal: run.principal.id },
    ...{ verdict: decision.verdict, reason_code: decision.reason_code, policies: [...decision.policies] },
    approvers: [...new Set(decision.asks.flatMap((ask) => ask.approvers))],
    ...{ approval_id: each.approvalId, bundle: decision.bundle },
  }
}

/** One decision by its id, told under the bundle that took it. Throws NOT_FOUND. */
export async function decisionDetail(
  deps: DecisionDeps,
  tenant: string,
  id: string,
  runId: string | undefined,
): Promise<DecisionDetail> {
  const { found, records } = await findDecision(deps, tenant, id, runId)
  const reader = await deps.runs.contents(tenant, found.runId).catch(() => null)
  const opener = openerOf(reader)
  const opened = { asked: await opener.value(found.asked), facts: await opener.value(found.facts) }
  const made = await deps.bundles.of(found.decision.bundle)
  const policy = made ?? deps.bundles.inForce()
  const request = found.notAgain === 'not_recorded' ? null : requestOf(found, opened, policy)
  const told = made && request ? toldView(tellDecision(made, request, found.decision)) : null
  const erased = found.notAgain === 'not_recorded' ? 'what was judged is not on record' : 'what was asked was erased'
  const unknown = `the bundle that decided, ${found.decision.bundle}, is not stored here`
  return {
    decision: recordedRow(found),
    sentence: policy.sentence(found.decision.reason_code),
    asked: request && askedView(policy, request),
    told,
    not_told: told ? null : request ? unknown : erased,
    approval: approvalView(found, records),
  }
}

async function findDecision(
  deps: DecisionDeps,
  tenant: string,
  id: string,
  runId: string | undefined,
): Promise<{ readonly found: RecordedDecision; readonly records: readonly RunRecord[] }> {
  const [row] = runId === undefined ? (await deps.facts.find({ tenant, decisionId: id, limit: 1 })).rows : []
  const of = runId ?? row?.run_id
  if (of !== undefined) {
    const records = await recordsOf(deps, await deps.runs.get(tenant, of))
    const found = recordedDecisions(records).find((each) => each.decision.id === id)
    if (found) return { found, records }
  }
  throw new SignalboxError('NOT_FOUND', `there is no decision \`${id}\` in the runs of this tenant`)
}

function askedView(policy: PolicyBundle, request: PolicyRequest): DecisionDetail['asked'] {
  const { id, kind, tenant, roles } = request.principal
  const { input, facts } = projectedValues(policy, request)
  const { integrity, marks } = request.labels
  return {
    principal: { id, kind, tenant, roles: [...roles] },
    input: { ...input },
    facts: { ...facts },
    labels: { integrity, marks: [...marks] },
    approved_by: request.approval?.approver.id ?? null,
  }
}

function approvalView({ approvalId }: RecordedDecision, records: readonly RunRecord[]): DecisionDetail['approval'] {
  if (approvalId === null) return null
  const decided = records.findLast((one) => one.type === 'approval.decided' && one.approval_id === approvalId)
  if (decided?.type !== 'approval.decided') return { id: approvalId, answer: null, by: null, at: null }
  return { id: approvalId, answer: decided.answer, by: decided.by?.id ?? null, at: decided.at }
}

/** A told decision as the API gives it. */
export function toldView(told: DecisionTold): DecisionToldView {
  return {
    ...{ verdict: told.verdict, reason_code: told.reason, sentence: told.sentence, bundle: told.bundle },
    policies: told.policies.map((each) => ({ ...each, values: { ...each.values } })),
    other_actions: told.otherActions,
    approvers: told.approvers.map(({ policy, roles }) => ({ policy, roles: [...roles] })),
  }
}

/** Asks a draft about every decision of a tenant in a time span (milliseconds since 1970). */
export async function replayDecisions(
  deps: DecisionDeps,
  tenant: string,
  { draft, since, until }: { readonly draft: PolicyBundle; readonly since: number; readonly until: number },
): Promise<PolicyReplayResult> {
  const started = deps.host.monotonicMs()
  const comparison = new DraftComparison(draft)
  let pruned = 0
  let unchecked = 0
  for await (const row of runsSince(deps, tenant, since)) {
    const records = await recordsOf(deps, row)
    if (!records.some((record) => record.type === 'run.started')) pruned += 1
    const refused = refusedIn(records)
    const reader = await deps.runs.contents(tenant, row.runId).catch(() => null)
    const opener = openerOf(reader)
    for (const each of recordedDecisions(records)) {
      const at = Date.parse(each.at)
      if (at < since || at >= until) continue
      const opened = { asked: await opener.value(each.asked), facts: await opener.value(each.facts) }
      const made = await deps.bundles.of(each.decision.bundle)
      if (made === null) unchecked += 1
      comparison.add(each, opened, { made, refused: each.approvalId !== null && refused.has(each.approvalId) })
    }
  }
  const { flips, notAgain, notReproduced, ...counts } = comparison.result()
  return {
    ...{ bundle: draft.bundle, since: isoTime(since), until: isoTime(until), ...counts },
    flips: flips.map(({ reason, refusedByPerson, examples, policies, approvers, ...flip }) => ({
      ...{ ...flip, policies: [...policies], approvers: [...approvers] },
      ...{ reason_code: reason, refused_by_person: refusedByPerson, examples: examples.map(exampleView) },
    })),
    not_again: { ...notAgain },
    not_reproduced: notReproduced.map(exampleView),
    ...{ pruned_runs: pruned, unchecked, duration_ms: Math.round(deps.host.monotonicMs() - started) },
  }
}

function exampleView({ runId, seq, decisionId, at }: FlipExample) {
  return { run_id: runId, seq, decision_id: decisionId, at }
}

/** Approvals that a person refused. */
function refusedIn(records: readonly RunRecord[]): ReadonlySet<string> {
  return new Set(
    records.flatMap((one) => (one.type === 'approval.decided' && one.answer === 'rejected' ? [one.approval_id] : [])),
  )
}

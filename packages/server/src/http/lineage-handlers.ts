import type { FoundEffectView, GapsOfRun, Reconciliation } from '@signalbox/protocol'
import {
  checkLineage,
  type FoundEffect,
  isoTime,
  type LineageFindingRow,
  type LineageScope,
  RECONCILE_WORKFLOW,
  type ReconcileReport,
  reindexLineage,
  SignalboxError,
} from 'signalbox'
import { parseCursor } from '../views/runs.ts'
import type { ApiDeps, Handlers } from './handlers.ts'

type Names = 'lookUp' | 'standingGaps' | 'checkLineage' | 'reindexLineage' | 'reconcile' | 'reconciliation'
interface Place {
  readonly createdAt: number
  readonly runId: string
}

/** Endpoints about where effects came from, over all runs of the tenant of the credential (Invariants 15 and 16). */
export function lineageHandlers({ runs, store, host }: ApiDeps): Pick<Handlers, Names> {
  return {
    lookUp: async ({ query }, { tenant }) => {
      const { term, value, limit } = query
      const before = query.before === undefined ? {} : { before: termPlace(query.before) }
      const { found, next } = await runs.lookUp({ tenant, term, value, limit, ...before })
      return { found: found.map(foundView), next: next && `${next.at}.${next.seq}.${next.runId}` }
    },
    standingGaps: async ({ query }, { tenant }) => {
      const { after, limit } = query
      const rows = await store.lineageFindings({ tenant, limit, ...(after === undefined ? {} : { after }) })
      return { runs: rows.map(gapsOfRun), next: rows.length === limit ? (rows.at(-1)?.runId ?? null) : null }
    },
    checkLineage: async ({ body }, { tenant }) => {
      const page = await checkLineage(store, tenant, scopeOf(body), host.now())
      const { runs: count, effects, pruned, findings, more, before } = page
      return {
        runs: count,
        effects,
        pruned,
        findings: findings.map(gapsOfRun),
        more,
        next: before && placeText(before),
      }
    },
    reconcile: async ({ body: { from, to, tools } }, principal) => {
      const input = { from, to, ...(tools === undefined ? {} : { tools }) }
      const { runId } = await runs.start({ workflow: RECONCILE_WORKFLOW, input, principal })
      return { run_id: runId }
    },
    reconciliation: async ({ params: { id } }, { tenant }) => {
      const [{ status }, report] = [await runs.get(tenant, id), await runs.reconciliation(tenant, id)]
      return { run_id: id, status, report: report && viewOf(report) }
    },
    reindexLineage: async ({ body }, { tenant }) => {
      const before = body.before === undefined ? null : runPlace(body.before)
      const page = await reindexLineage(store, tenant, before)
      return { runs: page.runs, terms: page.terms, next: page.before && placeText(page.before) }
    },
  }
}

/** A copy that may be changed, as the schema gives it. */
function viewOf(report: ReconcileReport): Reconciliation {
  const listings = report.listings.map((each) => ({
    ...each,
    tools: [...each.tools],
    differences: each.differences.map((one) => ({ ...one, fields: [...one.fields] })),
  }))
  return { ...report, listings, unlisted: [...report.unlisted] }
}

function scopeOf(body: {
  readonly mode: 'new' | 'all'
  readonly since?: string | undefined
  readonly workflow?: string | undefined
  readonly before?: string | undefined
}): LineageScope {
  const { mode, since, workflow, before } = body
  if (mode === 'all')
    return {
      mode,
      before: before === undefined ? null : runPlace(before),
      ...(since === undefined ? {} : { since: Date.parse(since) }),
      ...(workflow === undefined ? {} : { workflow }),
    }
  if (since === undefined && workflow === undefined && before === undefined) return { mode }
  throw new SignalboxError(
    'INPUT_INVALID',
    '`since`, `workflow` and `before` need `mode` `all`: a check of what is new looks at every run that changed',
  )
}

function foundView(each: FoundEffect): FoundEffectView {
  const { runId, seq, at, workflow, runStatus, principal, type, tool, status } = each
  const { code, happened, approvalId, approvedBy } = each
  return {
    ...{ run_id: runId, seq, at: isoTime(at), workflow, run_status: runStatus, principal, type, tool, status },
    ...{ code, happened, approval_id: approvalId, approved_by: approvedBy },
  }
}

function gapsOfRun({ runId, workflow, seq, checkedAt, gaps }: LineageFindingRow): GapsOfRun {
  return {
    run_id: runId,
    workflow,
    seq,
    checked_at: isoTime(checkedAt),
    gaps: gaps.map((gap) => ({ seq: gap.seq, code: gap.kind, text: gap.detail })),
  }
}

function placeText({ createdAt, runId }: Place): string {
  return `${createdAt}.${runId}`
}

function runPlace(text: string): Place {
  const place = parseCursor(text)
  if (place) return place
  throw new SignalboxError('INPUT_INVALID', '`before` is not a cursor: send the `next` of the page before')
}

function termPlace(text: string): { readonly at: number; readonly seq: number; readonly runId: string } {
  const [, at, seq, runId] = /^(\d{1,16})\.(\d{1,16})\.(.+)$/.exec(text) ?? []
  if (at !== undefined && seq !== undefined && runId !== undefined) return { at: Number(at), seq: Number(seq), runId }
  throw new SignalboxError('INPUT_INVALID', '`before` is not a cursor: send the `next` of the page before')
}

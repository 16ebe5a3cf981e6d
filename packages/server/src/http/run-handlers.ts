import { ENDED } from '@signalbox/protocol'
import type { RunDetail } from '@signalbox/protocol'
import { buildView } from '../views/build.ts'
import { openItems, type Principal, type RunRecord, type RunRow, SignalboxError } from 'signalbox'
import { may } from '../auth.ts'
import { compensationView } from '../views/compensation.ts'
import { openerOf } from '../views/contents.ts'
import { branchesOfRun, budgetUse } from '../views/history.ts'
import { milestonesOf } from '../views/milestones.ts'
import { budgetBars, cursorOf, isoOf, parseCursor, restorePointView, runSummary, whyOf } from '../views/runs.ts'
import { timelineOf } from '../views/timeline.ts'
import type { ApiDeps, Handlers } from './handlers.ts'

type Names =
  | 'startRun'
  | 'listRuns'
  | 'run'
  | 'events'
  | 'checkpoints'
  | 'cancel'
  | 'resume'
  | 'release'
  | 'compensationPlan'
  | 'compensate'
  | 'feedback'

/** Endpoints about runs. Every one is about the tenant of the credential (Invariant 16). */
export function runHandlers(deps: ApiDeps): Pick<Handlers, Names> {
  const { runs } = deps
  return {
    startRun: async ({ body }, who) => {
      const requestId = body.request_id === undefined ? {} : { requestId: body.request_id }
      const subject = body.subject === undefined ? {} : { subject: body.subject }
      const order = { workflow: body.workflow, input: body.input, principal: who, ...requestId, ...subject }
      const started = await runs.start(order)
      return { run_id: started.runId, existed: started.existed }
    },
    listRuns: async ({ query }, who) => {
      const rows = await runs.list({
        tenant: who.tenant,
        limit: query.limit,
        ...(query.status ? { status: query.status } : {}),
        ...(query.workflow === undefined ? {} : { workflow: query.workflow }),
        ...(query.request_id === undefined ? {} : { requestId: query.request_id }),
        ...(query.before === undefined ? {} : { before: cursor(query.before) }),
      })
      const last = rows.at(-1)
      return { runs: rows.map(runSummary), next: last && rows.length === query.limit ? cursorOf(last) : null }
    },
    run: async ({ params }, who) => await runDetail(deps, who.tenant, params.id),
    events: async ({ params, query }, who) => {
      await runs.get(who.tenant, params.id)
      const found = await runs.records(who.tenant, params.id, query)
      const last = found.at(-1)
      return { events: found.map(asRecordView), next_after: last && found.length === query.limit ? last.seq : null }
    },
    checkpoints: async ({ params }, who) => {
      const points = await runs.restorePoints(who.tenant, params.id)
      return { checkpoints: points.map(restorePointView).sort((a, b) => b.seq - a.seq) }
    },
    cancel: async ({ params, body }, who) => {
      mayCancel(await runs.get(who.tenant, params.id), who, body.terminate === true)
      await runs.cancel({ runId: params.id, by: who, reason: body.reason, terminate: body.terminate === true })
      return { accepted: true, run_id: params.id }
    },
    resume: async ({ params, body }, who) => {
      await runs.resume({ runId: params.id, by: who, reason: body.reason })
      return { accepted: true, run_id: params.id }
    },
    release: async ({ params, body }, who) => {
      await runs.release({ runId: params.id, by: who, reason: body.reason })
      return { accepted: true, run_id: params.id }
    },
    feedback: async ({ params, body }, who) => {
      await runs.feedback({ runId: params.id, by: who, verdict: body.verdict, reason: body.reason })
      return { accepted: true, run_id: params.id }
    },
    compensationPlan: async ({ params }, who) => compensationView(await runs.compensationPlan(who.tenant, params.id)),
    compensate: async ({ params, body }, who) => {
      const { reason, effects, on_failure: onFailure, shared, request_id: requestId } = body
      const started = await runs.compensate({
        runId: params.id,
        by: who,
        reason,
        ...(effects === undefined ? {} : { effects }),
        ...(onFailure === undefined ? {} : { onFailure }),
        ...(shared === undefined ? {} : { shared }),
        ...(requestId === undefined ? {} : { requestId }),
      })
      return { run_id: started.runId, existed: started.existed }
    },
  }
}

function asRecordView(record: RunRecord): RunRecord & { [key: string]: unknown } {
  // A record is a JSON object; the view lets its own fields through as they are.
  return record as RunRecord & { [key: string]: unknown }
}

function cursor(text: string): { createdAt: number; runId: string } {
  const parsed = parseCursor(text)
  if (parsed) return parsed
  throw new SignalboxError('INPUT_INVALID', '`before` is not a cursor: send the `next` of the page before')
}

function mayCancel(row: RunRow, who: Principal, terminate: boolean): void {
  if (may(who, 'runs.cancel')) return
  if (terminate) throw new SignalboxError('FORBIDDEN', 'only an operator may terminate a run: cancel it instead')
  if (row.principal === who.id) return
  throw new SignalboxError('FORBIDDEN', `run \`${row.runId}\` was started by someone else: ask them, or an operator`)
}

async function runDetail(deps: ApiDeps, tenant: string, runId: string): Promise<RunDetail> {
  const { runs } = deps
  const row = await runs.get(tenant, runId)
  const [records, open, reader, definition] = await Promise.all([
    runs.records(tenant, runId),
    runs.requests({ tenant, runId, state: 'open', limit: 100 }),
    runs.contents(tenant, runId).catch(() => null),
    ENDED.includes(row.status) ? null : runs.definition(tenant, runId).catch(() => null),
  ])
  const [genesis] = records
  if (row.kept === 'nothing')
    throw new SignalboxError(
      'CONTENT_ERASED',
      `the history of \`${runId}\` was pruned, only hashes of its records are left: see \`signalbox explain ${runId}\``,
    )
  if (genesis?.type !== 'run.started')
    throw new SignalboxError(
      'STORE_CORRUPT',
      `the first record of \`${runId}\` is missing: verify it with \`signalbox audit verify\``,
    )
  const opener = openerOf(reader)
  const end = endOf(records)
  const branches = branchesOfRun(records)
  const heldUp = openItems(records).filter((item) => item.kind === 'switch')
  return {
    run: runSummary(row),
    principal: { ...genesis.principal, roles: [...genesis.principal.roles] },
    signature: genesis.workflow.signature,
    bundle: genesis.bundle,
    build: buildView(records),
    mode: genesis.mode,
    trace_id: genesis.trace_id,
    why: open.length > 0 ? whyOf(row, open) : (heldUp[0]?.text ?? whyOf(row, open)),
    definition: definition && { ...definition, steps: [...definition.steps], changes: [...definition.changes] },
    budget: budgetBars(genesis.budget, budgetUse(records)),
    cost_nano_usd: row.costNanoUsd,
    open: open.map((each) => ({
      id: each.id,
      kind: each.kind,
      tool: each.tool,
      class: each.class,
      requested_at: isoOf(each.requestedAt),
      deadline: isoOf(each.deadline),
    })),
    held_up: heldUp.map(({ id, text, action }) => ({ key: id, text, action })),
    undone: [...end.undone],
    ending: end.ending && {
      ...end.ending,
      left_undone: [...end.ending.left_undone],
      cycle: [...(end.ending.cycle ?? [])],
    },
    input: await opener.value(genesis.input),
    output: await opener.value(end.output),
    timeline: await timelineOf(records, branches, opener),
    milestones: milestonesOf(records),
  }
}

function endOf(records: readonly RunRecord[]): {
  output: RunEnd['output']
  undone: readonly string[]
  ending: RunEnd['ending'] | null
} {
  const last = records.findLast((record) => /^run\.(completed|stopped|cancelled|terminated)$/.test(record.type))
  if (last?.type === 'run.completed') return { output: last.output, undone: [], ending: last.ending ?? null }
  if (last?.type === 'run.stopped' || last?.type === 'run.cancelled' || last?.type === 'run.terminated')
    return { output: last.partial, undone: last.undone, ending: last.ending ?? null }
  return { output: null, undone: [], ending: null }
}

type RunEnd = Extract<RunRecord, { type: 'run.completed' }>

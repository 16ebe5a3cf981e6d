/** The state of the mock backend and what each endpoint does to it. */
import { costOfRun } from './cost.ts'
import type { IncomingMessage, ServerResponse } from 'node:http'
import {
  type AlertDetailView,
  type ApprovalDetail,
  ENDED,
  type EndpointName,
  type KillSwitchView,
  type OverrideView,
  type PolicyStatus,
  type Me,
  type MovePlanView,
  type PortRequestDetail,
  type QuestionDetail,
  type RunDetail,
  type ScheduleView,
  SignalboxError,
  type TroubleView,
} from '@signalbox/protocol'
import { allApprovals, allKillSwitches, allQuestions, allRequests } from './asks.ts'
import { ALERT_CHANGES, ALERT_READS, allAlerts } from './alerts.ts'
import { BUNDLE_CHANGES, BUNDLE_READS, startStatus } from './policy-life.ts'
import { POLICY_CHANGES, POLICY_READS } from './policy.ts'
import { allOverrides, SWITCH_CHANGES, SWITCH_READS } from './switches.ts'
import { allMandates, INBOX_CHANGES, INBOX_READS, isOneOfSeveral, type Mandates, seenBy } from './inbox.ts'
import { BUNDLE, hashOf, SCRIPTED } from './parts.ts'
import { allSchedules, findSchedule, fire, pause, statusOf } from './schedules.ts'
import { RECORD_READS } from './record.ts'
import { allRuns } from './runs.ts'

/** What a request brings: all parts are parsed by the endpoint's own schemas before. */
export interface Call {
  readonly id: string
  readonly query: unknown
  readonly body: unknown
  readonly me: Me | null
}

/** State and behaviour, with ways for a test to let others act. */
export interface Backend extends Mandates {
  readonly runs: RunDetail[]
  readonly approvals: ApprovalDetail[]
  readonly questions: QuestionDetail[]
  readonly requests: PortRequestDetail[]
  killSwitches: KillSwitchView[]
  overrides: OverrideView[]
  policy: PolicyStatus
  schedules: ScheduleView[]
  troubles: TroubleView[]
  readonly alerts: AlertDetailView[]
  /** Why nobody evaluates alerts, or null. */
  blind: string | null
  /** What the console sent, in order. */
  readonly changes: { readonly name: EndpointName; readonly id: string; readonly body: unknown; readonly by: string }[]
  handle(name: EndpointName, call: Call): unknown
  stream(runId: string, request: IncomingMessage, response: ServerResponse): void
  /** Appends a record to a run and tells its streams. */
  append(runId: string, type: string): void
  /** Sends a piece of a model's answer to the streams of a run. */
  draft(runId: string, ask: string, text: string): void
  /** Someone decides an approval elsewhere. */
  decideAs(who: string, id: string, answer: 'approved' | 'rejected', reason: string): void
}

/** A backend with its own copy of all data. */
export function createBackend(): Backend {
  const streams = new Map<string, Set<ServerResponse>>()
  const backend: Backend = {
    runs: allRuns(),
    approvals: allApprovals(),
    questions: allQuestions(),
    requests: allRequests(),
    killSwitches: allKillSwitches(),
    ...allMandates(),
    overrides: allOverrides(),
    policy: startStatus(),
    schedules: allSchedules(),
    troubles: [],
    alerts: allAlerts(),
    blind: null,
    changes: [],
    handle: (name, call) => handle(backend, name, call),
    stream: (runId, request, response) => {
      find(backend.runs, runId)
      response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
      response.write(': open\n\n')
      const all = streams.get(runId) ?? new Set()
      streams.set(runId, all.add(response))
      request.on('close', () => all.delete(response))
    },
    append: (runId, type) => {
      const { run } = find(backend.runs, runId)
      run.seq += 1
      run.updated_at = new Date().toISOString()
      const record = {
        v: 1,
        run: runId,
        seq: run.seq,
        type,
        at: run.updated_at,
        prev: hashOf(String(run.seq)),
        branch: run.branch,
        segment: 1,
        cause: null,
        active_ms: 0,
      }
      for (const each of streams.get(runId) ?? [])
        each.write(`id: ${run.seq}\nevent: record\ndata: ${JSON.stringify(record)}\n\n`)
    },
    draft: (runId, ask, text) => {
      const data = JSON.stringify({ ask, attempt: 1, offset: 0, delta: { type: 'text-delta', delta: text } })
      for (const each of streams.get(runId) ?? []) each.write(`event: delta\ndata: ${data}\n\n`)
    },
    decideAs: (who, id, answer, reason) =>
      decide(backend, findAsk(backend.approvals, id, 'APPROVAL_NOT_FOUND'), who, answer, reason),
  }
  return backend
}

function handle(backend: Backend, name: EndpointName, call: Call): unknown {
  const read = READS[name]
  if (read) return read(backend, call)
  backend.changes.push({ name, id: call.id, body: call.body, by: call.me?.principal.id ?? '' })
  const change = CHANGES[name]
  if (!change) throw new SignalboxError('NOT_FOUND', `the mock has no \`${name}\``)
  return change(backend, call)
}

type Handler = (backend: Backend, call: Call) => unknown

const READS: Partial<Record<EndpointName, Handler>> = {
  ready: () => ({ status: 'ready' }),
  health: () => ({ status: 'ok', name: 'signalbox', version: '0.1.0', mode: 'development' }),
  me: (_backend, { me }) => me,
  workflows: () => ({ workflows: [WORKFLOW] }),
  listRuns: (backend, { query }) => page(backend, query as { status?: string[]; limit: number; before?: string }), // parsed before
  run: (backend, { id }) => find(backend.runs, id),
  checkpoints: (backend, { id }) => ({ checkpoints: restorePoints(find(backend.runs, id)) }),
  movePlan: (backend, { id, query }) => movePlan(find(backend.runs, id), query as { kind: string; seq: number }), // parsed before
  runCost: (backend, { id }) => costOfRun(find(backend.runs, id)),
  approvals: (backend) => ({ approvals: backend.approvals }),
  approval: (backend, { id, me }) => seenBy(answerable(findAsk(backend.approvals, id, 'APPROVAL_NOT_FOUND'), me), me),
  questions: (backend, { me }) => ({ questions: backend.questions.map((each) => answerable(each, me)) }),
  question: (backend, { id, me }) => answerable(findAsk(backend.questions, id, 'QUESTION_NOT_FOUND'), me),
  requests: (backend, { me }) => ({ requests: backend.requests.map((each) => answerable(each, me)) }),
  request: (backend, { id, me }) => answerable(findAsk(backend.requests, id, 'REQUEST_NOT_FOUND'), me),
  ...RECORD_READS,
  ...ALERT_READS,
  ...SWITCH_READS,
  ...POLICY_READS,
  ...BUNDLE_READS,
  ...INBOX_READS,
  schedules: (backend) => ({ schedules: backend.schedules }),
  schedule: (backend, { id }) => findSchedule(backend, id),
  status: (backend) => statusOf(backend),
}

const CHANGES: Partial<Record<EndpointName, Handler>> = {
  exportEvidence: (_held, { id }) => ({
    ...{ run_id: id, file: `${id}.evidence.tar`, sha256: hashOf(id), records: 1, contents: 'sealed' },
    ...{ contents_left_out: 0, tree_head: 1, no_proof: null, archive: 'dGFy' },
  }),
  decide: (backend, { id, body, me }) => {
    const ask = findAsk(backend.approvals, id, 'APPROVAL_NOT_FOUND')
    const { answer, reason } = body as { answer: 'approved' | 'rejected'; reason: string } // parsed before
    decide(backend, ask, me?.principal.id ?? '', answer, reason)
    return { accepted: true, id }
  },
  answer: (backend, { id, body, me }) => {
    const ask = findAsk(backend.questions, id, 'QUESTION_NOT_FOUND')
    const { reason } = body as { reason: string } // parsed before
    Object.assign(ask, {
      state: 'answered',
      decided_by: me?.principal.id,
      decided_at: new Date().toISOString(),
      reason,
    })
    goOn(backend, ask.run_id, ask.id)
    return { accepted: true, id }
  },
  respond: (backend, { id, body, me }) => {
    const ask = findAsk(backend.requests, id, 'REQUEST_NOT_FOUND')
    const { value } = body as { value: unknown } // parsed before
    if (typeof value !== 'object' || value === null || !('accept' in value))
      throw new SignalboxError('INPUT_INVALID', 'the response: `accept` is missing')
    Object.assign(ask, { state: 'answered', decided_by: me?.principal.id, decided_at: new Date().toISOString() })
    return { accepted: true, id }
  },
  cancel: (backend, { id }) => setStatus(backend, id, 'cancelled', 'Cancelled: a person asked for it.'),
  resume: (backend, { id }) => setStatus(backend, id, 'queued', 'Queued: an operator resumed it.'),
  release: (backend, { id }) => setStatus(backend, id, 'queued', 'Queued: an operator released it.'),
  restore: (backend, { id }) => {
    find(backend.runs, id).run.branch += 1
    return setStatus(backend, id, 'queued', 'Queued: an operator restored it to an earlier point.')
  },
  fork: (backend, { id, body }) => {
    const { run } = find(backend.runs, id)
    const made = { ...find(backend.runs, id), run: { ...run, run_id: `${run.run_id}f`, status: 'queued' as const } }
    // Parsed before.
    backend.runs.unshift({ ...made, why: `Queued: forked at record ${(body as { seq: number }).seq}.` })
    return { run_id: made.run.run_id, existed: false }
  },
  runSchedule: (backend, { id, me }) => fire(findSchedule(backend, id), me?.principal.id ?? ''),
  pauseSchedule: (backend, { id }) => pause(findSchedule(backend, id), true),
  resumeSchedule: (backend, { id }) => pause(findSchedule(backend, id), false),
  ...ALERT_CHANGES,
  ...SWITCH_CHANGES,
  ...POLICY_CHANGES,
  ...BUNDLE_CHANGES,
  ...INBOX_CHANGES,
}

function find(runs: readonly RunDetail[], id: string): RunDetail {
  const found = runs.find((each) => each.run.run_id === id)
  if (!found) throw new SignalboxError('RUN_NOT_FOUND', `there is no run \`${id}\`: list them with \`signalbox runs\``)
  return found
}

function findAsk<T extends { id: string }>(
  all: readonly T[],
  id: string,
  code: 'APPROVAL_NOT_FOUND' | 'QUESTION_NOT_FOUND' | 'REQUEST_NOT_FOUND',
): T {
  const found = all.find((each) => each.id === id)
  if (!found) throw new SignalboxError(code, `there is no \`${id}\`: list them with \`signalbox approvals\``)
  return found
}

function decide(
  backend: Backend,
  ask: ApprovalDetail,
  who: string,
  answer: 'approved' | 'rejected',
  reason: string,
): void {
  if (ask.state !== 'open') {
    const details = { decided_by: ask.decided_by }
    throw new SignalboxError('APPROVAL_DECIDED', `${ask.decided_by} has already ${ask.state} it`, { details })
  }
  if (answer === 'approved' && isOneOfSeveral(ask, who)) return
  Object.assign(ask, { state: answer, decided_by: who, decided_at: new Date().toISOString(), reason })
  goOn(backend, ask.run_id, ask.id)
}

/** The run goes on after an answer. */
function goOn(backend: Backend, runId: string, askId: string): void {
  const detail = find(backend.runs, runId)
  detail.open = detail.open.filter((each) => each.id !== askId)
  if (detail.open.length > 0 || ENDED.includes(detail.run.status)) return
  detail.run.status = 'queued'
  detail.why = 'Queued: a person answered; a worker takes it up.'
  backend.append(runId, 'approval.decided')
}

function setStatus(backend: Backend, id: string, status: 'cancelled' | 'queued', why: string): unknown {
  const detail = find(backend.runs, id)
  detail.run.status = status
  detail.run.code = null
  detail.why = why
  backend.append(id, 'override.recorded')
  return { accepted: true, run_id: id }
}

const NEEDS = { approval: 'approvals.decide', question: 'questions.answer', request: 'requests.respond' } as const

function answerable<T extends ApprovalDetail | QuestionDetail | PortRequestDetail>(ask: T, me: Me | null): T {
  const needs = NEEDS[ask.kind]
  const code =
    ask.state !== 'open'
      ? ask.state === 'expired'
        ? 'APPROVAL_EXPIRED'
        : 'APPROVAL_DECIDED'
      : !me?.permissions.includes(needs)
        ? 'FORBIDDEN'
        : ask.kind !== 'request' && ask.requester === me.principal.id
          ? 'APPROVAL_SELF'
          : null
  return { ...ask, can_decide: code === null, cannot_decide_code: code }
}

function page(backend: Backend, query: { status?: string[]; limit: number; before?: string }): unknown {
  const all = backend.runs.map((each) => each.run).filter((run) => !query.status || query.status.includes(run.status))
  const from = query.before ? all.findIndex((run) => run.run_id === query.before) + 1 : 0
  const runs = all.slice(from, from + query.limit)
  return { runs, next: from + query.limit < all.length ? (runs.at(-1)?.run_id ?? null) : null }
}

function restorePoints(detail: RunDetail): unknown[] {
  const effects = detail.timeline.flatMap((step) =>
    step.activities
      .filter((each) => each.effect !== 'none' && each.outcome_seq !== null && each.from_ledger === null)
      .map((each) => ({ tool: each.name, seq: each.seq, status: each.status })),
  )
  const later = (seq: number) => effects.filter((each) => each.seq > seq)
  const points = detail.timeline.flatMap((step) => [
    ...step.save_points.map((point) => ({
      ...point,
      kind: 'save_point',
      superstep: step.superstep,
      current: step.current,
      later_effects: later(point.seq),
    })),
    ...(step.checkpoint_seq === null
      ? []
      : [
          {
            seq: step.checkpoint_seq,
            kind: 'superstep',
            at: step.ended_at,
            superstep: step.superstep,
            node: null,
            position: null,
            current: step.current,
            later_effects: later(step.checkpoint_seq),
          },
        ]),
  ])
  const entry = {
    seq: 1,
    kind: 'entry',
    at: detail.run.created_at,
    superstep: 0,
    node: null,
    position: null,
    current: true,
    later_effects: later(1),
  }
  return [entry, ...points].sort((a, b) => b.seq - a.seq)
}

function movePlan(detail: RunDetail, { kind, seq }: { kind: string; seq: number }): MovePlanView {
  const activities = detail.timeline.flatMap((step) => step.activities)
  const later = activities.filter((each) => each.effect !== 'none' && each.seq > seq && each.from_ledger === null)
  return {
    kind: kind === 'fork' ? 'fork' : 'restore',
    run_id: detail.run.run_id,
    seq,
    type: 'superstep.completed',
    at: detail.run.created_at,
    checkpoint_seq: seq,
    superstep: 1,
    effects: later.map((each) => ({
      effect_id: `effect-${each.seq}`,
      tool: each.name,
      run_id: detail.run.run_id,
      seq: each.seq,
      outcome_seq: each.outcome_seq,
      state: 'succeeded',
      handling: 'ledger',
    })),
    again: { model_calls: 2, reads: 1 },
    asked_anew: kind === 'fork' ? ['payments.pay'] : [],
    refused: null,
  }
}

const WORKFLOW = {
  name: 'payables',
  version: '1.0.0',
  signature: `sha256:${hashOf('graph').slice(0, 32)}`,
  diagram: 'flowchart TD\n  match --> decide --> notify',
  graph: {
    nodes: [
      { name: 'match', kind: 'function', lines: ['match'] },
      { name: 'decide', kind: 'agent', lines: ['decide', 'agent clerk', SCRIPTED] },
      { name: 'ask', kind: 'port', lines: ['ask', 'answer within 86400 s'] },
      { name: 'notify', kind: 'function', lines: ['notify'] },
    ],
    arrows: [
      { from: ':input', to: 'match', label: '', dashed: false },
      { from: 'match', to: 'decide', label: 'case 1', dashed: false },
      { from: 'match', to: 'ask', label: 'default', dashed: false },
      { from: 'ask', to: 'decide', label: '', dashed: false },
      { from: 'decide', to: 'notify', label: '', dashed: false },
      { from: 'decide', to: 'ask', label: 'rejected', dashed: true },
      { from: 'notify', to: ':output', label: '', dashed: false },
    ],
  },
  contract: null,
  budget: {
    max_turns: 12,
    max_tool_calls: 20,
    max_runtime_seconds: 120,
    max_tokens: 40_000,
    max_cost_nano_usd: '250000000',
  },
  max_supersteps: 20,
  input_schema: { type: 'object', properties: { invoice: { type: 'string' } }, $comment: BUNDLE },
  models: [{ id: SCRIPTED, scripted: true }],
}

/** What the mock backend tells of the record: explanations, lineage, records and effects, all made from its runs. */
import {
  type AnswersView,
  type EffectLogRow,
  type EndpointName,
  type EventRow,
  type FoundEffectView,
  type Lineage,
  type RecordView,
  type RunDetail,
  SignalboxError,
} from '@signalbox/protocol'
import { hashOf } from './parts.ts'
import { ASK, RUN } from './runs.ts'

interface Held {
  readonly runs: readonly RunDetail[]
}
type Answer = (held: Held, call: { id: string; query: unknown }) => unknown

/** What is read of the record. */
export const RECORD_READS: Partial<Record<EndpointName, Answer>> = {
  explain: ({ runs }, { id }) => explanation(find(runs, id)),
  lineage: ({ runs }, { id }) => lineageOf(find(runs, id)),
  events: ({ runs }, { id, query }) => {
    const { after, limit } = query as { after: number; limit: number } // parsed before
    const events = recordsOf(find(runs, id)).filter((each) => each.seq > after)
    return { events: events.slice(0, limit), next_after: null }
  },
  eventsOverRuns: ({ runs }, { query }) => {
    const { rows, next } = paged(runs.slice(0, 12).flatMap(eventsOf), query)
    return { events: rows, next, complete: true }
  },
  effectsOverRuns: ({ runs }, { query }) => {
    const { rows, next } = paged(runs.slice(0, 8).flatMap(effectsOf), query)
    return { effects: rows, next, complete: true }
  },
  lookUp: ({ runs }, { query }) => {
    const { value } = query as { value: string } // parsed before
    const found = runs.filter(({ run }) => run.request_id === value).flatMap((run) => effectsOf(run).map(foundOf))
    return { found, next: null }
  },
}

function find(runs: readonly RunDetail[], id: string): RunDetail {
  const found = runs.find((each) => each.run.run_id === id)
  if (!found) throw new SignalboxError('RUN_NOT_FOUND', `there is no run \`${id}\`: list them with \`signalbox runs\``)
  return found
}

/** Newest first, filtered by what a row has under the name of each field. */
function paged<R extends EventRow | EffectLogRow>(
  all: readonly R[],
  query: unknown,
): { rows: R[]; next: string | null } {
  const { limit, before, since: _since, ...filter } = query as Record<string, string> & { limit: number } // parsed before
  const rows = all
    .filter((row) => Object.entries(filter).every(([name, value]) => fieldOf(row, name) === value))
    .sort((a, b) => b.at.localeCompare(a.at) || b.seq - a.seq)
  const from = Number(before?.split('~')[0] ?? 0)
  const to = from + limit
  return { rows: rows.slice(from, to), next: to < rows.length ? `${to}~page` : null }
}

function fieldOf(row: EventRow | EffectLogRow, name: string): unknown {
  const values: Readonly<Record<string, unknown>> = { tool: 'name' in row ? row.name : null, ...row }
  return values[name]
}

const activitiesOf = (detail: RunDetail) => detail.timeline.flatMap((step) => step.activities)

/** Every sequence of the run with what its record tells. */
function recordsOf(detail: RunDetail): RecordView[] {
  const { run_id: run, seq: last } = detail.run
  const types = typesOf(detail)
  return Array.from({ length: last }, (_, place): RecordView => {
    const seq = place + 1
    const told = types.get(seq)
    return {
      v: 1,
      run,
      seq,
      type: told?.type ?? 'position.saved',
      at: told?.at ?? detail.run.created_at,
      prev: hashOf(`${run}${place}`),
      branch: 0,
      segment: 1,
      cause: seq === 1 ? null : place,
      active_ms: seq * 10,
      ...(told?.name ? { name: told.name, code: told.code } : {}),
    }
  })
}

interface Told {
  readonly type: string
  readonly at: string
  readonly node: string | null
  readonly name: string | null
  readonly code: string | null
}

function typesOf(detail: RunDetail): ReadonlyMap<number, Told> {
  const none = { node: null, name: null, code: null }
  const all = new Map<number, Told>([[1, { ...none, type: 'run.started', at: detail.run.created_at }]])
  for (const each of activitiesOf(detail)) {
    const { node, name, code, seq, outcome_seq: end } = each
    const asked = each.status === 'waiting' ? 'approval.requested' : 'activity.intent'
    all.set(seq, { type: asked, at: each.started_at, node, name, code: null })
    if (end !== null) all.set(end, { type: 'activity.outcome', at: each.ended_at ?? each.started_at, node, name, code })
  }
  for (const step of detail.timeline)
    if (step.checkpoint_seq !== null)
      all.set(step.checkpoint_seq, { ...none, type: 'superstep.completed', at: step.ended_at ?? step.started_at })
  return all
}

function eventsOf(detail: RunDetail): EventRow[] {
  const { run_id, workflow, principal } = detail.run
  return [...typesOf(detail)].map(([seq, { type, at, node, name, code }]) => ({
    ...{ run_id, seq, at, type, workflow, node, principal, name, code },
    actor: type === 'run.started' ? principal : null,
  }))
}

const effectActivities = (detail: RunDetail) => activitiesOf(detail).filter((each) => each.effect !== 'none')

function effectsOf(detail: RunDetail): EffectLogRow[] {
  const { run_id, workflow, principal } = detail.run
  return effectActivities(detail).map((each) => ({
    ...{ run_id, workflow, principal, node: each.node, tool: each.name, class: each.class, effect: each.effect },
    seq: each.outcome_seq ?? each.seq,
    at: each.ended_at ?? each.started_at,
    agent: each.agent,
    phase: each.status === 'question' ? 'unknown' : each.status === 'sent' ? 'open' : each.status,
    code: each.code,
    approval_id: each.approval?.approval_id ?? null,
    approver: each.approval?.by ?? null,
    effect_id: each.effect_id,
    effect_hash: each.effect_hash,
    resolved_by: each.resolved_by,
    from_ledger: each.from_ledger && { run: each.from_ledger.run_id, seq: each.from_ledger.seq },
  }))
}

function foundOf({ run_id, seq, at, workflow, principal, tool, phase, ...rest }: EffectLogRow): FoundEffectView {
  const { approval_id, approver } = rest
  return {
    ...{ run_id, seq, at, workflow, principal, tool, approval_id, approved_by: approver, status: phase },
    ...{ run_status: 'completed', type: 'activity.outcome', code: rest.code },
    happened: phase === 'unknown' || phase === 'open' ? null : phase === 'succeeded',
  }
}

/** Complete, but for the run whose effect nobody knows. */
function lineageOf(detail: RunDetail): Lineage {
  const { run_id } = detail.run
  const effects = effectActivities(detail).map((each) => ({
    ...{ effect_id: each.effect_id ?? '', tool: each.name, node: each.node, superstep: 2, status: each.status },
    ...{ model_seq: each.agent === null ? null : 9, deterministic: each.agent === null },
    ...{ intent_seq: each.seq, outcome_seq: each.outcome_seq, decision_id: 'dec_2', checkpoint_seq: 7 },
    approval: each.approval && {
      approval_id: each.approval.approval_id,
      seq: each.seq,
      by: each.approval.by,
      seen: `hmac:${hashOf('packet')}`,
      votes: [],
      standing: null,
      edited: false,
    },
    ...{ decision: null, idempotency_key: null, path: [], from_ledger: null, resolved_by: null },
    ...{ effect_hash: each.effect_hash, undoes: null, undone_by: null },
  }))
  const seq = effects[0]?.intent_seq ?? null
  const gaps =
    run_id === RUN.question ? [{ seq, code: 'OUTCOME_MISSING', text: 'The effect has no outcome on record.' }] : []
  return { run_id, complete: gaps.length === 0, effects, gaps }
}

function explanation(detail: RunDetail): unknown {
  const say = (seq: number | null, text: string) => ({ seq, at: detail.run.created_at, text })
  const story = [
    say(1, 'Rita started the payables desk for one invoice.'),
    say(4, 'The node match read the invoice, its order and its vendor: they agree.'),
    ...[6, 7, 8].map((seq) => say(seq, 'A read of `invoices.get` succeeded.')),
    say(9, 'The model scripted/clerk (scripted) proposed to pay it.'),
  ]
  const line = (sentences: number[], text: string | null = null) => ({ sentences, text, unknown: false })
  const effects = effectActivities(detail).map((each) => say(each.seq, `${each.name}: ${each.status}.`))
  const unknown = effectActivities(detail).filter(({ status }) => status === 'question' || status === 'unknown')
  return {
    schema: 'signalbox.explanation/1',
    run_id: detail.run.run_id,
    status: detail.run.status,
    answers: answersAbout(detail),
    summary: [say(1, '`user:rita` asked for the payables desk.'), say(null, 'Nothing changed outside.')],
    story,
    chapters: [
      { title: 'Start', lines: [line([0])] },
      {
        title: 'Superstep 0: `match`',
        lines: [line([1]), line([2, 3, 4], '3 reads of `invoices.get` by node `match`: all succeeded.'), line([5])],
      },
    ],
    effects,
    open: detail.open.map((each) => say(null, `A person must answer about ${each.tool}.`)),
    resume: [
      say(null, 'Nothing is lost: a resume answers finished activities from the journal and repeats no effect.'),
    ],
    unknown: unknown.map((each) => say(each.seq, `Whether \`${each.name}\` happened is not known.`)),
    cost: 'Two model calls, 3,680 tokens, $0.0084.',
    text: story.map((each) => each.text).join('\n'),
  }
}

/** The eight answers, as far as the run tells them. */
function answersAbout(detail: RunDetail): AnswersView {
  const { run, principal, cost_nano_usd, timeline } = detail
  const seqs = [1]
  const none = { signature: null, runtime: '0.1.0', code: run.code, reason: null, fork_of: null, compensates: null }
  const { id, kind, roles, tenant } = principal
  const effects = effectActivities(detail)
  const models = activitiesOf(detail).filter((each) => each.kind === 'model')
  return {
    who: { seqs, principal: id, kind, roles, tenant, via: null, credential: null, request_id: run.request_id },
    ran: {
      ...{ seqs, run: run.run_id, workflow: run.workflow, version: run.version, status: run.status },
      ...{ ...none, takeovers: 0, overrides: [] },
    },
    why: { seqs: effects.map(({ seq }) => seq), rules: effects.flatMap(ruleOf) },
    approved: { seqs: effects.map(({ seq }) => seq), approvals: effects.flatMap(approvalOf) },
    model: {
      seqs: models.map(({ seq }) => seq),
      models: models.slice(0, 1).map(({ name }) => ({
        ...{ model: name, agents: ['payables-clerk'], calls: models.length, not_succeeded: 0 },
        ...{ instead_of: [], troubles: [] },
      })),
      prompts: [{ agent: 'payables-clerk', sha256: hashOf('prompt'), seq: 1 }],
    },
    outside: { seqs: effects.map(({ seq }) => seq), effects: effects.map(outsideOf), unmediated: [] },
    resume: {
      ...{ seqs, goes_on: detail.open.length > 0 ? 'person' : 'by_itself', open: [] },
      points: timeline.flatMap(({ checkpoint_seq: seq, superstep, started_at: at }) =>
        seq === null ? [] : [{ seq, at, type: 'superstep.completed', superstep, safe: true, effects: [] }],
      ),
    },
    cost: {
      ...{ seqs, cost_nano_usd, held_nano_usd: '0', limit_nano_usd: '250000000', turns: models.length },
      ...{ tool_calls: effects.length, tokens: 3_680, estimated_seqs: [], limits_nearly_used: [] },
    },
  }
}

type Activity = ReturnType<typeof activitiesOf>[number]

function ruleOf({ seq, name, effect, decision }: Activity): AnswersView['why']['rules'] {
  if (!decision) return []
  const { id, verdict, reason_code, policies, bundle } = decision
  return [{ ...{ seq, decision: id, subject: name, effect, verdict, reason_code, policies, bundle }, controls: [] }]
}

function approvalOf({ seq, name, approval }: Activity): AnswersView['approved']['approvals'] {
  if (!approval) return []
  const packet = `hmac:${hashOf('packet')}`
  const seen = approval.by ? packet : null
  const at = approval.decided_at ?? approval.requested_at
  const vote = { for: null, at, reason: approval.reason, seen }
  const yes = approval.answer === 'approved' && approval.by ? [{ ...vote, by: approval.by }] : []
  const second = { ...vote, by: 'user:eva', for: 'user:vera', reason: 'called <b>the vendor</b>' }
  return [
    {
      ...{ seqs: [seq], approval: approval.approval_id, tool: name, answer: approval.answer, by: approval.by },
      ...{
        votes: approval.approval_id === ASK.edited ? [...yes, second] : yes,
        code: null,
        wait_ms: approval.decided_at ? 61_000 : null,
        reason: approval.reason,
      },
      asked_by: [
        { policy: 'payables.large', reason_code: 'AMOUNT_ABOVE_LIMIT', approvers: ['approver'], quorum: 1, stage: 1 },
      ],
      ...{ packet_hash: packet, seen_hash: seen, standing: approval.approval_id === ASK.standing ? 'sta_1' : null },
      edited_by: approval.approval_id === ASK.edited ? 'user:paul' : null,
      shown: {
        summary: approval.approval_id === ASK.payment ? 'Pay <b>1,250.00</b> to V-014' : 'Pay the invoice',
        ...{ target: null, money: { minor: 125_000, currency: 'EUR' }, rollback: null },
      },
    },
  ]
}

function outsideOf(each: Activity): AnswersView['outside']['effects'][number] {
  const happened = each.status === 'succeeded' ? true : ['question', 'unknown'].includes(each.status) ? null : false
  return {
    ...{ seq: each.outcome_seq ?? each.seq, tool: each.name, class: each.class, effect: each.effect, happened },
    ...{ status: each.status, code: each.code, from_ledger: null, origin: null, resolved_by: null, undoes: null },
    ...{ effect_hash: each.effect_hash, effect_id: each.effect_id, idempotency_key: each.idempotency_key },
    arguments: each.arguments,
  }
}

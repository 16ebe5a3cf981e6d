/** A complete small history for tests: one model call, one approved payment, one barrier, the end. */
import { createHash } from 'node:crypto'
import {
  type AskRef,
  type ContentRef,
  type Decision,
  NO_AMOUNTS,
  type Principal,
  type Proposal,
  type RecordDraft,
  type RunRecord,
  type RunRow,
  type StoredRecord,
} from 'signalbox'

const LABELS = { integrity: 2, marks: [] } as const

const ref = (s: number, i = 0): ContentRef => ({ s, i, h: `h${s}.${i}`, l: LABELS })

const ask = (ordinal: number): AskRef => ({
  key: `root.0.pay.0/0/${ordinal}`,
  activation: 'root.0.pay.0',
  node: 'pay',
  superstep: 0,
  position: 0,
  ordinal,
  attempt: 1,
  parent: null,
})

const decision = (id: string, point: Decision['point'], verdict: Decision['verdict'], reason: string): Decision => ({
  id,
  point,
  verdict,
  reason_code: reason,
  policies: ['pay-above-limit'],
  asks: verdict === 'require_approval' ? [{ id: 'pay-above-limit', reason_code: reason, approvers: ['approver'] }] : [],
  bundle: 'payables@b0b',
})

const proposal = (
  kind: Proposal['kind'],
  name: string,
  cls: string,
  effect: Proposal['effect'],
  model: number | null,
): Proposal => ({
  kind,
  name,
  class: cls,
  effect,
  agent: 'clerk',
  model_seq: model,
  call_id: model === null ? null : 'call_1',
  args: ref(3),
  args_digest: 'digest',
  labels: LABELS,
  definition_hash: 'def',
})

/** Rita, who starts the run. */
export const RITA: Principal = { id: 'user:rita', kind: 'user', tenant: 'dev', roles: ['requester', 'payables-clerk'] }
/** Paul, who approves. */
export const PAUL: Principal = { id: 'user:paul', kind: 'user', tenant: 'dev', roles: ['approver'] }

const checkpoint = (superstep: number, kind: 'entry' | 'superstep') => ({
  kind,
  superstep,
  state: {},
  queue: [],
  fan_in: {},
  requests: [],
  outputs: [],
  effect_keys: [],
  adopted: [],
  spent: NO_AMOUNTS,
})

const outcome = {
  class: '',
  agent: 'clerk',
  status: 'succeeded',
  code: null,
  effect_hash: null,
  effect_id: null,
  idempotency_key: null,
  usage: null,
  price: null,
  ledger: null,
  resolved_by: null,
  proposal: null,
  decision: null,
  approval_id: null,
} as const

const SPENT_MODEL = { turns: 1, tool_calls: 0, tokens: 120, cost_nano_usd: '2500000' }
const SPENT_TOOL = { turns: 0, tool_calls: 1, tokens: 0, cost_nano_usd: '0' }

function opening(tenant: string): RecordDraft[] {
  return [
    {
      type: 'run.started',
      tenant,
      workflow: { name: 'payables', version: '1.0.0', signature: 'sig', shape: 'shape' },
      runtime_version: '0.1.0',
      bundle: 'payables@b0b',
      principal: { ...RITA, tenant },
      request_id: 'req_1',
      subject: 'run_1',
      trace_id: 'a'.repeat(32),
      mode: 'development',
      input: ref(1),
      budget: {
        max_turns: 4,
        max_tool_calls: 4,
        max_runtime_seconds: 60,
        max_tokens: 1000,
        max_cost_nano_usd: '10000000',
      },
      parent: null,
      checkpoint: checkpoint(0, 'entry'),
    },
    { type: 'segment.started', worker: 'w1', epoch: 1, why: 'start', idle_ms: 0 },
    {
      type: 'activity.intent',
      ask: ask(0),
      proposal: proposal('model', 'scripted/clerk', 'model', 'none', null),
      decision: decision('dec_1', 'pre_model_call', 'allow', 'PERMITTED'),
      approval_id: null,
      reserved: { ...SPENT_MODEL, tokens: 400, cost_nano_usd: '4000000' },
      not_after: '2026-01-01T00:01:00.000Z',
      idempotency_key: 'key_0',
      effect_id: null,
    },
    {
      type: 'activity.outcome',
      ask: ask(0),
      kind: 'model',
      name: 'scripted/clerk',
      effect: 'none',
      result: ref(4),
      settled: SPENT_MODEL,
      latency_ms: 12,
      ...outcome,
    },
    {
      type: 'approval.requested',
      approval_id: 'apr_1',
      ask: ask(1),
      proposal: proposal('tool', 'payments.pay', 'payments.write', 'irreversible', 4),
      decision: decision('dec_2', 'pre_tool_call', 'require_approval', 'PAYMENT_ABOVE_LIMIT'),
      asks: [{ id: 'pay-above-limit', reason_code: 'PAYMENT_ABOVE_LIMIT', approvers: ['approver'] }],
      packet: ref(5, 1),
      target_digest: 't',
      deadline: '2026-01-02T00:00:00.000Z',
    },
    { type: 'run.waiting', on: [{ kind: 'approval', id: 'apr_1' }], wake_at: '2026-01-02T00:00:00.000Z' },
  ]
}

function ending(): RecordDraft[] {
  return [
    {
      type: 'approval.decided',
      approval_id: 'apr_1',
      ask: ask(1),
      answer: 'approved',
      by: PAUL,
      reason: ref(7),
      seen: 'h5.1',
      wait_ms: 1000,
      code: null,
    },
    { type: 'segment.started', worker: 'w2', epoch: 2, why: 'wake', idle_ms: 0 },
    {
      type: 'activity.intent',
      ask: ask(1),
      proposal: proposal('tool', 'payments.pay', 'payments.write', 'irreversible', 4),
      decision: decision('dec_3', 'pre_tool_call', 'allow', 'PERMITTED'),
      approval_id: 'apr_1',
      reserved: SPENT_TOOL,
      not_after: '2026-01-01T00:02:00.000Z',
      idempotency_key: 'key_1',
      effect_id: 'eff_1',
    },
    {
      ...outcome,
      type: 'activity.outcome',
      ask: ask(1),
      kind: 'tool',
      name: 'payments.pay',
      class: 'payments.write',
      effect: 'irreversible',
      result: ref(10),
      effect_hash: 'eh',
      effect_id: 'eff_1',
      idempotency_key: 'key_1',
      settled: SPENT_TOOL,
      latency_ms: 30,
      approval_id: 'apr_1',
    },
    {
      type: 'superstep.completed',
      superstep: 0,
      started_at: '2026-01-01T00:00:00.000Z',
      results: [
        { activation: 'root.0.pay.0', node: 'pay', delivery: 0, writes: [], message: ref(11), rejection: null },
      ],
      appends: {},
      checkpoint: {
        ...checkpoint(1, 'superstep'),
        spent: { turns: 1, tool_calls: 1, tokens: 120, cost_nano_usd: '2500000' },
      },
    },
    { type: 'run.completed', output: ref(12), decision: null },
  ]
}

/** Records with their stored form. */
export interface TestHistory {
  readonly records: readonly RunRecord[]
  readonly stored: readonly StoredRecord[]
  readonly row: RunRow
}

/** A history that waits for an approval, or with `completed` one that went on to its end. */
export function testHistory(runId: string, tenant: string, completed: boolean, waits = 0): TestHistory {
  const idle: RecordDraft = { type: 'segment.started', worker: 'w1', epoch: 1, why: 'wake', idle_ms: 0 }
  const drafts = [...opening(tenant), ...Array.from({ length: waits }, () => idle), ...(completed ? ending() : [])]
  let prev = '0'.repeat(64)
  const records: RunRecord[] = []
  const stored: StoredRecord[] = []
  for (const [index, draft] of drafts.entries()) {
    const seq = index + 1
    const at = new Date(Date.UTC(2026, 0, 1) + index * 100).toISOString()
    const record: RunRecord = {
      ...draft,
      v: 1,
      run: runId,
      seq,
      at,
      prev,
      branch: 0,
      segment: 1,
      cause: null,
      active_ms: index,
    }
    const body = JSON.stringify(record)
    const hash = createHash('sha256').update(body).digest('hex')
    records.push(record)
    stored.push({ seq, type: record.type, body, hash, sealed: null })
    prev = hash
  }
  return { records, stored, row: rowOf(runId, tenant, completed, records.length, prev) }
}

function rowOf(runId: string, tenant: string, completed: boolean, seq: number, head: string): RunRow {
  return {
    tenant,
    runId,
    workflow: 'payables',
    version: '1.0.0',
    signature: 'sig',
    requestId: `req_${runId}`,
    principal: RITA.id,
    subject: runId,
    status: completed ? 'completed' : 'waiting',
    code: null,
    seq,
    head,
    epoch: 1,
    branch: 0,
    checkpointSeq: 1,
    superstep: 0,
    wakeAt: null,
    leaseOwner: null,
    leaseUntil: null,
    createdAt: Date.UTC(2026, 0, 1),
    updatedAt: Date.UTC(2026, 0, 1),
    costNanoUsd: '2500000',
    attempts: 0,
  }
}

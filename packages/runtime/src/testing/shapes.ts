import type { Principal } from '../contracts/common.ts'
import { completeHistory, type History, history } from './history.ts'

/** Histories of every shape that the projection of telemetry knows, by name. */
export const SHAPES: Readonly<Record<string, () => History>> = {
  complete: completeHistory,
  denied: () => history().started().segment().model().denied().model().barrier().completed(),
  crash: () =>
    history()
      .started()
      .segment()
      .model()
      .propose('tool')
      .intent()
      .segment('takeover', 5_000)
      .outcome({ status: 'unknown', code: 'EFFECT_UNKNOWN' })
      .outcome({ resolved_by: 'lookup' })
      .barrier()
      .completed(),
  ledger: () => {
    const paid = history().started().segment().model().tool()
    return paid
      .propose('tool', { ledger: { run: paid.runId, seq: paid.seq } })
      .outcome()
      .barrier()
      .completed()
  },
  restored: () => completeHistory().branch(5).segment('person').model().tool().barrier().completed(),
  stopped: () =>
    history()
      .started()
      .segment()
      .model()
      .propose('tool', { status: 'refused', code: 'BUDGET_EXHAUSTED' })
      .outcome()
      .stopped(),
  parked: () =>
    history()
      .started()
      .segment()
      .model()
      .add({ type: 'run.parked', code: 'STORE_FULL', detail: null })
      .add({
        type: 'override.recorded',
        what: 'resume_parked',
        by: { id: 'user:ben', kind: 'user', tenant: 'acme', roles: [] },
        reason: null,
      })
      .segment('person')
      .completed(),
  rejected: () =>
    history()
      .started()
      .segment()
      .model()
      .propose('tool', { verdict: 'require_approval', status: 'rejected', code: 'APPROVAL_REJECTED' })
      .askPerson()
      .waiting()
      .segment('wake')
      .personAnswers('rejected')
      .outcome()
      .barrier()
      .completed(),
  failing: () => {
    const told = history().started().segment().read({ agent: null, status: 'failed', code: 'TOOL_FAILED' })
    told.add({
      type: 'activation.failed',
      activation: 'root.0.decide.0',
      node: 'decide',
      superstep: 0,
      attempt: 1,
      code: 'NODE_FAILED',
      error: told.content(0),
      retry_at: '2026-11-22T10:00:00.000Z',
    })
    return told
      .read({ agent: null, attempt: 2 })
      .add({
        type: 'message.dropped',
        superstep: 0,
        from: 'decide',
        edge: null,
        reason: 'no_edge',
        message: told.content(0),
      })
      .add({ type: 'unmediated.call', activation: null, where: 'node', host: 'example.com' })
      .barrier()
      .completed()
  },
  rare,
}

/** What happens to few runs: a provider in trouble, questions, an upgrade, warnings, late answers, corrections. */
function rare(): History {
  const by: Principal = { id: 'user:ben', kind: 'user', tenant: 'acme', roles: [] }
  const told = history().started().segment()
  const at = new Date(0).toISOString()
  told.propose('model').intent().outcome({ status: 'failed', code: 'MODEL_UNAVAILABLE', trouble: 'rate_limited' })
  const usage = { input_tokens: 9, output_tokens: 5, cache_read_tokens: 3, cache_write_tokens: 2, reasoning_tokens: 1 }
  told.propose('model').intent().outcome({ usage })
  told.propose('tool', { verdict: 'require_approval' }).askPerson()
  const asked = told.records().at(-1)
  if (asked?.type !== 'approval.requested') throw new Error('a person is asked')
  const { ask, proposal, approval_id } = asked
  const version = (name: string) => ({ version: name, signature: 'sig', shape: 'shape' })
  return told
    .add({ type: 'approval.changed', approval_id, ask, change: { what: 'seen', by, given_at: at } })
    .personAnswers('approved')
    .intent()
    .outcome({ status: 'unknown', code: 'EFFECT_UNKNOWN' })
    .add({ type: 'question.asked', question_id: 'q', ask, about: 'unknown_effect', packet: told.content(0) })
    .add({ type: 'question.answered', question_id: 'q', ask, answer: 'happened', by, reason: null })
    .outcome({ resolved_by: 'person' })
    .add({ type: 'step.failed', ask, proposal, attempt: 1, code: 'NODE_FAILED', error: told.content(0), retry_at: at })
    .add({ type: 'activity.late', ask, name: proposal.name, how: 'answered', late_ms: 5 })
    .add({ type: 'budget.warning', scope: 'run', limit: 'tokens', percent: 80 })
    .barrier()
    .add({
      type: 'run.upgraded',
      from: version('1.0.0'),
      to: version('1.1.0'),
      steps: [],
      by: 'worker',
      appends: {},
      checkpoint: null,
    })
    .add({
      type: 'run.stopping',
      reason: { kind: 'person', subject: null, code: 'CANCELLED' },
      end: 'cancelled',
      by,
    })
    .stopped()
    .add({ type: 'feedback.recorded', verdict: 'reopened', by, reason: told.content(0) })
    .add({ type: 'cost.corrected', table: 'prices-2026-12', lines: [], by, reason: told.content(0) })
    .add({
      type: 'history.pruned',
      first_seq: 1,
      last_seq: told.seq,
      keep: 'metadata',
      head: 'head',
      leaf: 'leaf',
      skeleton: null,
      ended_as: 'stopped',
      by,
      rule: { policy: 'digest', index: 0 },
      ended_at: at,
    })
}

/** What the tests of the API send to each endpoint, and who may change what. */
import type { EndpointName } from '@signalbox/protocol'
import type { Person } from './harness.ts'

/** A reason that is long enough. */
export const REASON = 'checked by hand'

/** One well-formed request for each endpoint that needs a permission. */
export const REQUESTS: Partial<Record<EndpointName, { path: string; body?: unknown }>> = {
  workflows: { path: '/workflows' },
  startRun: { path: '/runs', body: { workflow: 'payables', input: {} } },
  listRuns: { path: '/runs' },
  run: { path: '/runs/run_w' },
  events: { path: '/runs/run_w/events' },
  checkpoints: { path: '/runs/run_w/checkpoints' },
  cancel: { path: '/runs/run_w/cancel', body: { reason: REASON } },
  resume: { path: '/runs/run_w/resume', body: { reason: REASON } },
  release: { path: '/runs/run_w/release', body: { reason: REASON } },
  movePlan: { path: '/runs/run_w/move?kind=fork&seq=1' },
  restore: { path: '/runs/run_w/restore', body: { seq: 1, reason: REASON } },
  fork: { path: '/runs/run_w/fork', body: { seq: 1, reason: REASON } },
  compensationPlan: { path: '/runs/run_w/compensation' },
  compensate: { path: '/runs/run_w/compensation', body: { reason: REASON } },
  feedback: { path: '/runs/run_w/feedback', body: { verdict: 'accepted', reason: REASON } },
  explain: { path: '/runs/run_w/explain' },
  lineage: { path: '/runs/run_w/lineage' },
  audit: { path: '/runs/run_w/audit' },
  approvals: { path: '/approvals' },
  approval: { path: '/approvals/apr_1' },
  decide: {
    path: '/approvals/apr_1/decision',
    body: { answer: 'approved', reason: REASON, packet_hash: 'packet-hash' },
  },
  questions: { path: '/questions' },
  question: { path: '/questions/que_1' },
  answer: { path: '/questions/que_1/answer', body: { answer: 'happened', reason: REASON } },
  requests: { path: '/requests' },
  request: { path: '/requests/req_1' },
  respond: { path: '/requests/req_1/response', body: { value: { ok: true } } },
  killSwitches: { path: '/kill-switches' },
  engageKillSwitch: {
    path: '/kill-switches',
    body: { scope: 'tool', target: 'payments.pay', mode: 'stop_now', reason: REASON },
  },
  liftKillSwitch: { path: '/kill-switches/kill_0/lift', body: { reason: REASON } },
  budgets: { path: '/budgets' },
  status: { path: '/status' },
  schedules: { path: '/schedules' },
  schedule: { path: '/schedules/nightly' },
  runSchedule: { path: '/schedules/nightly/run', body: {} },
  pauseSchedule: { path: '/schedules/nightly/pause', body: { reason: REASON } },
  resumeSchedule: { path: '/schedules/nightly/resume', body: { reason: REASON } },
  eraseSubject: { path: '/subjects/erasure', body: { subject: 'ana', reason: REASON } },
  auditAll: { path: '/audit/verify' },
}

/** Who may call what is a change; everyone with a role may read. */
export const WRITERS: Partial<Record<EndpointName, readonly Person[]>> = {
  startRun: ['rita'],
  cancel: ['rita', 'olga'],
  resume: ['olga'],
  release: ['olga'],
  restore: ['olga'],
  fork: ['olga'],
  compensate: ['olga'],
  feedback: ['rita'],
  decide: ['paul'],
  answer: ['paul', 'olga'],
  respond: ['paul', 'olga'],
  engageKillSwitch: ['olga'],
  liftKillSwitch: ['olga'],
  runSchedule: ['olga'],
  pauseSchedule: ['olga'],
  resumeSchedule: ['olga'],
  eraseSubject: ['olga'],
}

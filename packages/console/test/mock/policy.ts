/** What the mock backend tells of the policy. */
import type {
  CredentialListView,
  DecisionDetail,
  DecisionRow,
  DecisionToldView,
  EndpointName,
  ExemptionListView,
  Me,
  PolicyReplayResult,
  RoleMatrixView,
} from '@signalbox/protocol'
import { BUNDLE } from './parts.ts'
import { RUN } from './runs.ts'

const ago = (seconds: number) => new Date(Date.now() - seconds * 1000).toISOString()

const rows: readonly DecisionRow[] = (
  [
    ['dec_3', 'payments.pay', 'deny', 'PAYEE_UNKNOWN', ['pay.payee'], RUN.denied],
    ['dec_2', 'payments.pay', 'require_approval', 'ABOVE_LIMIT', ['pay.large'], RUN.waiting],
    ['dec_1', 'records.vendor', 'allow', 'PERMITTED', ['read.records'], RUN.waiting],
  ] as const
).map(
  ([id, name, verdict, reason, policies, run], at): DecisionRow => ({
    id,
    run_id: run,
    seq: 12 - at,
    at: ago(60 * (at + 1)),
    point: 'pre_tool_call',
    kind: 'tool',
    name,
    class: name.startsWith('payments') ? 'payments.write' : 'records.read',
    effect: name.startsWith('payments') ? 'irreversible' : 'none',
    workflow: 'payables',
    node: 'decide',
    agent: 'clerk',
    principal: 'user:rita',
    verdict,
    reason_code: reason,
    policies: [...policies],
    approvers: verdict === 'require_approval' ? ['approver'] : [],
    approval_id: null,
    bundle: BUNDLE,
  }),
)

const told: DecisionToldView = {
  verdict: 'deny',
  reason_code: 'PAYEE_UNKNOWN',
  sentence: 'the payee is not the one of the invoice',
  policies: [
    {
      id: 'clerk.acts',
      kind: 'permit',
      owner: 'finance-controls',
      file: 'core.cedar',
      line: 30,
      stood: 'matched',
      because: null,
      values: {},
    },
    {
      id: 'pay.payee',
      kind: 'forbid',
      owner: 'treasury',
      file: 'core.cedar',
      line: 62,
      stood: 'decided',
      because: null,
      values: { 'context.input.payee': '<b>Mallory & Sons</b>' },
    },
    {
      id: 'pay.large',
      kind: 'require_approval',
      owner: 'treasury',
      file: 'core.cedar',
      line: 80,
      stood: 'not_matched',
      because: 'context.input.minor > 100000',
      values: { 'context.input.minor': '5000' },
    },
  ],
  other_actions: 9,
  approvers: [],
  bundle: BUNDLE,
}

function detailOf(id: string): DecisionDetail | undefined {
  const decision = rows.find((row) => row.id === id)
  if (!decision) return undefined
  const principal = { id: 'user:rita', kind: 'user' as const, tenant: 'dev', roles: ['payables-clerk'] }
  return {
    decision,
    sentence: 'the payee is not the one of the invoice',
    asked: {
      principal,
      input: { payee: '<b>Mallory & Sons</b>', minor: 5_000 },
      facts: {},
      labels: { integrity: 0, marks: [] },
      approved_by: null,
    },
    told: id === 'dec_1' ? null : { ...told, verdict: decision.verdict, reason_code: decision.reason_code },
    not_told: id === 'dec_1' ? 'The bundle of that time is not at hand.' : null,
    approval: null,
  }
}

const cell = (verdict: RoleMatrixView['rows'][number]['cells'][number]['verdict']) => ({
  verdict,
  reason: null,
  approvers: verdict.startsWith('asks') ? ['approver'] : [],
  conditions: verdict.startsWith('asks')
    ? [
        {
          policy: 'pay.large',
          kind: 'require_approval' as const,
          reason: 'ABOVE_LIMIT',
          sentence: 'a payment above 1,000.00 needs an approver',
          when: ['context.input.minor > 100000'],
        },
      ]
    : [],
})

const matrix: RoleMatrixView = {
  bundle: BUNDLE,
  hash: 'a'.repeat(64),
  roles: ['requester', 'payables-clerk', 'approver', 'all roles'],
  rows: [
    {
      tool: 'payments.pay',
      class: 'payments.write',
      effect: 'irreversible',
      owner: 'treasury',
      cells: [cell('denied'), cell('asks_sometimes'), cell('denied'), cell('asks_sometimes')],
    },
    {
      tool: 'records.vendor',
      class: 'records.read',
      effect: 'none',
      owner: 'finance-records',
      cells: [cell('allowed'), cell('allowed'), cell('allowed'), cell('allowed')],
    },
  ],
  duties: [],
  sign_off: { state: 'changed', rule: { days: 90, role: 'access-owner' }, signatures: [] },
}

const exemptions: ExemptionListView = {
  exemptions: [
    {
      tool: 'desk.propose_hold',
      workflows: ['payables'],
      condition: 'a hold can be lifted at once',
      owner: 'finance-controls',
      reason: 'A hold costs nothing.',
      signed_by: 'user:vera',
      signed_at: ago(90_000),
      expires_at: ago(-9_000_000),
      state: 'in_force',
    },
  ],
}

const credentials: CredentialListView = {
  credentials: [
    {
      tool: 'payments.pay',
      kind: 'file',
      source: 'bank.token',
      hosts: ['bank.example'],
      header: 'authorization',
      resolves: false,
      problem: 'the file is not there',
      expires_at: null,
      shared_with: null,
    },
  ],
  without: ['records.vendor'],
  faults: ['the credential of `payments.pay` does not resolve: the file is not there'],
}

const replayed: PolicyReplayResult = {
  bundle: BUNDLE,
  since: ago(600_000),
  until: ago(0),
  decisions: 40,
  same: 37,
  flipped: 2,
  runs: 9,
  flips: [
    {
      before: 'allow',
      after: 'deny',
      name: 'payments.pay',
      policies: ['pay.never'],
      reason_code: 'NEVER',
      approvers: [],
      count: 2,
      runs: 1,
      refused_by_person: 0,
      examples: [{ run_id: RUN.completed, seq: 9, decision_id: 'dec_9', at: ago(500) }],
    },
  ],
  not_again: { erased: 1, not_recorded: 0, fork_plan: 0, not_reproduced: 0 },
  not_reproduced: [],
  pruned_runs: 0,
  unchecked: 0,
  duration_ms: 12,
}

type Answers = Partial<
  Record<EndpointName, (held: unknown, call: { id: string; query: unknown; body: unknown; me: Me | null }) => unknown>
>

/** What is read of the policy. */
export const POLICY_READS: Answers = {
  decisions: (_held, { query }) => {
    const { verdict, tool } = query as { verdict?: string; tool?: string } // parsed before
    const wanted = rows.filter((row) => (verdict ?? row.verdict) === row.verdict && (tool ?? row.name) === row.name)
    return { decisions: wanted, since: ago(86_400), until: ago(0), runs: 2, more: false, next: null, complete: true }
  },
  decision: (_held, { id }) => detailOf(id),
  roleMatrix: () => matrix,
  policyFindings: () => ({
    bundle: BUNDLE,
    findings: [
      {
        code: 'EFFECT_WITHOUT_APPROVAL',
        severity: 'error',
        file: 'catalogue.json',
        line: 12,
        subject: 'records.archive',
        message: 'records.archive has an effect, and nobody has to approve it',
      },
    ],
  }),
  exemptions: () => exemptions,
  credentials: () => credentials,
}

/** Questions that change nothing, and a signature. */
export const POLICY_CHANGES: Answers = {
  simulatePolicy: () => told,
  replayPolicy: () => replayed,
  signRoles: () => ({ ...matrix.sign_off, state: 'signed' }),
}

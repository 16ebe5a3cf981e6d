/** The life of bundles as the mock backend tells it: one in force, one draft, one that was before, a shadow. */
import type { EndpointName, Me, PolicyStatus, ShadowReport } from '@signalbox/protocol'
import { SignalboxError } from 'signalbox/errors'
import { RUN } from './runs.ts'

const ago = (seconds: number) => new Date(Date.now() - seconds * 1000).toISOString()
const person = (name: string) => ({ id: `user:${name}`, kind: 'user' as const, tenant: 'dev', roles: [] })

const NOW = `payables@${'b'.repeat(64)}`
const DRAFT = `payables@${'c'.repeat(64)}`
const BEFORE = `payables@${'d'.repeat(64)}`

const shadow: NonNullable<ShadowReport['shadow']> = {
  seq: 4,
  since: ago(4_000),
  bundle: DRAFT,
  hash: 'c'.repeat(64),
  by: person('vera'),
  counts: { same: 120, would_block: 1, would_allow: 0, would_ask: 0, error: 0, dropped: 0 },
}

/** How the policy stands at first. */
export function startStatus(): PolicyStatus {
  const holder = { kind: 'worker' as const, pid: 11, held_at: ago(900), seen_at: ago(1), alive: true }
  return {
    mode: 'production',
    activation: 'reviewed',
    in_force: {
      seq: 3,
      at: ago(1_000),
      bundle: NOW,
      hash: 'b'.repeat(64),
      version: '1.1.0',
      from: BEFORE,
      way: 'reviewed',
      rollback: false,
      author: person('vera'),
      by: person('olga'),
      declared: false,
      reason: 'The limit is lower <i>now</i>.',
      review_open: false,
    },
    folder: { path: 'policy', hash: 'b'.repeat(64), same: true, problem: null },
    holders: [
      { ...holder, process: 'worker-1', bundle: NOW, current: true, reached_ms: 84, refused: null },
      {
        ...holder,
        process: 'worker-2',
        bundle: BEFORE,
        current: false,
        reached_ms: null,
        refused: { bundle: NOW, code: 'CATALOGUE_LAXER', detail: 'tool `payments.pay` is laxer in code' },
      },
    ],
    reached_all_ms: null,
    drafts: [
      {
        seq: 5,
        at: ago(300),
        bundle: DRAFT,
        hash: 'c'.repeat(64),
        version: '1.2.0',
        base: NOW,
        stale: false,
        rollback: false,
        by: person('vera'),
        reason: 'Clerks pay no more by themselves.',
        changes: [
          { what: 'policy', how: 'added', name: 'pay.never', details: ['forbid payments.pay'], loosens: false },
          { what: 'policy', how: 'removed', name: 'pay.large', details: ['asked above 1,000.00'], loosens: true },
        ],
      },
    ],
    shadow,
    reviews_open: [],
  }
}

interface Held {
  policy: PolicyStatus
}
type Answers = Partial<
  Record<EndpointName, (held: Held, call: { id: string; query: unknown; body: unknown; me: Me | null }) => unknown>
>

/** What is read of bundles. */
export const BUNDLE_READS: Answers = {
  policyStatus: (held) => held.policy,
  policyHistory: (held) => {
    const event = { author: person('vera'), by: person('olga'), hash: 'e'.repeat(64), reason: 'As agreed.' }
    const activated = { ...event, type: 'bundle.activated' as const, way: 'reviewed' }
    return {
      events: [
        { ...activated, seq: 3, at: ago(1_000), bundle: held.policy.in_force?.bundle ?? null },
        { ...activated, seq: 1, at: ago(90_000), bundle: BEFORE, way: 'bootstrap' },
      ],
    }
  },
  shadowReport: () => ({
    shadow,
    findings: [
      {
        outcome: 'would_block',
        run_id: RUN.completed,
        workflow: 'payables',
        point: 'pre_tool_call',
        action: 'payments.pay',
        at: ago(90),
        now: { verdict: 'allow', reason_code: 'PERMITTED' },
        draft: { verdict: 'deny', reason_code: 'NEVER', policies: ['pay.never'] },
      },
    ],
  }),
}

/** What is ordered about them. The author of a draft may not activate it. */
export const BUNDLE_CHANGES: Answers = {
  proposeBundle: () => ({ bundle: BEFORE, hash: 'd'.repeat(64) }),
  activateBundle: (held, { id, me }) => {
    const draft = held.policy.drafts.find((one) => one.hash === id)
    if (!draft || !held.policy.in_force) throw new SignalboxError('CONFLICT', 'there is no such draft any more')
    const { bundle, hash, version } = draft
    const by = me?.principal ?? null
    held.policy = {
      ...held.policy,
      in_force: { ...held.policy.in_force, bundle, hash, version, author: draft.by, by },
      drafts: [],
    }
    return { bundle, hash }
  },
}

/** Builders of what the mock backend shows: short to write, complete in shape. */
import type { Activity, BudgetBar, RunDetail, RunStatusView, Superstep } from '@signalbox/protocol'
import { principalOf } from './people.ts'

/** Hash-like text that is the same for the same word. */
export function hashOf(word: string): string {
  let state = 2_166_136_261
  for (const char of word) state = Math.imul(state ^ char.charCodeAt(0), 16_777_619) >>> 0
  let text = ''
  for (let at = 0; at < 8; at++) {
    state = Math.imul(state ^ (state >>> 13), 0x5bd1_e995) >>> 0
    text += state.toString(16).padStart(8, '0')
  }
  return text.slice(0, 64)
}

/** Bundle in force. */
export const BUNDLE = `sha256:${hashOf('bundle').slice(0, 32)}`
/** Model that answers from a script. */
export const SCRIPTED = 'scripted/clerk'

/** A clock that starts some seconds ago and moves with every reading. */
export interface Ticker {
  readonly now: () => string
  readonly skip: (ms: number) => void
  readonly seq: () => number
  readonly lastSeq: () => number
}

/** Time and sequence of one run that started `secondsAgo`. */
export function ticker(secondsAgo: number): Ticker {
  let at = Date.now() - secondsAgo * 1000
  let seq = 0
  return {
    now: () => new Date(at).toISOString(),
    skip: (ms) => {
      at += ms
    },
    seq: () => ++seq,
    lastSeq: () => seq,
  }
}

/** What differs between activities; the rest is filled in. */
export type ActivityPart = Pick<Activity, 'kind' | 'name' | 'class' | 'effect' | 'node'> & Partial<Activity>

/** One activity that succeeded, unless told otherwise; takes time on the run's clock. */
export function activity(run: string, clock: Ticker, part: ActivityPart): Activity {
  const seq = clock.seq()
  const started = clock.now()
  const open = part.status === 'waiting' || part.status === 'question' || part.status === 'sent'
  const latency = open ? null : (part.latency_ms ?? 40 + ((seq * 37) % 400))
  clock.skip(latency ?? 5)
  const key = `${run}/${part.node}/${seq}`
  return {
    key,
    seq,
    outcome_seq: open ? null : clock.seq(),
    agent: null,
    attempt: 1,
    status: 'succeeded',
    code: null,
    parent: null,
    decision: {
      id: `dec_${hashOf(key).slice(0, 16)}`,
      verdict: 'allow',
      reason_code: 'PERMIT',
      policies: [part.kind === 'model' ? 'core.models' : 'payables.read'],
      bundle: BUNDLE,
    },
    approval: null,
    arguments: JSON.stringify({ invoice: 'inv-0042' }),
    result: open ? null : JSON.stringify({ ok: true }),
    cost_nano_usd: '0',
    tokens: 0,
    started_at: started,
    ended_at: open ? null : clock.now(),
    idempotency_key: part.effect === 'none' ? null : `sb_${hashOf(key).slice(0, 32)}`,
    effect_id: part.effect === 'none' ? null : `eff_${hashOf(key).slice(0, 16)}`,
    effect_hash: part.effect === 'none' || open ? null : `hmac:${hashOf(`${key}h`).slice(0, 32)}`,
    from_ledger: null,
    resolved_by: null,
    ...part,
    latency_ms: latency,
  }
}

/** A model call with its price. */
export function modelCall(run: string, clock: Ticker, result: string): Activity {
  return activity(run, clock, {
    kind: 'model',
    name: SCRIPTED,
    class: 'models.call',
    effect: 'none',
    node: 'decide',
    agent: 'payables-clerk',
    latency_ms: 620,
    tokens: 1840,
    cost_nano_usd: '4210000',
    arguments: JSON.stringify({ messages: 3, max_output_tokens: 800 }),
    result,
  })
}

/** One superstep around its activities. */
export function superstep(
  clock: Ticker,
  at: number,
  nodes: string[],
  activities: Activity[],
  rest: Partial<Superstep> = {},
): Superstep {
  const done = rest.status !== 'open'
  const started = activities[0]?.started_at ?? clock.now()
  clock.skip(15)
  return {
    superstep: at,
    branch: 0,
    current: true,
    status: 'completed',
    nodes,
    started_at: started,
    ended_at: done ? clock.now() : null,
    checkpoint_seq: done ? clock.seq() : null,
    save_points: [],
    activities,
    notes: [],
    ...rest,
  }
}

const LIMITS = { turns: 12, tool_calls: 20, runtime: 120_000, tokens: 40_000, cost: 250_000_000 } as const

/** Budget bars from what was spent; runtime in milliseconds, cost in nano-USD. */
export function budget(
  spent: Partial<Record<BudgetBar['name'], number>>,
  held: Partial<Record<BudgetBar['name'], number>> = {},
): BudgetBar[] {
  const names = ['turns', 'tool_calls', 'runtime', 'tokens', 'cost'] as const
  return names.map((name) => {
    const used = spent[name] ?? 0
    const reserved = held[name] ?? 0
    return {
      name,
      unit: name === 'runtime' ? 'milliseconds' : name === 'cost' ? 'nano_usd' : 'count',
      limit: String(LIMITS[name]),
      spent: String(used),
      held: String(reserved),
      fraction: (used + reserved) / LIMITS[name],
    }
  })
}

/** What differs between runs. */
export interface RunPart {
  readonly id: string
  readonly clock: Ticker
  readonly status: RunStatusView
  readonly why: string
  readonly definition?: RunDetail['definition']
  readonly invoice: string
  readonly timeline: Superstep[]
  readonly code?: string
  readonly spent?: Partial<Record<BudgetBar['name'], number>>
  readonly held?: Partial<Record<BudgetBar['name'], number>>
  readonly open?: RunDetail['open']
  readonly undone?: string[]
  readonly ending?: RunDetail['ending']
  readonly output?: unknown
  readonly milestones?: RunDetail['milestones']
  readonly branch?: number
}

/** A whole run. Its totals come from its activities. */
export function runOf(part: RunPart): RunDetail {
  const all = part.timeline.flatMap((step) => step.activities)
  const cost = all.reduce((sum, each) => sum + BigInt(each.cost_nano_usd), 0n).toString()
  const first = part.timeline[0]?.started_at ?? part.clock.now()
  const spent = {
    turns: all.filter((each) => each.kind === 'model').length,
    tool_calls: all.filter((each) => each.kind === 'tool').length,
    runtime: all.reduce((sum, each) => sum + (each.latency_ms ?? 0), 0),
    tokens: all.reduce((sum, each) => sum + each.tokens, 0),
    cost: Number(cost),
    ...part.spent,
  }
  return {
    run: {
      run_id: part.id,
      workflow: 'payables',
      version: '1.0.0',
      status: part.status,
      code: part.code ?? null,
      principal: 'user:rita',
      request_id: `invoice:${part.invoice}`,
      superstep: part.timeline.at(-1)?.superstep ?? 0,
      branch: part.branch ?? 0,
      seq: part.clock.lastSeq(),
      cost_nano_usd: cost,
      created_at: first,
      updated_at: part.clock.now(),
      wake_at: null,
      worker: part.status === 'running' ? 'worker-2' : null,
    },
    principal: principalOf('rita'),
    signature: `sha256:${hashOf('graph').slice(0, 32)}`,
    bundle: BUNDLE,
    build: {
      runtime: '0.1.0',
      bundle: 'payables@6b1f',
      version: '1.0.0',
      definition: 'd3f0',
      models: { clerk: 'scripted/clerk' },
      prompts: { clerk: '9c2e11aa07' },
      tools: { 'payments.pay': '77aa' },
      prices: { 'scripted/clerk': null },
      changes: [{ segment: 2, seq: 14, what: 'runtime 0.1.0 is 0.2.0 now' }],
    },
    mode: 'development',
    trace_id: hashOf(part.id).slice(0, 32),
    why: part.why,
    definition: part.definition ?? null,
    budget: budget(spent, part.held),
    cost_nano_usd: cost,
    open: part.open ?? [],
    held_up: [],
    undone: part.undone ?? [],
    ending: part.ending ?? null,
    input: { invoice: part.invoice, inbox: 'world/inbox' },
    output: part.output ?? null,
    timeline: part.timeline,
    milestones: part.milestones ?? [
      { seq: 1, at: first, type: 'run.started', text: 'user:rita started payables 1.0.0' },
    ],
  }
}

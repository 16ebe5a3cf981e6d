import type { RunCostView, RunDetail } from '@signalbox/protocol'

/** What the model calls of a run cost; the last one did not tell what it used. */
export function costOfRun({ run, timeline }: RunDetail): RunCostView {
  const models = timeline.flatMap((step) => step.activities).filter((each) => each.kind === 'model')
  const attempts = models.map((each, place): RunCostView['attempts'][number] => ({
    key: each.key,
    attempt: 1,
    seq: each.seq,
    outcome_seq: each.outcome_seq,
    at: each.started_at,
    model: each.name,
    node: each.node,
    agent: each.agent,
    status: each.status,
    estimate_nano_usd: (BigInt(each.cost_nano_usd) * 3n).toString(),
    actual_nano_usd: each.cost_nano_usd,
    least_nano_usd: place === models.length - 1 ? '0' : each.cost_nano_usd,
    source: place === models.length - 1 ? 'estimated' : 'local',
    why: place === models.length - 1 ? 'no_answer' : null,
    price: '2026-11-22@b53a161189a5#scripted/*',
    overlay: 'acme-contract@0123456789ab#*',
    tokens: {},
    corrected_nano_usd: null,
  }))
  const sum = (amounts: readonly (string | null)[]): string =>
    amounts.reduce((total, each) => total + BigInt(each ?? 0), 0n).toString()
  const total = {
    name: 'total',
    calls: attempts.length,
    estimate_nano_usd: sum(attempts.map((each) => each.estimate_nano_usd)),
    actual_nano_usd: sum(attempts.map((each) => each.actual_nano_usd)),
    estimated_nano_usd: sum(attempts.filter((each) => each.why !== null).map((each) => each.actual_nano_usd)),
  }
  const nothing = { held_nano_usd: '0', inherited_nano_usd: '0', corrected_nano_usd: null, corrections: [] }
  const groups = { by_model: [], by_node: [], by_agent: [], by_overlay: [] }
  return { run_id: run.run_id, tenant: 'dev', total, ...nothing, ...groups, attempts }
}

import type { CostAttemptView, CostGroupView, RunCostView } from '@signalbox/protocol'
import type { CostAttempt, CostGroup, RunCost, Usage } from 'signalbox'

/** What a run cost, as the API tells it. */
export function runCostView(runId: string, tenant: string, cost: RunCost): RunCostView {
  return {
    run_id: runId,
    tenant,
    total: costGroupView(cost.total),
    held_nano_usd: cost.heldNanoUsd.toString(),
    inherited_nano_usd: cost.inheritedNanoUsd.toString(),
    corrected_nano_usd: cost.correctedNanoUsd?.toString() ?? null,
    by_model: cost.byModel.map(costGroupView),
    by_node: cost.byNode.map(costGroupView),
    by_agent: cost.byAgent.map(costGroupView),
    by_overlay: cost.byOverlay.map(costGroupView),
    attempts: cost.attempts.map(attemptView),
    corrections: cost.corrections.map((each) => ({ ...each })),
  }
}

/** Sums as the API tells them. */
export function costGroupView(group: CostGroup): CostGroupView {
  return {
    name: group.name,
    calls: group.calls,
    estimate_nano_usd: group.estimateNanoUsd.toString(),
    actual_nano_usd: group.actualNanoUsd.toString(),
    estimated_nano_usd: group.estimatedNanoUsd.toString(),
  }
}

function attemptView(attempt: CostAttempt): CostAttemptView {
  return {
    key: attempt.key,
    attempt: attempt.attempt,
    seq: attempt.seq,
    outcome_seq: attempt.outcomeSeq,
    at: attempt.at,
    model: attempt.model,
    node: attempt.node,
    agent: attempt.agent,
    status: attempt.status,
    estimate_nano_usd: attempt.estimateNanoUsd.toString(),
    actual_nano_usd: attempt.actualNanoUsd?.toString() ?? null,
    least_nano_usd: attempt.leastNanoUsd.toString(),
    source: attempt.source,
    why: attempt.why ?? null,
    price: attempt.price,
    overlay: attempt.overlay,
    tokens: attempt.usage ? tokensOf(attempt.usage) : {},
    corrected_nano_usd: attempt.correctedNanoUsd?.toString() ?? null,
  }
}

function tokensOf(usage: Usage): Record<string, number> {
  return Object.fromEntries(
    Object.entries(usage).filter((entry): entry is [string, number] => typeof entry[1] === 'number'),
  )
}

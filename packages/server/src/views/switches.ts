import type { BlastRadiusView, OverrideView } from '@signalbox/protocol'
import type { BlastRadius, SwitchOverride } from 'signalbox'
import { isoOf, isoOrNull } from './runs.ts'

/** What a switch would touch. */
export function blastRadiusView(radius: BlastRadius): BlastRadiusView {
  return {
    open_runs: radius.openRuns,
    runs: radius.runs.map(({ runId, workflow, status }) => ({ run_id: runId, workflow, status })),
    waiting_approvals: radius.waitingApprovals,
    approvals: radius.approvals.map(({ id, runId, tool }) => ({ approval_id: id, run_id: runId, tool })),
    effects_in_flight: radius.effectsInFlight,
    in_flight: radius.inFlight.map(({ runId, tool, state }) => ({ run_id: runId, tool, state })),
    schedules: [...radius.schedules],
    cut: radius.cut,
  }
}

/** Leave to pass a switch. */
export function overrideView(row: SwitchOverride): OverrideView {
  return {
    id: row.id,
    switch_id: row.switchId,
    run_id: row.runId,
    ask: row.ask,
    reason: row.reason,
    asked_by: row.askedBy,
    confirmed_by: row.confirmedBy,
    created_at: isoOf(row.createdAt),
    expires_at: isoOf(row.expiresAt),
    used_at: isoOrNull(row.usedAt),
    reviewed_by: row.reviewedBy,
  }
}

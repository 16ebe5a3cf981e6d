import type { LaterEffectView, MovePlanView } from '@signalbox/protocol'
import type { LaterEffect, MovePlan } from 'signalbox'

/** What a restore or fork would do, as the API tells it. */
export function movePlanView(plan: MovePlan): MovePlanView {
  const { kind, runId, seq, type, at, checkpointSeq, superstep, effects, again, askedAnew, refused } = plan
  return {
    kind,
    run_id: runId,
    seq,
    type,
    at,
    checkpoint_seq: checkpointSeq,
    superstep,
    effects: effects.map(effectView),
    again: { model_calls: again.modelCalls, reads: again.reads },
    asked_anew: [...askedAnew],
    refused: refused && { ...refused },
  }
}

function effectView({ effectId, tool, runId, seq, outcomeSeq, state, handling }: LaterEffect): LaterEffectView {
  return { effect_id: effectId, tool, run_id: runId, seq, outcome_seq: outcomeSeq, state, handling }
}

/** What the records tell of verdicts at points and of arguments that controls changed. */
import type { InterventionPoint } from '../contracts/policy.ts'
import type { ActivityOutcome, DecisionRecorded, Proposal } from '../contracts/records.ts'
import type { RunFold } from './run-fold.ts'

/** Names what passes a point, by where it passes. */
export function judgedKey(point: InterventionPoint, at: string): string {
  return `${point}|${at}`
}

/** Keeps a verdict for whoever asks again; a changed input is what the run goes on with. */
export function foldJudged(fold: RunFold, record: DecisionRecorded): void {
  const { decision, judged, value } = record
  if (!judged) return
  fold.judged.set(judgedKey(decision.point, judged.at), record)
  if (decision.point !== 'input' || !value) return
  const queue = fold.checkpoint.queue.map((one) => ({ ...one, message: value }))
  fold.checkpoint = { ...fold.checkpoint, queue }
}

/** The answer of a call is on record: nobody asks about it again. */
export function dropJudged(fold: RunFold, { ask }: Pick<ActivityOutcome, 'ask'>): void {
  for (const point of ['post_tool_call', 'post_model_call'] as const) fold.judged.delete(judgedKey(point, ask.key))
}

/** Digest of the arguments that a handler asked with, by which it is recognised on replay; a control may have changed them. */
export function askedDigest({
  asked_digest: asked,
  args_digest: done,
}: Pick<Proposal, 'asked_digest' | 'args_digest'>): string {
  return asked ?? done
}

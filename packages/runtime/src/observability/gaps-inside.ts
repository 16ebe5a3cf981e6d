import type { ActivityOutcome, RunRecord } from '../contracts/records.ts'
import type { Gap, GapKind } from './lineage.ts'

/**
 * Gaps of a local step or of a request of a handler (Invariant 15), from the records of its ask before its end. They send
 * nothing, so nobody decides on them: they tell what was asked, have no effect and end once; an answer is somebody's, to a
 * request that was open.
 */
export function insideGaps(ended: ActivityOutcome, before: readonly RunRecord[]): readonly Gap[] {
  const { seq, name, kind } = ended
  const gaps: Gap[] = []
  const found = (what: GapKind, detail: string): void => {
    gaps.push({ kind: what, seq, detail })
  }
  const earlier = before.find((one) => one.type === 'activity.outcome' && one.ask.attempt === ended.ask.attempt)
  if (ended.proposal === null) found('tool_call', `no proposal tells what ${kind} \`${name}\` was asked with`)
  if (ended.effect !== 'none') found('intent', `${kind} \`${name}\` is on record with an effect`)
  if (earlier) found('outcome', `${kind} \`${name}\` had ended in record ${earlier.seq}`)
  if (kind === 'request' && ended.status === 'succeeded') {
    const answer = before.findLast((record) => record.type === 'request.answered')
    const opened = before.some((one) => one.type === 'request.opened' && one.request.request_id === answer?.request_id)
    if (answer?.answer !== 'answered' || answer.by === null)
      found('approval', `nobody is named as who answered at port \`${name}\``)
    else if (!opened) found('approval', `the answer \`${answer.request_id}\` has no request`)
  }
  return gaps
}

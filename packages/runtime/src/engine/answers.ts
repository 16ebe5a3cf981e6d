import { toSignalboxError } from '../base/errors.ts'
import { parseJson } from '../base/json.ts'
import { timeOf } from '../base/time.ts'
import { OPERATOR_LABELS, type Principal } from '../contracts/common.ts'
import { type AskJournal, findAsk } from '../reliability/fold.ts'
import type { LiveRun } from './live-run.ts'
import { specInside } from './scope.ts'

/** What somebody answered, as the inbox holds it: JSON text, and when it was posted (ms since 1970). */
export interface GivenAnswer {
  readonly text: string
  readonly by: Principal
  readonly createdAt: number
}

/** The ask whose handler opened a request; null for a request of a port node, whose answer travels as a message. */
export function openedByAsk(run: LiveRun, id: string): AskJournal | null {
  return findAsk(run.fold, ({ request }) => request?.opened.request.request_id === id)
}

/** Puts the answer to a handler's request on record and wakes the ask that waits for it. Late or second answers change nothing. */
export function takeAnswer(run: LiveRun, { ask, request }: AskJournal, given: GivenAnswer): void {
  if (!request || request.answered || given.createdAt >= timeOf(request.opened.request.deadline)) return
  const { request_id: id, node: port, scope } = request.opened.request
  try {
    const spec = specInside(run.spec, run.fold, scope)
    const shape = spec.nodes.get(ask.node)?.ports?.get(port)?.response
    const value = shape?.parse(parseJson(given.text, 'the response'), 'the response') ?? null
    run.append(
      (put) => ({
        type: 'request.answered' as const,
        request_id: id,
        ask,
        answer: 'answered' as const,
        by: given.by,
        value: put(value, OPERATOR_LABELS),
      }),
      request.opened.seq,
    )
    run.closeRequest(id, 'answered', given.by.id)
    run.waits.wake('request', id)
  } catch (thrown) {
    // Checked before it was posted; a shape that changed since is a malfunction, not an answer.
    const error = toSignalboxError(thrown)
    run.stopWith({ kind: 'park', code: error.code, detail: error.message })
  }
}

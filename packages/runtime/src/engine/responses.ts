import { toSignalboxError } from '../base/errors.ts'
import { type JsonValue, parseJson } from '../base/json.ts'
import { isoTime, timeOf } from '../base/time.ts'
import type { CheckpointBody, OpenRequest } from '../contracts/checkpoint.ts'
import { type ContentRef, OPERATOR_LABELS, type Principal } from '../contracts/common.ts'
import { type Drop, type Held, inDeliveryOrder, route } from '../orchestration/index.ts'
import type { ResponseReceived } from '../contracts/records.ts'
import { adoptedEffects, definitionPart } from '../reliability/fold.ts'
import { recordDrops } from './barrier.ts'
import { fanInOf, joinInto, openHeld } from './fan-in.ts'
import type { LiveRun, PendingResponse } from './live-run.ts'

/**
 * Takes answers, passed deadlines of ports and timers that are due between supersteps, in the order of their times; each
 * makes a checkpoint. True when there was one.
 */
export async function takeResponses(run: LiveRun): Promise<boolean> {
  // A checkpoint inside an open superstep would cut off what is on record of it: the message travels after its barrier.
  if (run.fold.activations.size > 0 || run.fold.opened.length > 0) return false
  let taken = false
  for (const response of run.responses.splice(0)) {
    run.with({ consumed: response.row })
    const request = run.fold.checkpoint.requests.find((one) => one.request_id === response.requestId)
    if (request && !request.timer && acceptAnswer(run, request, response, await openHeld(run))) taken = true
  }
  const now = run.env.host.now()
  const over = run.fold.checkpoint.requests.filter((one) => timeOf(one.deadline) <= now)
  for (const request of over.toSorted((a, b) => timeOf(a.deadline) - timeOf(b.deadline))) {
    if (request.timer) await fire(run, request)
    else expire(run, request, await openHeld(run))
    taken = true
  }
  return taken
}

/** The time has come: the message that reached the timer travels on, the same content under the same labels. */
async function fire(run: LiveRun, request: OpenRequest): Promise<void> {
  const value = await run.contents.read(request.payload)
  append(run, request, 'fired', null, { value, ref: request.payload, rejected: false, held: await openHeld(run) })
}

function acceptAnswer(run: LiveRun, request: OpenRequest, response: PendingResponse, held: Held<ContentRef>): boolean {
  try {
    const shape = run.spec.nodes.get(request.node)?.output
    const value = shape?.parse(parseJson(response.text, 'the response'), 'the response') ?? null
    append(run, request, 'answered', response.by, { value, rejected: false, held })
    run.closeRequest(request.request_id, 'answered', response.by.id)
    return true
  } catch (thrown) {
    // Checked before it was posted; a shape that changed since is a malfunction, not an answer.
    const error = toSignalboxError(thrown)
    run.stopWith({ kind: 'park', code: error.code, detail: error.message })
    return false
  }
}

/** Nobody answered: the declared fallback, or the end of the run. */
function expire(run: LiveRun, request: OpenRequest, held: Held<ContentRef>): void {
  const value = { code: 'APPROVAL_EXPIRED', reason: 'nobody answered in time', leftUndone: [request.node] }
  append(run, request, 'expired', null, { value, rejected: true, held })
  run.closeRequest(request.request_id, 'expired', null)
  if (!run.spec.rejected.has(request.node))
    run.stopWith({
      kind: 'stop',
      end: 'stopped',
      reason: { kind: 'deadline', code: 'APPROVAL_EXPIRED', subject: request.node },
      by: null,
    })
}

function append(
  run: LiveRun,
  request: OpenRequest,
  answer: ResponseReceived['answer'],
  by: Principal | null,
  sent: {
    readonly value: JsonValue
    /** When it is on record already. */
    readonly ref?: ContentRef
    readonly rejected: boolean
    readonly held: Held<ContentRef>
  },
): void {
  let drops: readonly Drop<ContentRef>[] = []
  const { seq } = run.append((put) => {
    const ref = sent.ref ?? put(sent.value, OPERATOR_LABELS)
    const message = { value: sent.value, ref }
    const answered = {
      node: request.node,
      delivery: 0,
      writes: [],
      message: sent.rejected ? null : message,
      rejection: sent.rejected ? message : null,
    }
    const routed = route<ContentRef>(run.spec, [answered], sent.held, joinInto(put))
    drops = routed.drops
    const before = run.fold.checkpoint
    const queue = routed.deliveries.map(({ to, from, edge, ref: r }) => ({ to, from, edge, message: r }))
    const checkpoint: CheckpointBody = {
      ...before,
      kind: 'response',
      queue: inDeliveryOrder(run.spec, [...before.queue, ...queue]),
      fan_in: fanInOf(routed.held),
      requests: before.requests.filter((one) => one.request_id !== request.request_id),
      outputs: [...before.outputs, ...routed.outputs.map(({ node, ref: r }) => ({ node, value: r }))],
      adopted: adoptedEffects(run.fold),
      spent: run.spent(),
      ...definitionPart(run.fold),
    }
    return {
      type: 'response.received' as const,
      request_id: request.request_id,
      node: request.node,
      answer,
      by,
      checkpoint,
    }
  })
  recordDrops(run, run.fold.checkpoint.superstep, drops, seq)
}

/** Nearest deadline of an open port request or timer, or null. */
export function nearestDeadline(run: LiveRun): { readonly ms: number; readonly iso: string } | null {
  const times = run.fold.checkpoint.requests.map((request) => timeOf(request.deadline))
  if (times.length === 0) return null
  const ms = Math.min(...times)
  return { ms, iso: isoTime(ms) }
}

import { toSignalboxError } from '../base/errors.ts'
import { type JsonValue, parseJson } from '../base/json.ts'
import { isoTime, timeOf } from '../base/time.ts'
import type { CheckpointBody, OpenRequest } from '../contracts/checkpoint.ts'
import { type ContentRef, type Labelled, type Labels, OPERATOR_LABELS, type Principal } from '../contracts/common.ts'
import { type Drop, type Held, inDeliveryOrder, route } from '../orchestration/index.ts'
import type { ResponseReceived } from '../contracts/records.ts'
import { adoptedEffects, definitionPart, type RunFold } from '../reliability/fold.ts'
import { hasOpenWork } from '../reliability/fold-scopes.ts'
import { ROOT_SCOPE } from '../base/scope-id.ts'
import { recordDrops } from './barrier.ts'
import { isRunOutput, outputSubject, passes, passOrStop } from './points.ts'
import { fanInOf, joinInto, openHeld } from './fan-in.ts'
import type { LiveRun, PendingResponse } from './live-run.ts'
import type { Scope } from './scope.ts'

/**
 * Takes answers, passed deadlines of a scope's ports and its timers that are due between its supersteps, in the order of
 * their times; each makes a checkpoint. True when there was one. An answer that nobody waits for is taken by the run.
 */
export async function takeResponses(scope: Scope): Promise<boolean> {
  const { run } = scope
  // A checkpoint inside an open superstep would cut off what is on record of it: the message travels after its barrier.
  if (hasOpenWork(run.fold, scope.id)) return false
  let taken = false
  for (const response of run.responses.filter((one) => isFor(run.fold, one, scope.id))) {
    const request = scope.state.checkpoint.requests.find((one) => one.request_id === response.requestId)
    // Judged before it is taken: a malfunction leaves the answer where it is.
    const passed = request && !request.timer ? await passAnswer(scope, request, response) : null
    run.responses.splice(run.responses.indexOf(response), 1)
    run.with({ consumed: response.row })
    if (request && passed && acceptAnswer(scope, request, response.by, passed, await openHeld(scope))) taken = true
  }
  const now = run.env.host.now()
  const over = scope.state.checkpoint.requests.filter((one) => timeOf(one.deadline) <= now)
  for (const request of over.toSorted((a, b) => timeOf(a.deadline) - timeOf(b.deadline))) {
    if (request.timer) await fire(scope, request)
    else expire(scope, request, await openHeld(scope))
    taken = true
  }
  // A verdict or a malfunction that ends or parks the run is looked at before anything is waited for.
  return taken || run.halt !== null
}

/** The time has come: the message that reached the timer travels on, the same content under the same labels. */
async function fire(scope: Scope, request: OpenRequest): Promise<void> {
  const value = await scope.run.contents.read(request.payload)
  const passed = await passWaited(scope, request, { value, labels: request.payload.l })
  if (!passed) return
  const kept = passed.value === value ? { ref: request.payload } : {}
  append(scope, request, 'fired', null, { ...passed, ...kept, rejected: false, held: await openHeld(scope) })
}

/** What waited, as it may leave where the run gives it away; null when the output's verdict is no pass. */
async function passWaited(
  scope: Scope,
  { node, request_id: id }: OpenRequest,
  waited: Labelled,
): Promise<Labelled | null> {
  const spec = scope.spec.nodes.get(node)
  if (!spec || !isRunOutput(scope, node)) return waited
  const { decision, value, labels } = await passOrStop(
    scope.run,
    'output',
    outputSubject(spec, id, waited.value, waited.labels),
  )
  return passes(decision) ? { value, labels } : null
}

/** The answer of a port, checked and judged; null when it may not go on. */
async function passAnswer(scope: Scope, request: OpenRequest, { text }: PendingResponse): Promise<Labelled | null> {
  const value = parsedAnswer(scope, request, text)
  return value === null ? null : passWaited(scope, request, { value: value.value, labels: OPERATOR_LABELS })
}

/** Checked before it was posted; a shape that changed since is a malfunction, not an answer. */
function parsedAnswer({ run, spec }: Scope, request: OpenRequest, text: string): { readonly value: JsonValue } | null {
  try {
    const shape = spec.nodes.get(request.node)?.output
    return { value: shape?.parse(parseJson(text, 'the response'), 'the response') ?? null }
  } catch (thrown) {
    const error = toSignalboxError(thrown)
    run.stopWith({ kind: 'park', code: error.code, detail: error.message })
    return null
  }
}

function isFor(fold: RunFold, { requestId }: PendingResponse, scope: string): boolean {
  const asker = [...fold.scopes.values()].find((one) =>
    [...one.checkpoint.requests, ...one.opened].some((request) => request.request_id === requestId),
  )
  return (asker?.id ?? ROOT_SCOPE) === scope
}

function acceptAnswer(
  scope: Scope,
  request: OpenRequest,
  by: Principal,
  answer: Labelled,
  held: Held<ContentRef>,
): boolean {
  const { run } = scope
  try {
    append(scope, request, 'answered', by, { ...answer, rejected: false, held })
    run.closeRequest(request.request_id, 'answered', by.id)
    return true
  } catch (thrown) {
    const error = toSignalboxError(thrown)
    run.stopWith({ kind: 'park', code: error.code, detail: error.message })
    return false
  }
}

/** Nobody answered: the declared fallback, or the end of the run; a nested scope ends by itself (`scopeEnd`). */
function expire(scope: Scope, request: OpenRequest, held: Held<ContentRef>): void {
  const { run, spec } = scope
  const value = { code: 'APPROVAL_EXPIRED', reason: 'nobody answered in time', leftUndone: [request.node] }
  append(scope, request, 'expired', null, { value, rejected: true, held })
  run.closeRequest(request.request_id, 'expired', null)
  if (scope.around === null && !spec.rejected.has(request.node))
    run.stopWith({
      kind: 'stop',
      end: 'stopped',
      reason: { kind: 'deadline', code: 'APPROVAL_EXPIRED', subject: request.node },
      by: null,
    })
}

function append(
  scope: Scope,
  request: OpenRequest,
  answer: ResponseReceived['answer'],
  by: Principal | null,
  sent: {
    readonly value: JsonValue
    /** Default: the operator's. */
    readonly labels?: Labels
    /** When it is on record already. */
    readonly ref?: ContentRef
    readonly rejected: boolean
    readonly held: Held<ContentRef>
  },
): void {
  const { run, spec } = scope
  let drops: readonly Drop<ContentRef>[] = []
  const { seq } = run.append((put) => {
    const ref = sent.ref ?? put(sent.value, sent.labels ?? OPERATOR_LABELS)
    const message = { value: sent.value, ref }
    const answered = {
      node: request.node,
      delivery: 0,
      writes: [],
      message: sent.rejected ? null : message,
      rejection: sent.rejected ? message : null,
    }
    const routed = route<ContentRef>(spec, [answered], sent.held, joinInto(put))
    drops = routed.drops
    const before = scope.state.checkpoint
    const queue = routed.deliveries.map(({ to, from, edge, ref: r }) => ({ to, from, edge, message: r }))
    const checkpoint: CheckpointBody = {
      ...before,
      kind: 'response',
      queue: inDeliveryOrder(spec, [...before.queue, ...queue]),
      fan_in: fanInOf(routed.held),
      requests: before.requests.filter((one) => one.request_id !== request.request_id),
      outputs: [...before.outputs, ...routed.outputs.map(({ node, ref: r }) => ({ node, value: r }))],
      adopted: scope.around ? [] : adoptedEffects(run.fold),
      spent: run.spent(),
      ...(scope.around ? {} : definitionPart(run.fold)),
    }
    return {
      type: 'response.received' as const,
      ...scope.mark,
      request_id: request.request_id,
      node: request.node,
      answer,
      by,
      checkpoint,
    }
  })
  recordDrops(scope, scope.state.checkpoint.superstep, drops, seq)
}

/** Nearest deadline of an open port request or timer, or null. */
export function nearestDeadline(run: LiveRun): { readonly ms: number; readonly iso: string } | null {
  const times = run.fold.checkpoint.requests.map((request) => timeOf(request.deadline))
  if (times.length === 0) return null
  const ms = Math.min(...times)
  return { ms, iso: isoTime(ms) }
}

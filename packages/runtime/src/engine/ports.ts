import { newId } from '../base/ids.ts'
import type { JsonObject, JsonValue } from '../base/json.ts'
import { isoTime } from '../base/time.ts'
import type { OpenRequest, QueuedMessage } from '../contracts/checkpoint.ts'
import type { NodeSpec } from '../contracts/workflow.ts'
import { nodePath } from '../base/scope-id.ts'
import type { Done } from './done.ts'
import { listRequest } from './person-request.ts'
import type { Scope } from './scope.ts'

/** How long a port waits for its answer when it does not say. */
export const DEFAULT_DEADLINE_SECONDS = 86_400

/**
 * A port node asks and holds nobody of its scope: its answer travels as a later message (ENGINE R6). Inside a nested scope
 * the workflow around it is asked first; what that answers is the port's message at once, and on record with it.
 */
export async function openPort(
  scope: Scope,
  node: NodeSpec,
  id: string,
  delivery: number,
  message: QueuedMessage,
): Promise<Done> {
  const { run } = scope
  const done = nothingSent(node, id, delivery)
  if (isOpened(scope, node, message)) return done
  const answered = await answerOfParent(scope, node, message)
  if (answered !== undefined)
    return { ...done, message: { value: answered, labels: message.message.l, ref: null }, answeredBy: 'parent' }
  const now = run.env.host.now()
  const deadline = now + (node.deadlineSeconds ?? DEFAULT_DEADLINE_SECONDS) * 1_000
  const request: OpenRequest = {
    request_id: newId(run.env.host, 'req'),
    node: node.name,
    payload: message.message,
    deadline: isoTime(deadline),
    ...scope.mark,
  }
  const record = run.append({ type: 'request.opened' as const, request })
  const asked = { tool: nodePath(request.scope, node.name), class: 'port', effect: 'none', approvers: [], deadline }
  listRequest(run, { id: request.request_id, kind: 'request', seq: record.seq, ...asked })
  return done
}

/** What the workflow around the scope answers; undefined where it passes the request up. Throws what its function threw. */
async function answerOfParent(
  { run, answers }: Scope,
  node: NodeSpec,
  { message }: QueuedMessage,
): Promise<JsonValue | undefined> {
  const answer = answers?.[node.name]
  if (!answer) return undefined
  const request = node.input.parse(await run.contents.read(message), `the request of port \`${node.name}\``)
  // An answer is user code, and has no business outside.
  const place = { runId: run.runId, activation: null, where: 'condition', mediated: false } as const
  const value = run.env.outlet.runIn(place, () => answer(request))
  return value === undefined ? undefined : node.output.parse(value, `the answer to port \`${node.name}\``)
}

/** What a timer node gets. */
interface Reached {
  readonly id: string
  readonly delivery: number
  readonly message: QueuedMessage
  /** As the node sees it: the last barrier. */
  readonly state: JsonObject
}

/** A timer node holds nobody: its message travels on when its time has come, which is worked out here, once. */
export async function openTimer(
  scope: Scope,
  node: NodeSpec,
  { id, delivery, message, state }: Reached,
): Promise<Done> {
  const { run } = scope
  const done = nothingSent(node, id, delivery)
  const { timer } = node
  if (!timer || isOpened(scope, node, message)) return done
  const value = await run.contents.read(message.message)
  const { host, outlet } = run.env
  // User code, like a condition.
  const place = { runId: run.runId, activation: id, where: 'condition', mediated: false } as const
  const due =
    'until' in timer ? outlet.runIn(place, () => timer.until(value, state)) : host.now() + timer.seconds * 1_000
  const request: OpenRequest = {
    request_id: newId(host, 'tmr'),
    node: node.name,
    payload: message.message,
    deadline: isoTime(due),
    timer: true,
    ...scope.mark,
  }
  run.append({ type: 'request.opened' as const, request })
  return done
}

/** Opened before a crash: it is the same request, and nobody is asked twice. */
function isOpened({ state }: Scope, node: NodeSpec, { message }: QueuedMessage): boolean {
  const { s, i } = message
  return state.opened.some((one) => one.node === node.name && one.payload.s === s && one.payload.i === i)
}

function nothingSent(node: NodeSpec, activation: string, delivery: number): Done {
  return { activation, node: node.name, delivery, writes: [], message: null, rejection: null, recorded: false }
}

import { newId } from '../base/ids.ts'
import type { JsonObject } from '../base/json.ts'
import { isoTime } from '../base/time.ts'
import type { OpenRequest, QueuedMessage } from '../contracts/checkpoint.ts'
import type { NodeSpec } from '../contracts/workflow.ts'
import type { Done } from './done.ts'
import type { LiveRun } from './live-run.ts'
import { listRequest } from './person-request.ts'

/** How long a port waits for its answer when it does not say. */
export const DEFAULT_DEADLINE_SECONDS = 86_400

/** A port node asks and holds nobody: its answer travels as a later message (ENGINE R6). */
export function openPort(run: LiveRun, node: NodeSpec, id: string, delivery: number, message: QueuedMessage): Done {
  const done = nothingSent(node, id, delivery)
  if (isOpened(run, node, message)) return done
  const now = run.env.host.now()
  const deadline = now + (node.deadlineSeconds ?? DEFAULT_DEADLINE_SECONDS) * 1_000
  const request: OpenRequest = {
    request_id: newId(run.env.host, 'req'),
    node: node.name,
    payload: message.message,
    deadline: isoTime(deadline),
  }
  const record = run.append({ type: 'request.opened' as const, request })
  const asked = { tool: node.name, class: 'port', effect: 'none', approvers: [], deadline }
  listRequest(run, { id: request.request_id, kind: 'request', seq: record.seq, ...asked })
  return done
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
  run: LiveRun,
  node: NodeSpec,
  { id, delivery, message, state }: Reached,
): Promise<Done> {
  const done = nothingSent(node, id, delivery)
  const { timer } = node
  if (!timer || isOpened(run, node, message)) return done
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
  }
  run.append({ type: 'request.opened' as const, request })
  return done
}

/** Opened before a crash: it is the same request, and nobody is asked twice. */
function isOpened(run: LiveRun, node: NodeSpec, { message }: QueuedMessage): boolean {
  const { s, i } = message
  return run.fold.opened.some((one) => one.node === node.name && one.payload.s === s && one.payload.i === i)
}

function nothingSent(node: NodeSpec, activation: string, delivery: number): Done {
  return { activation, node: node.name, delivery, writes: [], message: null, rejection: null, recorded: false }
}

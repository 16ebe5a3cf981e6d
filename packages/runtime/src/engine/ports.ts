import { newId } from '../base/ids.ts'
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
  const done: Done = {
    activation: id,
    node: node.name,
    delivery,
    writes: [],
    message: null,
    rejection: null,
    recorded: false,
  }
  const { s, i } = message.message
  // Opened before a crash: it is the same request, and nobody is asked twice.
  if (run.fold.opened.some((one) => one.node === node.name && one.payload.s === s && one.payload.i === i)) return done
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

import { nodePath } from '../../base/scope-id.ts'
import { newId } from '../../base/ids.ts'
import { isoTime, timeOf } from '../../base/time.ts'
import { NO_AMOUNTS, OPERATOR_LABELS } from '../../contracts/common.ts'
import type { OpenRequest, RequestAnswered } from '../../contracts/records.ts'
import type { OpenedByAsk } from '../../reliability/fold.ts'
import { drainInbox } from '../inbox.ts'
import { listRequest } from '../person-request.ts'
import type { Ask, Ended } from './ask.ts'

/**
 * Asks a person or a system at a port of the node and waits for the answer, which holds the barrier (ENGINE R6). One that
 * is on record already is not asked again: it is the same request after a crash, a wait or a restore. Silence ends it at
 * its deadline; a handler that has ended, or a run that stops, takes it back.
 */
export async function askOutside(ask: Ask): Promise<Ended> {
  const { run } = ask
  const opened = ask.journal().request?.opened ?? (await open(ask))
  const { request_id: id, deadline } = opened.request
  const until = timeOf(deadline)
  for (;;) {
    const answered = ask.journal().request?.answered
    if (answered) return endOf(ask, answered)
    if (ask.withdrawn) close(ask, opened, 'cancelled')
    else if (run.env.host.now() >= until) {
      // An answer that was given in time counts, also when nobody read it in time.
      await drainInbox(run)
      if (!ask.journal().request?.answered) close(ask, opened, 'expired')
    } else await ask.wait('request', id, until)
  }
}

async function open(ask: Ask): Promise<OpenedByAsk> {
  const { run, name, spec } = ask
  const port = ask.owner.node.ports?.get(name)
  if (!port || spec.kind !== 'request') throw new Error(`the node has no port \`${name}\``)
  const deadline = run.env.host.now() + port.deadlineSeconds * 1_000
  const record = run.append((put) => {
    const proposal = ask.proposal(put)
    const request: OpenRequest = {
      request_id: newId(run.env.host, 'req'),
      node: name,
      payload: proposal.args,
      deadline: isoTime(deadline),
      ...ask.owner.scope.mark,
    }
    return { type: 'request.opened' as const, request, ask: ask.ref, proposal }
  })
  const asked = {
    tool: nodePath(record.request.scope, name),
    class: ask.class,
    effect: 'none',
    approvers: [],
    deadline,
  }
  listRequest(run, { id: record.request.request_id, kind: 'request', seq: record.seq, ...asked })
  await run.flush()
  // The record was appended as exactly this type.
  return record as unknown as OpenedByAsk
}

/** Nobody answers it any more. */
function close({ run }: Ask, { request, ask, seq }: OpenedByAsk, answer: 'expired' | 'cancelled'): void {
  const { request_id } = request
  run.append({ type: 'request.answered' as const, request_id, ask, answer, by: null, value: null }, seq)
  run.closeRequest(request_id, answer, null)
}

async function endOf(ask: Ask, { answer, value }: RequestAnswered): Promise<Ended> {
  const free = { settled: NO_AMOUNTS, labels: OPERATOR_LABELS }
  if (answer === 'expired')
    return { ...free, status: 'expired', code: 'APPROVAL_EXPIRED', result: 'nobody answered in time' }
  if (answer === 'cancelled' || !value)
    return { ...free, status: 'cancelled', code: 'CANCELLED', result: 'the answer is not needed any more' }
  return { ...free, status: 'succeeded', code: null, result: await ask.run.contents.read(value), labels: value.l }
}

import { parseJson } from '../../base/json.ts'
import type { SimContext } from './context.ts'
import type { SimFault } from './faults.ts'
import { NEVER, type SimProcess } from './machine.ts'
import type { OutsideAnswer, OutsideRequest } from './scenario.ts'

/** The longest way of a request to its target, in virtual milliseconds: less than any tool's `settleAfterSeconds`. */
export const MOST_WAY_MS = 900

/** An answer that comes after every time limit of a tool. */
const SLOW_ANSWER_MS = 200_000

/**
 * The network as one process sees it: requests and answers take their time and overtake each other, connections break,
 * and what has left a process that dies still arrives.
 */
export function wireOf(context: SimContext, process: SimProcess): typeof fetch {
  const { machine, plan } = context
  const random = context.random.stream(`wire/${process.name}`)

  function way(): number {
    return random.chance(0.6) ? random.between(0, 30) : random.between(30, MOST_WAY_MS)
  }

  function send(asked: OutsideRequest, signal: AbortSignal): Promise<Response> {
    return new Promise((resolve, reject) => {
      const fault = plan.hit('wire.request')
      signal.addEventListener('abort', () => reject(signal.reason), { once: true })
      const broken = (): void => {
        machine.after(process, way(), () => reject(new TypeError('the connection broke')))
      }
      const arrive = (): void => {
        const answer = context.outside.answer(asked)
        context.note(`outside ${asked.method} ${asked.url.pathname} ${asked.key} ${answer.status}`)
        context.watch.arrived()
        if (fault?.kind === 'answer_lost') broken()
        else {
          const back = fault?.kind === 'answer_slow' ? SLOW_ANSWER_MS : way()
          machine.after(process, back, () => resolve(responseOf(answer)))
        }
      }
      if (fault?.kind === 'request_lost') broken()
      else context.inFlight(way(), arrive)
      if (fault?.kind === 'crash') crashLater(fault)
    })
  }

  /** Some time after the request left: before it arrives, or before its answer is back. */
  function crashLater(fault: SimFault): void {
    machine.after(process, random.between(0, MOST_WAY_MS), () => context.strike(fault, process))
  }

  return async (input, init) => {
    if (!process.alive) return NEVER
    const request = new Request(input, init)
    const key = request.headers.get('idempotency-key') ?? ''
    context.watch.sends(process, request.headers.get('x-signalbox-run-id') ?? '', request.method, key)
    const { method, signal } = request
    const url = new URL(request.url)
    const text = request.body === null ? '' : await request.text()
    if (!process.alive) return NEVER
    return send({ method, url, key, body: text === '' ? null : parseJson(text, 'the body') }, signal)
  }
}

function responseOf({ status, body }: OutsideAnswer): Response {
  return new Response(JSON.stringify(body), { status, headers: { 'content-type': 'application/json' } })
}

import { SignalboxError } from '../base/errors.ts'
import { type JsonValue, toJsonValue } from '../base/json.ts'
import type { AskResult, HandlerCtx, NodeSpec, StepCtx } from '../contracts/workflow.ts'
import type { AnyNodeCtx } from './draft.ts'
import type { AnyPort, StepOptions } from './types.ts'

/** What a handler asks that is not a tool: local steps, requests to people and systems, its own save points. */

const STEP_NAME = /^[a-z][A-Za-z0-9._-]{0,62}$/
const DEFAULT_STEP_SECONDS = 30

/** One local step. Rejects with STEP_FAILED when its last attempt threw, INPUT_INVALID for what it cannot be asked with. */
export async function runStep<A, R>(
  ctx: HandlerCtx,
  name: string,
  args: A,
  body: (args: A, step: StepCtx) => R | Promise<R>,
  options: StepOptions = {},
): Promise<R> {
  if (!STEP_NAME.test(name))
    throw new SignalboxError(
      'INPUT_INVALID',
      `the step name \`${name}\` must be a lower-case letter, then letters, digits, ., _ and -, at most 63`,
    )
  const json = toJsonValue(args, `the arguments of step \`${name}\``)
  const end = await ctx.ask({
    kind: 'step',
    name,
    args: json,
    retry: { attempts: 1, backoffSeconds: 1, ...options.retry },
    timeoutSeconds: options.timeoutSeconds ?? DEFAULT_STEP_SECONDS,
    // A copy for each attempt: what one of them changes is not seen by the next. JSON has the type that it was made of.
    run: (step) => body(structuredClone(json) as A, step),
  })
  // What the body gave is JSON; a replay gives the same.
  if (end.status === 'succeeded') return end.output as R
  const code = end.status === 'cancelled' ? 'CANCELLED' : 'STEP_FAILED'
  throw new SignalboxError(code, `step \`${name}\` ${end.status}: ${end.reason}`, {
    details: { step: name, cause: end.code },
  })
}

/** A failure that the handler does not look at is on record; it must not end the process as a rejection that nobody took. */
export function onRecord<R>(asked: Promise<R>): Promise<R> {
  asked.catch(() => undefined)
  return asked
}

/** Requests and save points of one handler. */
export function flowCtx(
  ctx: HandlerCtx,
  { ports, position }: Pick<NodeSpec, 'ports' | 'position'>,
): Pick<AnyNodeCtx, 'ask' | 'from' | 'checkpoint'> {
  return {
    ask: (port, request) => ask(ctx, ports, port, request),
    from: ctx.resumedFrom === null || !position ? null : position.parse(ctx.resumedFrom, 'the state of the checkpoint'),
    checkpoint: async (state) => {
      if (!position) throw new SignalboxError('CONFIG_INVALID', 'declare the `checkpoint` schema to make checkpoints')
      await ctx.savePoint(position.parse(state, 'the state of the checkpoint'))
    },
  }
}

async function ask(ctx: HandlerCtx, ports: NodeSpec['ports'], port: AnyPort, request: unknown): Promise<unknown> {
  const declared = ports?.get(port.name)
  if (declared !== port)
    throw new SignalboxError(
      'CONFIG_INVALID',
      `port \`${port.name}\` is not among the \`ports\` of node \`${ctx.node}\``,
    )
  const payload = declared.request.parse(request, `the request at port \`${port.name}\``)
  return endFor(await ctx.ask({ kind: 'request', port: port.name, payload }))
}

/** How an ask ended, as user code sees it. */
export function endFor(end: AskResult): { readonly status: AskResult['status']; readonly output?: JsonValue } {
  if (end.status === 'succeeded') return { status: end.status, output: end.output }
  return { status: end.status, ...{ code: end.code, reason: end.reason } }
}

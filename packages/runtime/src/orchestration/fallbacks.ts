/** What a workflow can do when a call was rejected, ready to be wired with `.onRejected`. */
import type { z } from 'zod'
import { SignalboxError } from '../base/errors.ts'
import type { AnyTool } from '../contracts/tool.ts'
import { port } from './fields.ts'
import { REJECTION } from './rejection.ts'
import type { NodeCtx, NodeDef } from './types.ts'

type Rejected = z.output<typeof REJECTION>

/** All that a summary can do: call the tools that it was given, which change nothing. */
export type SummaryCtx = Pick<NodeCtx<Record<never, never>, string>, 'call'>

type Summary<O extends z.ZodType> = Pick<
  NodeDef<Record<never, never>, string, typeof REJECTION, O>,
  'input' | 'output' | 'tools'
> & { readonly run: (rejection: Rejected, ctx: SummaryCtx) => z.input<O> | Promise<z.input<O>> }

/**
 * A node that tells what was not done. It can only read: the tools that it may call have no effect.
 * @throws SignalboxError WORKFLOW_INVALID naming the tools that do
 */
export function summaryOf<O extends z.ZodType>(
  output: O,
  summarise: Summary<O>['run'],
  tools: readonly AnyTool[] = [],
): Summary<O> {
  const acting = tools.filter((tool) => tool.effect !== 'none').map((tool) => `\`${tool.name}\``)
  if (acting.length > 0)
    throw new SignalboxError('WORKFLOW_INVALID', `a summary can only read: ${acting.join(', ')} would change something`)
  return { input: REJECTION, output, tools, run: (rejection, { call }) => summarise(rejection, { call }) }
}

/** A port at which a person is told what was rejected, and says how to go on. */
export function escalationTo<A extends z.ZodType>(def: {
  readonly name: string
  readonly response: A
  readonly deadlineSeconds: number
}): ReturnType<typeof port<typeof REJECTION, A>> {
  return port({ ...def, request: REJECTION })
}

/** A node that ends with an output, made from the rejection or always the same. */
export function endWith<O extends z.ZodType>(
  output: O,
  value: z.input<O> | ((rejection: Rejected) => z.input<O>),
): Summary<O> {
  // A function is what makes the output, never an output itself: outputs are JSON.
  const made = typeof value === 'function' ? (value as (rejection: Rejected) => z.input<O>) : () => value
  return { input: REJECTION, output, tools: [], run: made }
}

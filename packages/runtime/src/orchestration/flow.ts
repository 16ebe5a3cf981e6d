import type { z } from 'zod'
import type { AnyTool } from '../contracts/tool.ts'
import type { WorkflowContract } from '../contracts/workflow.ts'
import { draftWorkflow } from './builder.ts'
import type { AnyPort, Budget, NodeCtx, RetryOptions, TimeLimits, Workflow } from './types.ts'

/** What a durable function works with. All of it is on record, and a replay is answered from there (ENGINE R1). */
export interface FlowCtx<State> extends Omit<NodeCtx<Record<never, never>, string>, 'state' | 'write'> {
  /** The state of the last checkpoint when the function goes on from one, else null. */
  readonly from: State | null
  /**
   * From here on the function is started with this state in `from`, and nothing before is replayed. All that was asked
   * must have ended. Needs the `checkpoint` schema.
   */
  checkpoint(state: State): Promise<void>
}

/** How a durable function is declared. */
export interface FlowDef<I extends z.ZodType, O extends z.ZodType, State> extends TimeLimits {
  /** Also the name of the only node. */
  readonly name: string
  readonly version: string
  readonly input: I
  readonly output: O
  readonly budget: Budget
  /** What a review board reads. Optional in development. */
  readonly contract?: WorkflowContract
  /** Tools that it may call. */
  readonly tools?: readonly AnyTool[]
  /** Ports at which it may ask. */
  readonly ports?: readonly AnyPort[]
  /** What a checkpoint holds, for a function that runs long. */
  readonly checkpoint?: z.ZodType<State>
  /** Retry of the whole function: effects and approvals are kept, all else is asked again. */
  readonly retry?: RetryOptions
  /** Versions whose runs this one takes over where nothing is open: before the first step, and at a checkpoint. */
  readonly upgradesFrom?: readonly string[]
  /** Its asks are the only things that it may wait for, and it must ask for the same on a replay. */
  readonly run: (input: z.output<I>, f: FlowCtx<State>) => z.input<O> | Promise<z.input<O>>
}

/**
 * A durable function: a workflow of one node, which runs through the same engine and the same door as a graph. Throws
 * WORKFLOW_INVALID with every error at once.
 */
export function flow<I extends z.ZodType, O extends z.ZodType, State = never>(
  def: FlowDef<I, O, State>,
): Workflow<z.output<I>, z.output<O>> {
  const { name, version, input, output, budget, contract, tools = [], ports = [], checkpoint, retry } = def
  const { timeoutSeconds, idleTimeoutSeconds } = def
  const draft = draftWorkflow({ name, version, input, output, budget, tools, ...(contract ? { contract } : {}) })
  const node = draft.node(name, {
    input,
    output,
    tools,
    ports,
    // The node's context has every method of the function's; type parameters exist only in types.
    run: def.run as unknown as Parameters<typeof draft.node>[1]['run'],
    ...(checkpoint ? { position: checkpoint } : {}),
    ...(retry ? { retry } : {}),
    ...(timeoutSeconds === undefined ? {} : { timeoutSeconds }),
    ...(idleTimeoutSeconds === undefined ? {} : { idleTimeoutSeconds }),
  })
  const steps = (def.upgradesFrom ?? []).reduce((built, from) => built.upgrade({ from }), node)
  // The draft checked these schemas: they are what the workflow takes and gives.
  return steps.start(name).output(name).build() as Workflow<z.output<I>, z.output<O>>
}

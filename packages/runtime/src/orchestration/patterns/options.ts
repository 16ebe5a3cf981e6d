import { z } from 'zod'
import type { WorkflowContract } from '../../contracts/workflow.ts'
import { type DraftBuilder, draftWorkflow } from '../builder.ts'
import { owned } from '../fields.ts'
import type { TerminationDef } from '../termination-types.ts'
import type { Budget, Fields, StateOf } from '../types.ts'
import { type Entry, entryAfter, transcriptField } from './transcript.ts'

/** What every pattern is declared with. */
export interface PatternOptions<I extends z.ZodType> {
  readonly name: string
  readonly version: string
  /** What a run is started with. The first entry of the transcript is this, said by `user`. */
  readonly input: I
  /** Default: `DEFAULT_BUDGET`. */
  readonly budget?: Budget
  /** What a review board reads; production demands it. */
  readonly contract?: WorkflowContract
  /** Rounds after which the run ends with SUPERSTEP_LIMIT. Default 100. */
  readonly maxSupersteps?: number
  /** What ends a run besides the pattern's own ends and the budget. */
  readonly termination?: PatternTermination
}

/** The state that every pattern has, as functions of its termination contract see it. */
export interface PatternState {
  readonly input?: unknown
  readonly transcript: readonly Entry[]
}

/** The part of the termination contract that a pattern leaves to its user. */
export type PatternTermination = Pick<TerminationDef<PatternState>, 'maxTurns' | 'timeoutSeconds' | 'loop' | 'quality'>

/** The limits of a pattern that declares none: small on purpose. The review of the workflow lists them. */
export const DEFAULT_BUDGET: Budget = {
  maxTurns: 30,
  maxToolCalls: 60,
  maxRuntimeSeconds: 600,
  maxTokens: 300_000,
  maxCostUsd: '1.00',
}

/**
 * An empty graph with what all patterns share: the state fields `input` and `transcript`, and the node `open`, which
 * takes the run's input, writes both and sends the input on. `ends` is what the pattern declares of its ends.
 */
export function patternGraph<I extends z.ZodType, O extends z.ZodType>(
  options: PatternOptions<I>,
  output: O,
  more: Fields,
  ends: TerminationDef<PatternState> = {},
): DraftBuilder {
  const { name, version, input, budget = DEFAULT_BUDGET, contract, maxSupersteps, termination } = options
  return draftWorkflow({
    name,
    version,
    input,
    output,
    budget,
    // The fields of the pattern are among those that its functions read.
    termination: { ...ends, ...termination } as unknown as TerminationDef<StateOf<Fields>>,
    ...(contract ? { contract } : {}),
    ...(maxSupersteps === undefined ? {} : { maxSupersteps }),
    state: { input: owned('open', z.unknown()), transcript: transcriptField(), ...more },
  })
    .node('open', {
      input,
      output: input,
      tools: [],
      run: (message, ctx) => {
        ctx.write({ input: message, transcript: entryAfter([], 'user', message) })
        return message
      },
    })
    .start('open')
}

/** True for a whole number from `least` on. */
export function isCount(value: unknown, least = 1): boolean {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= least
}

/** True for a number of seconds above zero. */
export function isSeconds(value: unknown): boolean {
  return typeof value === 'number' && Number.isFinite(value) && value > 0
}

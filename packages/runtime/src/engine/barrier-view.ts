import { canonicalJson, type JsonObject, type JsonValue } from '../base/json.ts'
import type { CheckpointBody } from '../contracts/checkpoint.ts'
import type { BarrierView } from '../contracts/ending.ts'
import type { WorkflowSpec } from '../contracts/workflow.ts'
import type { Digests } from '../orchestration/index.ts'
import type { LiveRun } from './live-run.ts'
import type { Scope } from './scope.ts'

/** The run at a barrier, for the functions of the termination contract. */

/** Outputs so far with their values opened. */
export type OpenOutputs = BarrierView['outputs']

/** True when a barrier of the workflow has to be judged. */
export function isJudged({ termination }: Pick<WorkflowSpec, 'termination'>): boolean {
  const { until, loop, quality } = termination
  return until !== null || loop !== null || quality !== null
}

/** The outputs so far, opened where the next barrier has to be judged. */
export async function outputsToJudge(scope: Scope): Promise<OpenOutputs> {
  return isJudged(scope.spec) ? openOutputs(scope) : []
}

/** Opens the outputs of the checkpoint. */
async function openOutputs({ run, state }: Scope): Promise<OpenOutputs> {
  const { outputs } = state.checkpoint
  return Promise.all(outputs.map(async ({ node, value }) => ({ node, value: await run.contents.read(value) })))
}

/** The state as a view shows it: a list to which nobody appended is empty. */
export function shownState({ fields }: Pick<WorkflowSpec, 'fields'>, values: JsonObject): JsonObject {
  const empty = [...fields.values()].filter((field) => field.kind === 'appended' && !Object.hasOwn(values, field.name))
  return empty.length === 0 ? values : { ...Object.fromEntries(empty.map(({ name }) => [name, []])), ...values }
}

/** The run, or a nested scope of it, at its last checkpoint. Throws CONTENT_ERASED. */
export async function viewOf(scope: Scope, values: JsonObject): Promise<BarrierView> {
  const { run, spec, state } = scope
  const { queue, superstep } = state.checkpoint
  const opened = queue.map(async ({ to, from, message }) => ({ to, from, message: await run.contents.read(message) }))
  return {
    state: shownState(spec, values),
    queue: await Promise.all(opened),
    superstep,
    turns: run.budget.spent.turns,
    outputs: await openOutputs(scope),
  }
}

/** Digests of values that stay as they are, by their references: an unchanged field is hashed once (ENGINE R8). */
const known = new WeakMap<object, string>()

/** Keyed digests for the loop detector: 96 bits of the tenant's digest, as nobody chooses what to collide with. */
export function digestsOf(
  run: Pick<LiveRun, 'sealer'>,
  { state, values, sessions = {} }: { readonly values: JsonObject } & Pick<CheckpointBody, 'state' | 'sessions'>,
): Digests {
  const of = (value: JsonValue): string => run.sealer.digest(canonicalJson(['situation', value])).slice(0, 16)
  const field = (name: string): string => {
    const ref = state[name] ?? null
    if (ref === null) return ''
    // A list rolls a digest over its items.
    if ('list' in ref) return `${ref.length} ${ref.head}`
    const digest = known.get(ref) ?? of(values[name] ?? null)
    known.set(ref, digest)
    return digest
  }
  const kept = Object.entries(sessions).map(([node, list]) => `${node} ${list.length} ${list.head}`)
  return { of, field, sessions: () => kept.sort() }
}

import { SignalboxError } from '../base/errors.ts'
import type { JsonValue } from '../base/json.ts'
import type { Labels } from '../contracts/common.ts'
import type { ScopeAnswers, WorkflowSpec } from '../contracts/workflow.ts'
import { nestedScope, scopeState } from '../reliability/fold-scopes.ts'
import { enteredBy, ROOT_SCOPE, scopeOf } from '../base/scope-id.ts'
import type { RunFold, ScopeState } from '../reliability/run-fold.ts'
import type { LiveRun } from './live-run.ts'
import type { NodeClock } from './node-clock.ts'

/**
 * Where supersteps run: the run itself, or a nested scope of it (ENGINE R20). A scope has a graph and a checkpoint of its
 * own; chain, lease, budget, inbox and end are those of the run.
 */
export interface Scope {
  readonly run: LiveRun
  /** `root`, or the key of the ask that entered it. */
  readonly id: string
  readonly spec: WorkflowSpec
  /** The checkpoint of the scope as it stands; looked up each time, because a fold goes on. */
  readonly state: ScopeState
  /** The scope around it; null for the run itself. */
  readonly around: Scope | null
  /** What its records carry to tell whose they are: nothing for the run itself. */
  readonly mark: { readonly scope?: string }
  /** The time limits of the activation that entered it; null for the run itself. */
  readonly clock: NodeClock | null
  /** How the workflow around it answers its ports; null passes every request up. */
  readonly answers: ScopeAnswers | null
  /** Runs a scope inside this one to its end. Given by the run loop, so that the door need not know supersteps. */
  readonly enter: (inner: Scope) => Promise<ScopeEnd>
}

/** How a nested scope ended: the outcome of the ask that entered it. */
export interface ScopeEnd {
  readonly status: 'succeeded' | 'failed'
  readonly code: string | null
  /** Its output, or a plain sentence. */
  readonly result: JsonValue
  readonly labels?: Labels
}

/** The run itself as a scope. */
export function rootScope(run: LiveRun, enter: Scope['enter']): Scope {
  return {
    run,
    id: ROOT_SCOPE,
    spec: run.spec,
    state: run.fold,
    around: null,
    mark: {},
    clock: null,
    answers: null,
    enter,
  }
}

/** A scope inside another, with the graph that the one around it knows under the name. Throws WORKFLOW_CHANGED. */
export function scopeInside(
  around: Scope,
  id: string,
  name: string,
  { answers = null, clock = null }: Partial<Pick<Scope, 'answers' | 'clock'>> = {},
): Scope {
  const { run } = around
  const spec = innerSpec(around.spec, name)
  return {
    run,
    id,
    spec,
    get state(): ScopeState {
      return scopeState(run.fold, id)
    },
    around,
    mark: { scope: id },
    clock,
    answers,
    enter: around.enter,
  }
}

/** The graph of a scope inside a workflow, as the fold tells which it is. Throws STORE_CORRUPT and WORKFLOW_CHANGED. */
export function specInside(spec: WorkflowSpec, fold: RunFold, id: string = ROOT_SCOPE): WorkflowSpec {
  const owner = enteredBy(id)
  if (owner === null) return spec
  return innerSpec(specInside(spec, fold, scopeOf(owner)), nestedScope(fold, id).name)
}

function innerSpec(around: WorkflowSpec, name: string): WorkflowSpec {
  const inner = around.scopes.get(name)
  if (inner) return inner
  throw new SignalboxError(
    'WORKFLOW_CHANGED',
    `\`${around.name}\` has no nested workflow \`${name}\`, and the run is inside it`,
  )
}

/** A scope of the run by its id, to look at: nothing is entered from it. Throws STORE_CORRUPT for an unknown one. */
export function scopeById(run: LiveRun, id: string): Scope {
  const owner = enteredBy(id)
  if (owner === null) return rootScope(run, () => Promise.reject(new Error('nothing is entered from here')))
  return scopeInside(scopeById(run, scopeOf(owner)), id, nestedScope(run.fold, id).name)
}

/** The scope that an activation belongs to. */
export function scopeOfActivation(run: LiveRun, activation: string): Scope {
  return scopeById(run, scopeOf(activation))
}

/** Names of the workflows from the run's own to that of the scope. */
export function workflowsAround(scope: Scope): readonly string[] {
  return [...(scope.around ? workflowsAround(scope.around) : []), scope.spec.name]
}

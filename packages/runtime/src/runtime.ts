import { type Host, systemHost } from './base/host.ts'
import { SignalboxError } from './base/errors.ts'
import type { Mode } from './contracts/common.ts'
import type { CredentialPort } from './contracts/credential.ts'
import type { ModelPort } from './contracts/model.ts'
import type { OutletOptions, OutletPort } from './contracts/outlet.ts'
import type { Control } from './contracts/control.ts'
import type { PolicyPort, StepTools } from './contracts/policy.ts'
import type { ProviderHealth } from './contracts/provider.ts'
import type { RunResult, RunsApi, StartRequest, StreamItem, WorkerHandle } from './contracts/runtime.ts'
import type { Scheduler } from './contracts/scheduler.ts'
import type { Store } from './contracts/store.ts'
import type { SwitchesApi } from './contracts/switches-api.ts'
import type { Vault } from './contracts/vault.ts'
import { toolsWithin, type WorkflowSpec } from './contracts/workflow.ts'
import { refuseBuiltInNames, withBuiltIn } from './engine/built-in.ts'
import { Committer } from './engine/committer.ts'
import { DEFAULT_LIMITS, type EngineLimits, type Env, type FaultHook } from './engine/env.ts'
import { Hub } from './engine/hub.ts'
import { LocalScheduler } from './engine/local-scheduler.ts'
import { createRuns } from './engine/runs.ts'
import { SwitchBoard, type SwitchSettings } from './engine/switches/board.ts'
import { createSwitches } from './engine/switches/api.ts'
import { Worker, type WorkerOptions } from './engine/worker.ts'
import { type OuterBudget, OuterBudgets } from './policy/index.ts'
import { reviewWorkflow } from './orchestration/index.ts'
import {
  type GuardedFetchOptions,
  guardedFetch,
  mediatedModels,
  outsideWatch,
  readHosts,
  runIn,
} from './tools/index.ts'

/** Version of this runtime, recorded with every run. */
export const RUNTIME_VERSION = '0.1.0'

/** What a Signalbox is made of. Stores, vaults and models are adapters; everything else has a default. */
export interface SignalboxOptions {
  readonly store: Store
  readonly vault: Vault
  readonly policy: PolicyPort
  readonly models: ModelPort
  /** Checks of your own, asked after the policy in this order. */
  readonly controls?: readonly Control[]
  /** Built workflows, or their specs. Several versions of one name may stand side by side. */
  readonly workflows: readonly (WorkflowSpec | { readonly spec: WorkflowSpec })[]
  /** Default `development`. */
  readonly mode?: Mode
  readonly host?: Host
  readonly limits?: Partial<EngineLimits>
  /** The platform's fetch, behind `ctx.fetch`. Default: the global one. */
  readonly fetch?: typeof fetch
  /** `host:port` entries that are told the run in a `baggage` header. Default: none. */
  readonly baggageHosts?: readonly string[]
  /** Default: the one of this process. Another one only makes workers elsewhere look sooner. */
  readonly scheduler?: Scheduler
  /** Limits over many runs: per tenant, workflow or principal, and per day, month or for good. */
  readonly budgets?: readonly OuterBudget[]
  /** The credentials of the tools, such as a `CredentialKeeper`. Without it no tool has one. */
  readonly credentials?: CredentialPort
  /** How the state of the kill switches is kept, and which lifts take two persons. */
  readonly switches?: SwitchSettings
  /** Named fault points, for drills and simulations. */
  readonly fault?: FaultHook
}

/** A composed runtime: what the server, the terminal and user code hold. */
export interface Signalbox {
  readonly runs: RunsApi
  readonly switches: SwitchesApi
  readonly workflows: readonly WorkflowSpec[]
  readonly policy: PolicyPort
  readonly store: Store
  readonly host: Host
  readonly mode: Mode
  /** How the providers of models do that were called from this process. */
  providers(): readonly ProviderHealth[]
  /** Starts to advance runs in this process. */
  work(options?: WorkerOptions): WorkerHandle
  /** Starts a run and drains its stream until it ends, or waits for somebody. Needs a worker. */
  run(request: StartRequest): Promise<RunResult>
  /** Sees every durable record and provisional delta of this process; the returned function stops. */
  onItem(listener: (item: StreamItem) => void): () => void
  /** Passes on an item that another process published, best effort (ENGINE R17). */
  publish(item: StreamItem): void
  /** Waits for open commits and closes the store. Stop workers first. */
  close(): Promise<void>
}

/**
 * Composes a runtime. Throws before anything runs: CONFIG_INVALID, CATALOGUE_LAXER or POLICY_BUNDLE_INVALID when the
 * code declares a tool laxer than the policy bundle's catalogue, or one that the catalogue lacks (invariant 2);
 * WORKFLOW_INVALID in production when a workflow's contract leaves a question open.
 */
export function createSignalbox(options: SignalboxOptions): Signalbox {
  return composeSignalbox(options, outletOver(options.fetch ?? fetch, options.baggageHosts))
}

/** The same with another way out for tools: for simulations, whose processes share one real one. Not for user code. */
export function composeSignalbox(options: SignalboxOptions, outlet: OutletPort): Signalbox {
  const host = options.host ?? systemHost
  const workflows = options.workflows.map((one) => ('spec' in one ? one.spec : one))
  refuseDuplicates(workflows)
  if (options.mode === 'production') refuseOpenQuestions(workflows)
  // Called by runs only, which there are after the environment is made.
  const all = withBuiltIn(workflows, () => env)
  checkAgainstCode(options.policy, workflows)
  const hub = new Hub()
  const env: Env = {
    host,
    store: options.store,
    vault: options.vault,
    policy: options.policy,
    controls: controlsOf(options.controls ?? []),
    models: mediatedModels(options.models),
    workflows: new Map(all.map((spec) => [spec.definition, spec])),
    mode: options.mode ?? 'development',
    limits: { ...DEFAULT_LIMITS, ...options.limits },
    outlet,
    committer: new Committer(options.store, host),
    switches: new SwitchBoard(host, options.store, options.switches),
    hub,
    scheduler: options.scheduler ?? new LocalScheduler(host),
    outer: options.budgets && options.budgets.length > 0 ? new OuterBudgets(options.budgets) : null,
    fault: options.fault ?? null,
    ...(options.credentials ? { credentials: options.credentials } : {}),
    runtimeVersion: RUNTIME_VERSION,
  }
  const runs = createRuns(env)
  return {
    runs,
    switches: createSwitches(env),
    workflows,
    policy: options.policy,
    store: options.store,
    host,
    mode: env.mode,
    providers: () => env.models.health?.() ?? [],
    work: (workerOptions) => new Worker(env, workerOptions),
    run: async (request) => {
      const { runId } = await runs.start(request)
      return runs.wait(request.principal.tenant, runId, { untilWaiting: true })
    },
    onItem: (listener) => hub.listenAll(listener),
    publish: (item) => hub.publish(item),
    close: async () => {
      await env.committer.idle()
      await options.store.close()
    },
  }
}

/**
 * Checks a policy against the tools and steps of workflows, nested ones and those that undo included. Throws
 * CATALOGUE_LAXER or POLICY_BUNDLE_INVALID naming every difference at once.
 */
export function checkAgainstCode(
  policy: Pick<PolicyPort, 'checkTools' | 'checkSteps'>,
  workflows: readonly WorkflowSpec[],
): void {
  const all = withBuiltIn(workflows, () => {
    throw new SignalboxError('INTERNAL', 'a check starts no run')
  })
  const tools = new Map(all.flatMap((spec) => toolsWithin(spec).map((tool) => [tool.name, tool] as const)))
  policy.checkTools([...tools.values()])
  policy.checkSteps(stepsOf(all))
}

/** Two controls of one name could not be told apart on record. */
function controlsOf(controls: readonly Control[]): readonly Control[] {
  const names = controls.map(({ name }) => name)
  const twice = names.find((name, i) => names.indexOf(name) !== i)
  if (twice === undefined) return controls
  throw new SignalboxError('CONFIG_INVALID', `control \`${twice}\` is registered twice; give the other another name`)
}

/** The tools of every step in code, nested workflows included. */
function stepsOf(workflows: readonly WorkflowSpec[]): readonly StepTools[] {
  return workflows.flatMap((spec) => [
    ...[...spec.nodes.values()].map((node) => ({
      workflow: spec.name,
      node: node.name,
      tools: node.tools ?? [...spec.tools.keys()],
    })),
    ...stepsOf([...spec.scopes.values()]),
  ])
}

function refuseDuplicates(workflows: readonly WorkflowSpec[]): void {
  refuseBuiltInNames(workflows)
  const names = workflows.map((spec) => `${spec.name}@${spec.version}`)
  const twice = names.find((name, i) => names.indexOf(name) !== i)
  if (twice)
    throw new SignalboxError(
      'CONFIG_INVALID',
      `workflow \`${twice}\` is registered twice; give the changed one another version`,
    )
}

/** Production runs nothing that a review board could not have read. */
function refuseOpenQuestions(workflows: readonly WorkflowSpec[]): void {
  const open = workflows.flatMap((spec) =>
    reviewWorkflow(spec).missing.map((line) => `workflow \`${spec.name}\`: ${line}`),
  )
  if (open.length === 0) return
  throw new SignalboxError(
    'WORKFLOW_INVALID',
    `production needs whole contracts:${open.map((line) => `\n- ${line}`).join('')}`,
    {
      details: { missing: open },
    },
  )
}

/** The way out for tools: the guarded fetch and the watch over calls beside it. Throws CONFIG_INVALID for no host. */
export function outletOver(base: typeof fetch, baggageHosts: readonly string[] = []): OutletPort {
  const trusted = new Set(readHosts(baggageHosts))
  const isTrusted = (host: string): boolean => trusted.has(host)
  return {
    fetch: (options) => guardedFetch({ ...guardOptions(base, options), isTrusted }),
    isTrusted,
    runIn: (place, fn) => runIn(place, fn),
    onUnmediated: (listener) => outsideWatch(({ place, host }) => listener(place, host)),
  }
}

function guardOptions(base: typeof fetch, options: OutletOptions): Omit<GuardedFetchOptions, 'isTrusted'> {
  const { hosts, unsafeAllowed, headers, baggage, idempotencyKey, signal, beforeSend, credential } = options
  return {
    base,
    hosts,
    unsafeAllowed,
    headers,
    baggage,
    idempotencyKey,
    signal,
    beforeSend,
    ...(credential ? { credential } : {}),
    onSend: (event) => {
      if (event.unsafe) options.onSend()
    },
    onAnswer: (event, end) => {
      if (end.kind === 'answered') options.onAnswer()
      // The send that was announced did not happen after all.
      if (end.kind === 'not_sent' && event.unsafe) options.onNotSent()
    },
  }
}

/** Replays stored runs against the definitions of this process, to see what a new build would do otherwise. */
import { type Host, systemHost } from './base/host.ts'
import { SignalboxError } from './base/errors.ts'
import type { Mode } from './contracts/common.ts'
import type { OutletPort } from './contracts/outlet.ts'
import type { PolicyPort } from './contracts/policy.ts'
import type { RunReplay } from './contracts/replay.ts'
import type { Store } from './contracts/store.ts'
import type { Vault } from './contracts/vault.ts'
import type { WorkflowSpec } from './contracts/workflow.ts'
import { Committer } from './engine/committer.ts'
import { withBuiltIn } from './engine/built-in.ts'
import { DEFAULT_LIMITS, type Env } from './engine/env.ts'
import { Hub } from './engine/hub.ts'
import { LocalScheduler } from './engine/local-scheduler.ts'
import { replayRun } from './engine/replay/replay-run.ts'
import { SwitchBoard } from './engine/switches/board.ts'
import { outletOver, RUNTIME_VERSION } from './runtime.ts'

/** What replays are made with. Models are not among it: none is ever called. */
export interface ReplayOptions {
  /** Read alone; nothing is written to it. */
  readonly store: Store
  readonly vault: Vault
  readonly policy: PolicyPort
  readonly workflows: readonly (WorkflowSpec | { readonly spec: WorkflowSpec })[]
  readonly mode?: Mode
  readonly host?: Host
}

/** Replays stored runs. */
export interface Replayer {
  /** Throws RUN_NOT_FOUND; whatever else is wrong with a run is in what it gives. */
  run(tenant: string, runId: string): Promise<RunReplay>
}

/**
 * Makes a replayer. Handlers get what is on record; models, tools and `ctx.fetch` are not there, so that nothing is sent,
 * decided or charged (Invariant 1). User code that goes out by itself is seen where the platform tells of it.
 */
export function createReplayer(options: ReplayOptions): Replayer {
  const { store, vault, policy, mode = 'development', host = systemHost } = options
  const workflows = options.workflows.map((one) => ('spec' in one ? one.spec : one))
  const all = withBuiltIn(workflows, () => env)
  const env: Env = {
    host,
    store,
    vault,
    policy: shutPolicy(policy),
    models: { resolve: (id) => refused(`model \`${id}\``) },
    workflows: new Map(all.map((spec) => [spec.definition, spec])),
    mode,
    controls: [],
    limits: DEFAULT_LIMITS,
    outlet: shutOutlet(),
    committer: new Committer(store, host, () => {}),
    switches: new SwitchBoard(host, store),
    hub: new Hub(),
    scheduler: new LocalScheduler(host),
    outer: null,
    fault: null,
    runtimeVersion: RUNTIME_VERSION,
  }
  return {
    run: async (tenant, runId) => {
      const row = await store.run(tenant, runId)
      if (!row) throw new SignalboxError('RUN_NOT_FOUND', `there is no run \`${runId}\``)
      return replayRun(env, row)
    },
  }
}

/** No rule of a point is asked: verdicts are looked at apart. */
function shutPolicy(policy: PolicyPort): PolicyPort {
  return {
    bundle: policy.bundle,
    hasRulesAt: () => false,
    decide: (request) => policy.decide(request),
    mayStart: (workflow, principal) => policy.mayStart(workflow, principal),
    sentence: (code) => policy.sentence(code),
    tool: (name) => policy.tool(name),
    checkTools: (tools) => policy.checkTools(tools),
    cannotPermit: (question) => policy.cannotPermit(question),
    stepTools: (workflow, node) => policy.stepTools(workflow, node),
    checkSteps: (steps) => policy.checkSteps(steps),
  }
}

function shutOutlet(): OutletPort {
  const open = outletOver(() => refused('the network'))
  return { ...open, fetch: () => () => refused('`ctx.fetch`') }
}

function refused(what: string): never {
  throw new SignalboxError('INTERNAL', `a replay reaches nothing, and ${what} was asked for`)
}

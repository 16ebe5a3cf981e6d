import { canonicalJson } from '../base/json.ts'
import type { BuildRecord } from '../contracts/build.ts'
import type { AgentSpec, WorkflowSpec } from '../contracts/workflow.ts'
import { toolsWithin } from '../contracts/workflow.ts'
import type { Env } from './env.ts'

type Made = Pick<Env, 'runtimeVersion' | 'policy' | 'models'>

/** A cache only, of the bundle in force: nothing else of a process changes, and no definition. */
const known = new WeakMap<Made, WeakMap<WorkflowSpec, BuildRecord>>()

/** What this process works on runs of a definition with. */
export function buildOf(env: Made, spec: WorkflowSpec): BuildRecord {
  const own = known.get(env) ?? new WeakMap<WorkflowSpec, BuildRecord>()
  known.set(env, own)
  const cached = own.get(spec)
  if (cached?.bundle === env.policy.bundle) return cached
  const agents = agentsWithin(spec)
  const by = <T>(of: (agent: AgentSpec) => T): Record<string, T> =>
    Object.fromEntries(agents.map((agent) => [agent.name, of(agent)]))
  const made: BuildRecord = {
    runtime: env.runtimeVersion,
    bundle: env.policy.bundle,
    version: spec.version,
    definition: spec.definition,
    models: by((agent) => agent.model),
    prompts: by((agent) => agent.promptHash),
    tools: Object.fromEntries(toolsWithin(spec).map((tool) => [tool.name, tool.definitionHash])),
    prices: Object.fromEntries([...new Set(agents.map((agent) => agent.model))].map((id) => [id, priceOf(env, id)])),
  }
  own.set(spec, made)
  return made
}

/** What a segment records: nothing while it is worked on as it was when the run was started. */
export function buildPart(
  env: Made,
  spec: WorkflowSpec,
  started: { readonly build?: BuildRecord },
): { readonly build?: BuildRecord } {
  const build = buildOf(env, spec)
  const same = started.build !== undefined && canonicalJson(started.build) === canonicalJson(build)
  return same ? {} : { build }
}

function agentsWithin(spec: WorkflowSpec): readonly AgentSpec[] {
  const own = [...spec.nodes.values()].flatMap(({ agent }) => (agent ? [agent] : []))
  return [...own, ...[...spec.scopes.values()].flatMap(agentsWithin)]
}

/** A process that only starts runs may lack the keys of a model. */
function priceOf({ models }: Made, id: string): string | null {
  try {
    return models.resolve(id).price.id
  } catch {
    return null
  }
}

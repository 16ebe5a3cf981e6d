/** What a release is made of, and what moved between two of them. */
import { type AgentSpec, canonicalJson, sha256Hex, type WorkflowSpec } from 'signalbox'
import { z } from 'zod'
import type { BuildIdentity } from '../drill/build.ts'
import type { Project } from '../project.ts'

const workflowSchema = z.object({
  version: z.string(),
  definition: z.string(),
  signature: z.string(),
  shape: z.string(),
  /** Model and prompt hash by agent. */
  agents: z.record(z.string(), z.object({ model: z.string(), prompt: z.string() })),
  /** Definition hash by tool. */
  tools: z.record(z.string(), z.string()),
})

/** Shape of a manifest, for whoever reads it later. */
export const manifestSchema = z.object({
  kind: z.literal('release'),
  v: z.literal(1),
  release: z.string(),
  made_at: z.string(),
  project: z.string(),
  runtime_version: z.string(),
  store_version: z.int(),
  bundle: z.string(),
  /** By `name@version`. */
  workflows: z.record(z.string(), workflowSchema),
})

/** A release: its runtime, and the business side with its hashes. */
export type ReleaseManifest = z.output<typeof manifestSchema>

/** The manifest of a build. */
export function releaseManifest(
  project: Project,
  build: BuildIdentity,
  { release, madeAt }: { readonly release: string; readonly madeAt: string },
): ReleaseManifest {
  const specs = project.workflows.map((each) => each.spec)
  return {
    kind: 'release',
    v: 1,
    release,
    made_at: madeAt,
    project: build.project,
    runtime_version: build.runtimeVersion,
    store_version: build.storeVersion,
    bundle: build.bundle,
    workflows: Object.fromEntries(specs.map((spec) => [`${spec.name}@${spec.version}`, workflowOf(spec)])),
  }
}

function workflowOf(spec: WorkflowSpec): ReleaseManifest['workflows'][string] {
  const agents = agentsOf(spec)
  const { version, definition, signature, shape } = spec
  return {
    ...{ version, definition, signature, shape },
    agents: Object.fromEntries(agents.map(({ name, model, promptHash }) => [name, { model, prompt: promptHash }])),
    tools: Object.fromEntries([...spec.tools.values()].map((tool) => [tool.name, tool.definitionHash])),
  }
}

function agentsOf(spec: WorkflowSpec): readonly AgentSpec[] {
  return [...spec.nodes.values()].flatMap(({ agent }) => (agent ? [agent] : []))
}

/** What moved from one release to the next, a sentence each. */
export interface Moved {
  readonly runtime: readonly string[]
  readonly business: readonly string[]
  /** Workflows whose definition is another one under the same version. */
  readonly silent: readonly string[]
}

/** Compares two releases. */
export function movedBetween(before: ReleaseManifest, now: ReleaseManifest): Moved {
  const runtime: string[] = []
  const business: string[] = []
  const silent: string[] = []
  if (before.runtime_version !== now.runtime_version)
    runtime.push(`the runtime from ${before.runtime_version} to ${now.runtime_version}`)
  if (before.store_version !== now.store_version)
    runtime.push(`the store from format ${before.store_version} to ${now.store_version}`)
  if (before.bundle !== now.bundle) business.push('the policy bundle')
  for (const name of [...new Set([...Object.keys(before.workflows), ...Object.keys(now.workflows)])].sort()) {
    const [was, is] = [before.workflows[name], now.workflows[name]]
    if (!was) business.push(`workflow \`${name}\` is new`)
    else if (!is) business.push(`workflow \`${name}\` is gone`)
    else if (was.definition !== is.definition) {
      const parts = partsMoved(was, is)
      business.push(`workflow \`${name}\`${parts === '' ? '' : ` (${parts})`}`)
      silent.push(`workflow \`${name}\` is another one under the same version${parts === '' ? '' : `: ${parts}`}`)
    }
  }
  return { runtime, business, silent }
}

type Workflow = ReleaseManifest['workflows'][string]

function partsMoved(was: Workflow, is: Workflow): string {
  const parts: string[] = []
  const named = (what: string, a: Readonly<Record<string, unknown>>, b: Readonly<Record<string, unknown>>): void => {
    const names = [...new Set([...Object.keys(a), ...Object.keys(b)])].sort()
    for (const name of names)
      if (canonicalJson(a[name] ?? null) !== canonicalJson(b[name] ?? null)) parts.push(`${what} \`${name}\``)
  }
  named('agent', was.agents, is.agents)
  named('tool', was.tools, is.tools)
  if (was.shape !== is.shape) parts.push('its state')
  return parts.join(', ')
}

/** Hash of everything that is business: what an exception is about. */
export function businessHash({ bundle, workflows }: Pick<ReleaseManifest, 'bundle' | 'workflows'>): string {
  return sha256Hex(canonicalJson({ bundle, workflows }))
}

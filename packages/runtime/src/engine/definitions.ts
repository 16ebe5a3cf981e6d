import { SignalboxError } from '../base/errors.ts'
import { type JsonObject, parseJson } from '../base/json.ts'
import type { DefinitionRef } from '../contracts/records.ts'
import type { DefinitionReport } from '../contracts/runtime.ts'
import type { RunRow } from '../contracts/store.ts'
import type { UpgradeStep, WorkflowSpec } from '../contracts/workflow.ts'
import { definitionId, describeDifference } from '../orchestration/index.ts'
import { type RunFold, standsAt } from '../reliability/fold.ts'
import { openScopes } from '../reliability/fold-scopes.ts'
import { changesNothingStored, upgradePath } from '../reliability/upgrade.ts'
import type { Env } from './env.ts'

/**
 * What the definitions of this process can do with a run (ENGINE R14): it is with one of them; with one that differs in
 * code alone; an upgrade is declared; its workflow changed without one; or its workflow is not here at all.
 */
export type Standing =
  | { readonly kind: 'same'; readonly spec: WorkflowSpec }
  | { readonly kind: 'code'; readonly spec: WorkflowSpec }
  | { readonly kind: 'upgrade'; readonly spec: WorkflowSpec; readonly path: readonly UpgradeStep[] }
  | { readonly kind: 'changed'; readonly spec: WorkflowSpec }
  | { readonly kind: 'missing' }

/** What a worker claims by: the definitions that it has, and their graphs for runs that were stored in format 1. */
export function claimKeys(env: Pick<Env, 'workflows'>): readonly string[] {
  return [...env.workflows.values()].flatMap((spec) => [spec.definition, spec.signature])
}

/** The version of a workflow, as a record names it. */
export function refOf({ version, signature, shape }: WorkflowSpec): DefinitionRef {
  return { version, signature, shape }
}

/** Finds what can go on with a run. The version that it is with comes first; after it the newest that may take over. */
export function standingOf(env: Pick<Env, 'workflows'>, workflow: string, ref: DefinitionRef): Standing {
  const specs = [...env.workflows.values()].filter((spec) => spec.name === workflow).reverse()
  const alike = specs.filter((spec) => spec.signature === ref.signature && spec.shape === ref.shape)
  const same = alike.find((spec) => spec.version === ref.version)
  if (same) return { kind: 'same', spec: same }
  for (const spec of specs) {
    const path = upgradePath(spec, ref.version)
    if (path) return { kind: 'upgrade', spec, path }
  }
  const [code] = alike
  if (code) return { kind: 'code', spec: code }
  const [newest] = specs
  return newest ? { kind: 'changed', spec: newest } : { kind: 'missing' }
}

/** True when the steps can be taken where the run stands: at a barrier, or at a save point that they leave alone. */
export function mayUpgradeAt(fold: RunFold, spec: WorkflowSpec, path: readonly UpgradeStep[]): boolean {
  const at = standsAt(fold)
  if (at !== 'position') return at === 'barrier'
  // What is nested goes on with the graph that it was entered with.
  if (fold.definition.shape !== spec.shape || !changesNothingStored(path) || openScopes(fold).length > 0) return false
  const nodes = [...fold.checkpoint.queue.map((one) => one.to), ...fold.opened.map((one) => one.node)]
  return nodes.every((name) => spec.nodes.has(name))
}

/** What differs between the version that a run is with and one that is here, a sentence each (invariant 11). */
export async function changesOf(
  env: Pick<Env, 'store'>,
  ref: DefinitionRef,
  now: WorkflowSpec,
): Promise<readonly string[]> {
  const id = definitionId(now.name, ref)
  // Format 1 kept them by the hash of the graph.
  const before = (await env.store.definition(id)) ?? (await env.store.definition(ref.signature))
  return before
    ? describeDifference(asDescription(before), now.description)
    : ['the earlier definition is not on record']
}

function asDescription(text: string): JsonObject {
  const value = parseJson(text, 'the stored definition')
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : {}
}

/** Why this process cannot go on with a run, in words, with what to do; null when it can. */
export async function whyNot(
  env: Pick<Env, 'store' | 'workflows'>,
  row: Pick<RunRow, 'workflow'>,
  fold: RunFold,
  standing: Standing,
): Promise<SignalboxError | null> {
  const { version } = fold.definition
  const old = `start a worker that has \`${row.workflow}\` ${version}`
  if (standing.kind === 'missing')
    return new SignalboxError('WORKFLOW_UNKNOWN', `workflow \`${row.workflow}\` is not loaded here; ${old}`)
  if (standing.kind === 'same' || standing.kind === 'code') return null
  const { spec } = standing
  if (standing.kind === 'upgrade') {
    if (mayUpgradeAt(fold, spec, standing.path)) return null
    const back = `or go back to its last barrier (record ${fold.checkpointSeq}) with a restore or a fork`
    return new SignalboxError(
      'WORKFLOW_CHANGED',
      `the run is inside superstep ${fold.checkpoint.superstep} with version ${version}, and ${spec.version} can only take over between supersteps; ${old}, ${back}`,
    )
  }
  const changes = await changesOf(env, fold.definition, spec)
  const then = `workflow \`${row.workflow}\` changed since the run was started (${version} then, ${spec.version} now)`
  const back = ` and go back to the last barrier (record ${fold.checkpointSeq}): the run is inside superstep ${fold.checkpoint.superstep}`
  const inside = standsAt(fold) === 'barrier' ? '' : back
  return new SignalboxError(
    'WORKFLOW_CHANGED',
    `${then}: ${changes.join('; ')}; to go on, ${old}, or ${fixOf(version, spec)}${inside}`,
    { details: { changes } },
  )
}

function fixOf(version: string, spec: WorkflowSpec): string {
  if (version !== spec.version) return `declare \`.upgrade({ from: '${version}' })\` in ${spec.version}`
  return `give the changed workflow another version and declare \`.upgrade({ from: '${version}' })\` in it`
}

/** What people are told of a run's version and of what this process has. Changes nothing. */
export async function reportDefinition(
  env: Pick<Env, 'store' | 'workflows'>,
  row: RunRow,
  fold: RunFold,
): Promise<DefinitionReport> {
  const standing = standingOf(env, row.workflow, fold.definition)
  const refusal = await whyNot(env, row, fold, standing)
  const here = standing.kind === 'missing' ? null : standing.spec
  return {
    version: fold.definition.version,
    here: here?.version ?? null,
    standing: refusal
      ? 'refused'
      : standing.kind === 'code'
        ? 'same_graph'
        : standing.kind === 'upgrade'
          ? 'upgrade'
          : 'same',
    stands: standsAt(fold),
    steps: standing.kind === 'upgrade' ? standing.path.map(({ from, to }) => `${from} to ${to}`) : [],
    changes: here && standing.kind !== 'same' ? await changesOf(env, fold.definition, here) : [],
    reason: refusal?.message ?? null,
  }
}

import type { KillSwitchView, Workflow } from '@signalbox/protocol'
import { type KillSwitch, type ModelPort, toMermaid, toPicture, type WorkflowSpec } from 'signalbox'
import { isoOf, isoOrNull } from './runs.ts'

/** A kill switch and whether it is in force at `now` (milliseconds since 1970). */
export function killSwitchView(row: KillSwitch, now: number): KillSwitchView {
  return {
    id: row.id,
    scope: row.scope,
    target: row.target,
    mode: row.mode,
    reason: row.reason,
    by: row.by,
    created_at: isoOf(row.createdAt),
    expires_at: isoOrNull(row.expiresAt),
    lifted_at: isoOrNull(row.liftedAt),
    lifted_by: row.liftedBy,
    lift_asked_by: row.liftAskedBy ?? null,
    channel: row.channel ?? 'api',
    engaged: row.liftedAt === null && (row.expiresAt === null || row.expiresAt > now),
  }
}

/** A workflow as its page shows it. */
export function workflowView(spec: WorkflowSpec, models: ModelPort): Workflow {
  const { nodes, arrows } = toPicture(spec)
  return {
    name: spec.name,
    version: spec.version,
    signature: spec.signature,
    diagram: toMermaid(spec),
    graph: { nodes: nodes.map((node) => ({ ...node, lines: [...node.lines] })), arrows: [...arrows] },
    contract: contractOf(spec),
    budget: { ...spec.budget },
    max_supersteps: spec.maxSupersteps,
    input_schema: spec.input.json,
    models: [...modelsOf([spec], models)],
  }
}

function contractOf({ contract }: WorkflowSpec): Workflow['contract'] {
  if (contract === null) return null
  return {
    objective: contract.objective,
    quality_metric: contract.qualityMetric,
    accepted_by: contract.acceptedBy,
    escalation: contract.escalation,
    blast_radius: contract.blastRadius,
  }
}

/** Models that workflows use, each once, and whether a script answers for them. */
export function modelsOf(
  specs: readonly WorkflowSpec[],
  models: ModelPort,
): readonly { readonly id: string; readonly scripted: boolean }[] {
  const nodes = specs.flatMap((spec) => [...spec.nodes.values()])
  const ids = [
    ...new Set(nodes.flatMap((node) => (node.agent ? [node.agent.model, ...(node.agent.fallback ?? [])] : []))),
  ].sort()
  return ids.map((id) => ({ id, scripted: isScripted(models, id) }))
}

function isScripted(models: ModelPort, id: string): boolean {
  try {
    return models.resolve(id).scripted
  } catch {
    // A model that cannot be resolved here is refused at the call; the page must still open.
    return false
  }
}

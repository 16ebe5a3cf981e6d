import { SignalboxError } from 'signalbox'
import type { Project } from '../project.ts'
import type { WorkflowDrill } from './define.ts'

/**
 * The drills of a project, or those of one workflow. Throws CONFIG_INVALID when the project declares none, and
 * WORKFLOW_UNKNOWN when none is of that workflow or it is not one of the project's workflows.
 */
export function chosenDrills(project: Project, workflow: string | null): readonly WorkflowDrill[] {
  const drills = project.drills ?? []
  if (drills.length === 0)
    throw new SignalboxError(
      'CONFIG_INVALID',
      `project \`${project.name}\` declares no drills: add \`drills: [{ workflow, inputs, principal, world, recorded }]\` to its defineProject`,
    )
  const names = drills.map((drill) => drill.workflow)
  const unknown = names.find((name) => project.workflows.every((each) => each.spec.name !== name))
  if (unknown !== undefined)
    throw new SignalboxError(
      'WORKFLOW_UNKNOWN',
      `a drill names the workflow \`${unknown}\`, which project \`${project.name}\` does not have: correct its name`,
    )
  if (workflow === null) return drills
  const chosen = drills.filter((drill) => drill.workflow === workflow)
  if (chosen.length > 0) return chosen
  throw new SignalboxError(
    'WORKFLOW_UNKNOWN',
    `no drill of workflow \`${workflow}\` is declared: --workflow takes ${names.map((name) => `\`${name}\``).join(', ')}`,
  )
}

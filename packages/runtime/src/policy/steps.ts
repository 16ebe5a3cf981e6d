import { SignalboxError } from '../base/errors.ts'
import type { StepTools } from '../contracts/policy.ts'
import type { CatalogueWorkflow } from './bundle-files.ts'

/** The tools that the catalogue lets a step call, or null where it sets no list. */
export function stepToolsOf(
  rows: readonly CatalogueWorkflow[],
  workflow: string,
  node: string,
): readonly string[] | null {
  const steps = rows.find(({ name }) => name === workflow)?.steps ?? {}
  return Object.hasOwn(steps, node) ? (steps[node] ?? null) : null
}

/**
 * Stops the start when a step may call more in code than the catalogue lets it (CATALOGUE_LAXER), or when the catalogue
 * limits a step that no version of the workflow has, so that the limit would be without force (POLICY_BUNDLE_INVALID).
 * Names every difference at once.
 */
export function assertStepsCovered(steps: readonly StepTools[], rows: readonly CatalogueWorkflow[]): void {
  const laxer = steps.flatMap(({ workflow, node, tools }) => {
    const list = stepToolsOf(rows, workflow, node)
    const more = list === null ? [] : tools.filter((tool) => !list.includes(tool))
    const named = more.map((tool) => `\`${tool}\``).join(', ')
    return more.length === 0
      ? []
      : [`step \`${node}\` of \`${workflow}\` may call ${named} in code: list its tools there`]
  })
  const unknown = rows.flatMap(({ name, steps: limits = {} }) => {
    const here = steps.filter(({ workflow }) => workflow === name)
    const missing =
      here.length === 0 ? [] : Object.keys(limits).filter((node) => !here.some((one) => one.node === node))
    return missing.map((node) => `the catalogue limits step \`${node}\` of \`${name}\`, which has no such step`)
  })
  const differences = [...laxer, ...unknown]
  if (differences.length === 0) return
  const code = laxer.length > 0 ? 'CATALOGUE_LAXER' : 'POLICY_BUNDLE_INVALID'
  throw new SignalboxError(code, differences.join('; '), { details: { differences } })
}

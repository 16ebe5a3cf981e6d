import type { Draft, UpgradeDraft } from './draft.ts'

/** Errors in the declared upgrade steps: each version has one way on, and every way ends at the workflow itself. */
export function checkUpgrades(draft: Draft): string[] {
  const errors: string[] = []
  const byFrom = new Map<string, UpgradeDraft>()
  for (const step of draft.upgrades) {
    const what = `the upgrade from \`${step.from}\``
    if (byFrom.has(step.from)) errors.push(`${what} is declared twice; keep one`)
    byFrom.set(step.from, step)
    errors.push(...checkStep(draft, step, what))
  }
  for (const step of draft.upgrades)
    if (!arrives(draft, byFrom, step))
      errors.push(
        `the upgrade from \`${step.from}\` ends at \`${step.to}\`; declare a step from there to \`${draft.version}\``,
      )
  return errors
}

function checkStep(draft: Draft, step: UpgradeDraft, what: string): string[] {
  const errors: string[] = []
  if (step.from === step.to) errors.push(`${what} leads to the same version; give the workflow another one`)
  if (step.to !== draft.version) {
    if (!step.expect) errors.push(`${what} to \`${step.to}\` needs \`expect\`: the schema of the state in between`)
    return errors
  }
  if (step.expect) errors.push(`${what} is checked by the workflow's own fields; leave \`expect\` out`)
  const names = new Set(draft.nodes.map((node) => node.name))
  for (const [old, name] of Object.entries(step.nodes))
    if (!names.has(name)) errors.push(`${what} renames node \`${old}\` to \`${name}\`, which is not a node`)
  for (const name of Object.keys(step.messages))
    if (!names.has(name)) errors.push(`${what} changes messages to \`${name}\`, which is not a node`)
  return errors
}

function arrives(draft: Draft, byFrom: ReadonlyMap<string, UpgradeDraft>, start: UpgradeDraft): boolean {
  let step: UpgradeDraft | undefined = start
  for (let left = byFrom.size; step && left > 0; left--) {
    if (step.to === draft.version) return true
    step = byFrom.get(step.to)
  }
  return false
}

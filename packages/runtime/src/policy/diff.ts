import { SignalboxError } from '../base/errors.ts'
import type { EffectClass } from '../contracts/common.ts'
import type { CatalogueTool } from '../contracts/policy.ts'

/** What the code says of one of its tools. */
export interface DeclaredTool {
  readonly name: string
  readonly class: string
  readonly effect: EffectClass
}

/** One difference between code and catalogue. */
export interface ToolDifference {
  readonly tool: string
  readonly kind: 'missing' | 'class' | 'weaker' | 'stronger'
  readonly message: string
}

const WEIGHT: Record<EffectClass, number> = { none: 0, reversible: 1, irreversible: 2 }

/** Every difference between the tools in code and the catalogue's rows, in order of the tools. */
export function toolDifferences(
  tools: readonly DeclaredTool[],
  row: (name: string) => CatalogueTool | null,
): readonly ToolDifference[] {
  return tools.flatMap((tool) => differencesOf(tool, row(tool.name)))
}

function differencesOf(tool: DeclaredTool, row: CatalogueTool | null): ToolDifference[] {
  const name = `tool \`${tool.name}\``
  if (row === null) return [{ tool: tool.name, kind: 'missing', message: `${name} is not in the catalogue: add it` }]
  const found: ToolDifference[] = []
  if (tool.class !== row.class) {
    const message = `${name} has class \`${tool.class}\` in code and \`${row.class}\` in the catalogue`
    found.push({ tool: tool.name, kind: 'class', message })
  }
  if (WEIGHT[tool.effect] !== WEIGHT[row.effect]) {
    const kind = WEIGHT[tool.effect] < WEIGHT[row.effect] ? 'weaker' : 'stronger'
    const message = `${name} has effect \`${tool.effect}\` in code and \`${row.effect}\` in the catalogue`
    found.push({ tool: tool.name, kind, message })
  }
  return found
}

/**
 * Stops the start when code and catalogue differ, naming every difference at once: CATALOGUE_LAXER when the code says less
 * than the catalogue (a tool missing there, another class, a weaker effect), POLICY_BUNDLE_INVALID when only the catalogue
 * says less than the code, so that its policies would see a weaker effect than the tool has.
 */
export function assertToolsCovered(tools: readonly DeclaredTool[], row: (name: string) => CatalogueTool | null): void {
  const found = toolDifferences(tools, row)
  if (found.length === 0) return
  const code = found.some((each) => each.kind !== 'stronger') ? 'CATALOGUE_LAXER' : 'POLICY_BUNDLE_INVALID'
  const messages = found.map((each) => each.message)
  throw new SignalboxError(code, messages.join('; '), { details: { differences: messages } })
}

import type { OwnLimits } from '../contracts/common.ts'
import type { WorkflowSpec } from '../contracts/workflow.ts'

/** A nested budget that is larger than what is around it would promise what the run does not have. */
export function checkOwnBudgets(scopes: WorkflowSpec['scopes'], around: OwnLimits): string[] {
  return [...scopes].flatMap(([name, inner]) => {
    const own = inner.ownBudget ?? {}
    const larger = largerIn(own, around)
    const told = larger.map((limit) => `\`${name}\` may use more ${limit} than what is around it; give it less`)
    return [...told, ...checkOwnBudgets(inner.scopes, { ...around, ...own })]
  })
}

const OWN = [
  ['max_turns', 'turns'],
  ['max_tool_calls', 'tool calls'],
  ['max_tokens', 'tokens'],
  ['max_cost_nano_usd', 'cost'],
] as const

function largerIn(own: OwnLimits, around: OwnLimits): readonly string[] {
  return OWN.flatMap(([field, name]) => {
    const [mine, theirs] = [own[field], around[field]]
    return mine !== undefined && theirs !== undefined && BigInt(mine) > BigInt(theirs) ? [name] : []
  })
}

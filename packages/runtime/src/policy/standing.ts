/** Whether a standing approval may answer in place of a person. Policy still decides, before and after. */
import type { JsonObject } from '../base/json.ts'
import type { Principal } from '../contracts/common.ts'
import type { StandingBody, StandingConstraint } from '../contracts/mandates.ts'
import type { AskingPolicy, CatalogueTool } from '../contracts/policy.ts'
import { isComplete, isOthers } from './approval-people.ts'

/** What is to happen, as a standing approval sees it. */
export interface StandingSubject {
  readonly tool: CatalogueTool
  readonly workflow: string
  readonly principal: Principal
  readonly asks: readonly AskingPolicy[]
  /** The arguments; only fields that the catalogue lists are looked at. */
  readonly input: JsonObject
}

/** True where the catalogue lets standing approvals answer for the tool at all. */
export function allowsStanding(tool: CatalogueTool): boolean {
  return tool.standing ?? tool.effect !== 'irreversible'
}

/** True when every asking policy allows it and one person's answer is enough. */
export function mayStand({ tool, asks }: Pick<StandingSubject, 'tool' | 'asks'>): boolean {
  const [first] = asks
  return (
    first !== undefined &&
    allowsStanding(tool) &&
    asks.every((ask) => ask.standing === 'allowed' && (ask.quorum ?? 1) === 1 && ask.stage === first.stage)
  )
}

/** The amount that a use counts, or null when it counts uses only; undefined when the standing approval does not fit. */
export function standingFit(body: StandingBody, giver: Principal, subject: StandingSubject): number | null | undefined {
  const { tool, workflow, principal, asks, input } = subject
  if (!mayStand(subject) || body.tool !== tool.name || body.workflow !== workflow || body.principal !== principal.id)
    return undefined
  const vote = { approver: giver }
  if (!isOthers(vote, principal) || !isComplete(asks, [vote])) return undefined
  if (body.constraints.length === 0 || !body.constraints.every((one) => fits(one, tool, input))) return undefined
  if (body.amount_field === null) return null
  const amount = field(tool, input, body.amount_field)
  return typeof amount === 'number' && amount >= 0 ? amount : undefined
}

function fits(constraint: StandingConstraint, tool: CatalogueTool, input: JsonObject): boolean {
  const value = field(tool, input, constraint.field)
  if (value === undefined) return false
  if ('equals' in constraint) return value === constraint.equals
  if ('at_most' in constraint) return typeof value === 'number' && value >= 0 && value <= constraint.at_most
  return constraint.one_of.some((one) => one === value)
}

/** The value of a field of the typed projection; nothing else is ever looked at. */
function field(tool: CatalogueTool, input: JsonObject, name: string): string | number | boolean | undefined {
  if (!Object.hasOwn(tool.input, name) || !Object.hasOwn(input, name)) return undefined
  const [type, value] = [tool.input[name], input[name]]
  if (type === 'Long') return typeof value === 'number' && Number.isSafeInteger(value) ? value : undefined
  if (type === 'String') return typeof value === 'string' ? value : undefined
  return type === 'Bool' && typeof value === 'boolean' ? value : undefined
}

/** Why constraints cannot be given for a tool, a sentence each. */
export function constraintProblems(
  tool: CatalogueTool,
  constraints: readonly StandingConstraint[],
  amountField: string | null,
): readonly string[] {
  const problems: string[] = []
  if (constraints.length === 0) problems.push('name at least one field that must be so: without one anything would fit')
  for (const one of constraints) {
    const type = tool.input[one.field]
    const wanted = 'at_most' in one ? ['number'] : (VALUES[type ?? 'Set<String>'] ?? [])
    const given = 'equals' in one ? [one.equals] : 'at_most' in one ? [one.at_most] : one.one_of
    if (type === undefined) problems.push(`\`${one.field}\` is not a field of \`input\` in the catalogue`)
    else if (type === 'Set<String>') problems.push(`\`${one.field}\` is a set: only single values can be required`)
    else if ('at_most' in one && type !== 'Long') problems.push(`\`${one.field}\` is no whole number`)
    else if (given.length === 0 || given.some((value) => !wanted.includes(typeof value)))
      problems.push(`\`${one.field}\` takes values of type ${type}`)
  }
  if (amountField !== null && tool.input[amountField] !== 'Long')
    problems.push(`\`${amountField}\` cannot be counted: it is no whole-number field of \`input\` in the catalogue`)
  return problems
}

const VALUES: Readonly<Record<CatalogueTool['input'][string], readonly string[]>> = {
  Long: ['number'],
  String: ['string'],
  Bool: ['boolean'],
  'Set<String>': [],
}

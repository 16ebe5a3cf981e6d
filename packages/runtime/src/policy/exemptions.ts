import { z } from 'zod'

/** How long an exemption may last: what nobody looked at for longer has to be signed again. */
export const EXEMPTION_MAX_DAYS = 366

const DAY_MS = 86_400_000

/** Why an exemption counts or does not. Only `in_force` counts. */
export type ExemptionState = 'in_force' | 'unsigned' | 'not_yet' | 'expired'

/**
 * One tool with an effect that may run without an approval, and who answers for that. It loosens no policy: a forbid
 * holds as before. It only answers the finding that the tool can be permitted without a person.
 */
export interface Exemption {
  readonly tool: string
  /** Workflows that it is for; null for all. */
  readonly workflows: readonly string[] | null
  /** One sentence: under which condition nobody needs to be asked. For people; the policies keep it. */
  readonly condition: string
  /** The owner of the tool, as the catalogue names it. */
  readonly owner: string
  readonly reason: string
  /** The person who signed for the owner, such as `user:ana`; null while nobody has. */
  readonly signedBy: string | null
  /** Milliseconds since 1970; null while nobody has signed. */
  readonly signedAt: number | null
  /** Milliseconds since 1970: from here on it does not count. */
  readonly expiresAt: number
}

const sentence = z.string().trim().min(3).max(300)
const day = z.iso.date('must be a date such as 2026-11-30')

/** `exemptions.json` of a bundle. */
export const ExemptionsFile = z.strictObject({
  exemptions: z.array(
    z.strictObject({
      tool: z.string().min(1).max(128),
      workflows: z.array(z.string().min(1).max(128)).min(1).optional(),
      condition: sentence,
      owner: z.string().min(1).max(100),
      reason: sentence,
      signed_by: z
        .string()
        .regex(/^user:\S{1,100}$/, 'must be a person such as user:ana')
        .nullable(),
      signed_on: day.nullable(),
      expires_on: day,
    }),
  ),
})

/** The parsed content of `exemptions.json`. */
export type ExemptionsText = z.output<typeof ExemptionsFile>

type Say = (path: readonly PropertyKey[], message: string) => void

/** Says everything that is wrong with exemptions beside their form: unknown tools, owners, times that do not fit. */
export function checkExemptions(
  { exemptions }: ExemptionsText,
  tools: readonly { readonly name: string; readonly effect: string; readonly owner: string }[],
  workflows: readonly { readonly name: string }[],
  say: Say,
): void {
  for (const [at, row] of exemptions.entries()) {
    const tool = tools.find((each) => each.name === row.tool)
    const here = (field: string): readonly PropertyKey[] => ['exemptions', at, field]
    if (tool === undefined) say(here('tool'), `tool \`${row.tool}\` is not in the catalogue`)
    else if (tool.effect === 'none') say(here('tool'), `tool \`${row.tool}\` has no effect and needs no exemption`)
    else if (tool.owner !== row.owner)
      say(here('owner'), `only \`${tool.owner}\`, who owns \`${row.tool}\`, can exempt it`)
    for (const [index, name] of (row.workflows ?? []).entries())
      if (!workflows.some((each) => each.name === name))
        say([...here('workflows'), index], `workflow \`${name}\` is not in the catalogue`)
    for (const [field, message] of timeProblems(row)) say(here(field), message)
  }
}

function timeProblems(row: ExemptionsText['exemptions'][number]): readonly (readonly [string, string])[] {
  if ((row.signed_by === null) !== (row.signed_on === null))
    return [['signed_on', 'a signature needs both `signed_by` and `signed_on`']]
  if (row.signed_on === null) return []
  const days = (Date.parse(row.expires_on) - Date.parse(row.signed_on)) / DAY_MS
  if (days <= 0) return [['expires_on', 'must be after `signed_on`']]
  if (days > EXEMPTION_MAX_DAYS)
    return [
      ['expires_on', `must be within ${EXEMPTION_MAX_DAYS} days of \`signed_on\`: it has to be signed again then`],
    ]
  return []
}

/** The exemptions of a file that was checked, in its order. Dates are read as midnight UTC. */
export function exemptionsOf({ exemptions }: ExemptionsText): readonly Exemption[] {
  return exemptions.map((row) => ({
    tool: row.tool,
    workflows: row.workflows ?? null,
    condition: row.condition,
    owner: row.owner,
    reason: row.reason,
    signedBy: row.signed_by,
    signedAt: row.signed_on === null ? null : Date.parse(row.signed_on),
    expiresAt: Date.parse(row.expires_on),
  }))
}

/** How an exemption stands at a time, in milliseconds since 1970. */
export function exemptionState(exemption: Exemption, at: number): ExemptionState {
  if (exemption.signedBy === null || exemption.signedAt === null) return 'unsigned'
  if (at < exemption.signedAt) return 'not_yet'
  return at < exemption.expiresAt ? 'in_force' : 'expired'
}

/**
 * The exemption of a tool that is in force at `at` (milliseconds since 1970), or null. With a workflow: one that is for it
 * or for all. Without: one that is for all workflows only, since one that is for some leaves the others without.
 */
export function exemptionFor(
  exemptions: readonly Exemption[],
  tool: string,
  at: number,
  workflow: string | null = null,
): Exemption | null {
  const fits = ({ workflows }: Exemption): boolean =>
    workflows === null || (workflow !== null && workflows.includes(workflow))
  return exemptions.find((each) => each.tool === tool && fits(each) && exemptionState(each, at) === 'in_force') ?? null
}

import { z } from 'zod'
import type { Principal } from '../contracts/common.ts'
import type { ActDuty } from '../contracts/duty.ts'

/**
 * Two things that one person may not combine (separation of duties).
 *
 * `roles`: nobody may hold both. `acts`: who caused `done` may neither ask for `barred` on the same subject nor approve
 * it. The subject is what `field` of the tool's arguments names, such as one vendor.
 */
export type Duty = RoleDuty | ActDuty

/** Two roles that no one person may hold. */
export interface RoleDuty {
  readonly kind: 'roles'
  readonly id: string
  /** Reason code that bundle.json declares. */
  readonly reason: string
  readonly roles: readonly [string, string]
}

const id = z.string().regex(/^[a-z][a-z0-9._-]{0,99}$/, 'must be lower case letters, digits, dots and hyphens')
const act = z.strictObject({ tool: z.string().min(1), field: z.string().min(1) })

/** `duties` of bundle.json. */
export const DutiesField = z.array(
  z.union([
    z.strictObject({ id, reason: z.string(), roles: z.tuple([z.string(), z.string()]) }),
    z.strictObject({ id, reason: z.string(), done: act, barred: act }),
  ]),
)

/** `duties` as they were parsed. */
export type DutiesText = z.output<typeof DutiesField>

type Say = (path: readonly PropertyKey[], message: string) => void

/** The duties of a manifest. */
export function dutiesOf(rows: DutiesText): readonly Duty[] {
  return rows.map((row) => ('roles' in row ? { kind: 'roles', ...row } : { kind: 'acts', ...row }))
}

/** Says what is wrong with duties beside their form: ids, reasons and roles that are not declared. */
export function checkDuties(
  rows: DutiesText,
  declared: { readonly roles: readonly string[]; readonly reasons: Readonly<Record<string, string>> },
  say: Say,
): void {
  const ids = rows.map((row) => row.id)
  for (const [at, row] of rows.entries()) {
    if (ids.indexOf(row.id) !== at) say(['duties', at, 'id'], `duty \`${row.id}\` is declared twice`)
    if (!Object.hasOwn(declared.reasons, row.reason))
      say(['duties', at, 'reason'], `reason \`${row.reason}\` is not declared in bundle.json`)
    if (!('roles' in row)) continue
    if (row.roles[0] === row.roles[1]) say(['duties', at, 'roles'], 'must name two different roles')
    for (const role of row.roles)
      if (!declared.roles.includes(role))
        say(['duties', at, 'roles'], `role \`${role}\` is not declared in bundle.json`)
  }
}

/** Says which acts name no tool with an effect, or no field that policy sees. */
export function checkDutyActs(
  duties: readonly Duty[],
  tools: readonly {
    readonly name: string
    readonly effect: string
    readonly input: Readonly<Record<string, string>>
  }[],
  say: (message: string) => void,
): void {
  for (const duty of duties) {
    if (duty.kind !== 'acts') continue
    for (const { tool, field } of [duty.done, duty.barred]) {
      const row = tools.find((each) => each.name === tool)
      const type = row?.input[field]
      if (row === undefined) say(`duty \`${duty.id}\` names tool \`${tool}\`, which is not in the catalogue`)
      else if (row.effect === 'none') say(`duty \`${duty.id}\` names tool \`${tool}\`, which has no effect`)
      else if (type !== 'String' && type !== 'Long')
        say(`duty \`${duty.id}\` needs \`${field}\` of \`${tool}\` in the catalogue as String or Long`)
    }
  }
}

/** The duty that somebody breaks by the roles that they hold, or null. */
export function brokenByRoles(duties: readonly Duty[], roles: Principal['roles']): RoleDuty | null {
  for (const duty of duties) if (duty.kind === 'roles' && duty.roles.every((role) => roles.includes(role))) return duty
  return null
}

import {
  ALERT_KINDS,
  ALERT_RULES,
  ALERT_SEVERITIES,
  type AlertKind,
  type AlertTerms,
  type LimitsFor,
  SignalboxError,
  SWITCH_MODES,
} from 'signalbox'
import { z } from 'zod'

const limitsSchema = z.record(z.string(), z.number().min(0).max(1e12))
const nameSchema = z.string().min(1).max(200)

const kindSchema = z.strictObject({
  /** True: this kind is not looked for. */
  off: z.boolean().optional(),
  severity: z.enum(ALERT_SEVERITIES).optional(),
  limits: limitsSchema.optional(),
  /** Once the condition was gone for so long the alert is resolved. Kinds that need a person have none. */
  resolveAfterSeconds: z.number().min(0).max(604_800).optional(),
})

const overrideSchema = z
  .strictObject({
    kind: z.enum(ALERT_KINDS),
    tenant: nameSchema.optional(),
    workflow: nameSchema.optional(),
    off: z.boolean().optional(),
    limits: limitsSchema.optional(),
  })
  .refine(({ tenant, workflow }) => tenant !== undefined || workflow !== undefined, {
    message: 'names neither `tenant` nor `workflow`: what holds for all belongs into `kinds`',
  })

const engageSchema = z.strictObject({
  /** Name of the rule, for the record. */
  name: z
    .string()
    .regex(/^[a-z0-9][a-z0-9_.-]{0,63}$/, 'takes up to 64 lower case letters, digits, and `-`, `_`, `.` between'),
  kind: z.enum(ALERT_KINDS).exclude(['kill_switch.engaged']),
  /** Only for alerts about this workflow. */
  workflow: nameSchema.optional(),
  engage: z.strictObject({
    /** One thing that is named here: a rule cannot stop a whole tenant, nor every tenant. */
    scope: z.enum(['workflow', 'tool', 'class', 'server']),
    target: nameSchema,
    mode: z.enum(SWITCH_MODES),
    expiresInMinutes: z.int().min(1).max(44_640),
  }),
})

const alertsSchema = z.strictObject({
  /** Pause between two looks. */
  everySeconds: z.number().min(0.05).max(60).default(5),
  /** By kind; what is absent has the defaults that `signalbox alerts rules` shows. */
  kinds: z.partialRecord(z.enum(ALERT_KINDS), kindSchema).default({}),
  /** Other limits for a tenant or workflow; of two that fit the later one counts. */
  overrides: z.array(overrideSchema).max(500).default([]),
  /** A page that nobody acknowledged is told again, once, after so long; null: never. */
  escalateAfterMinutes: z.number().positive().max(10_080).nullable().default(30),
  /** Kill switches that an alert throws. */
  onAlert: z.array(engageSchema).max(20).default([]),
})

/** Alerts as a project declares them. */
export type AlertsDef = z.input<typeof alertsSchema>
/** Alerts as they are checked, with every default filled in. */
export type AlertSettings = z.output<typeof alertsSchema>
/** A rule that throws a kill switch. */
export type AlertSwitchRule = AlertSettings['onAlert'][number]

/** Checks the alerts of a project. Throws CONFIG_INVALID with every mistake at once. */
export function readAlertSettings(def: AlertsDef | undefined): AlertSettings {
  const parsed = alertsSchema.safeParse(def ?? {})
  const faults = parsed.success
    ? faultsOf(parsed.data)
    : parsed.error.issues.map(({ path, message }) => `alerts.${path.join('.')} ${message}`)
  if (parsed.success && faults.length === 0) return parsed.data
  throw new SignalboxError('CONFIG_INVALID', `alerts are not valid: ${faults.join('; ')}`)
}

function faultsOf({ kinds, overrides, onAlert }: AlertSettings): readonly string[] {
  // The schema lets only kinds pass as keys.
  const named = Object.entries(kinds) as [AlertKind, z.output<typeof kindSchema>][]
  const limits = [
    ...named.map(([kind, { limits }]) => ({ kind, limits, at: `kinds.${kind}` })),
    ...overrides.map(({ kind, limits }, i) => ({ kind, limits, at: `overrides.${i}` })),
  ]
  const names = onAlert.map(({ name }) => name)
  return [
    ...limits.flatMap(({ kind, limits: given = {}, at }) =>
      Object.keys(given)
        .filter((name) => !Object.hasOwn(ALERT_RULES[kind].limits, name))
        .map((name) => `alerts.${at}.limits.${name} is no limit of ${kind}: ${limitNames(kind)}`),
    ),
    ...named
      .filter(([kind, { resolveAfterSeconds: own }]) => own !== undefined && ALERT_RULES[kind].resolves === 'person')
      .map(([kind]) => `alerts.kinds.${kind}.resolveAfterSeconds cannot be set: a person must look at it`),
    ...names.filter((name, i) => names.indexOf(name) !== i).map((name) => `alerts.onAlert: \`${name}\` is there twice`),
  ]
}

function limitNames(kind: AlertKind): string {
  return `take ${Object.keys(ALERT_RULES[kind].limits).join(', ')}`
}

/** The limits in force for a kind: its defaults, then the project's, then those for the tenant and workflow. */
export function limitsIn({
  kinds,
  overrides,
}: AlertSettings): (kind: AlertKind) => LimitsFor<Readonly<Record<string, number>>> {
  return (kind) => (tenant, workflow) => {
    const base = kinds[kind]
    let off = base?.off ?? false
    let limits: Readonly<Record<string, number>> = { ...ALERT_RULES[kind].limits, ...base?.limits }
    for (const each of overrides) {
      const fits =
        each.kind === kind &&
        (each.tenant === undefined || each.tenant === tenant) &&
        (each.workflow === undefined || each.workflow === workflow)
      if (!fits) continue
      off = each.off ?? off
      limits = { ...limits, ...each.limits }
    }
    return off ? null : limits
  }
}

/** What a plan of changes is made under. */
export function termsIn(settings: AlertSettings): AlertTerms {
  const { kinds, escalateAfterMinutes, onAlert } = settings
  return {
    severityOf: (kind) => kinds[kind]?.severity ?? ALERT_RULES[kind].severity,
    resolveAfterMs: (kind) => {
      const { resolves } = ALERT_RULES[kind]
      return resolves === 'person' ? null : (kinds[kind]?.resolveAfterSeconds ?? resolves.afterSeconds) * 1_000
    },
    escalateAfterMs: escalateAfterMinutes === null ? null : escalateAfterMinutes * 60_000,
    engages: (kind, { workflow }) =>
      onAlert.find((each) => each.kind === kind && (each.workflow === undefined || each.workflow === workflow))?.name ??
      null,
  }
}

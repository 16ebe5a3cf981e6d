import { Cron } from 'croner'
import { canonicalJson, everyInterval, type JsonValue, type NextDue, SignalboxError } from 'signalbox'
import { z } from 'zod'

/** Work that the server itself can do on a schedule. */
export const JOBS = [
  'retention',
  'drill.restore',
  'drill.backup',
  'audit.heads',
  'exposure-audit',
  'report',
  'store.vacuum',
  'lineage-check',
] as const
/** Name of a built-in job. */
export type JobName = (typeof JOBS)[number]

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

const everySchema = z.union([
  z.strictObject({ minutes: z.int().min(1).max(100_000) }),
  z.strictObject({ hours: z.int().min(1).max(10_000) }),
  z.strictObject({ days: z.int().min(1).max(3_660) }),
])

const scheduleSchema = z
  .strictObject({
    name: z
      .string()
      .regex(/^[a-z0-9][a-z0-9_.-]{0,63}$/, 'takes up to 64 lower case letters, digits, and `-`, `_`, `.` between'),
    every: everySchema.optional(),
    cron: z.string().min(1).max(200).optional(),
    timeZone: z.string().min(1).max(64).optional(),
    do: z.union([
      z.strictObject({ workflow: z.string().min(1), input: z.json(), roles: z.array(z.string().min(1)).optional() }),
      z.strictObject({ job: z.enum(JOBS) }),
    ]),
    catchUp: z.enum(['all', 'last', 'skip']).default('last'),
    overlap: z.enum(['skip', 'queue']).default('skip'),
    timeoutSeconds: z.number().positive().max(604_800).default(3_600),
    /** Entries of the history that are kept. */
    keep: z.int().min(10).max(10_000).default(500),
  })
  .superRefine((each, context) => {
    const say = (path: string, message: string) => context.addIssue({ code: 'custom', path: [path], message })
    if ((each.every === undefined) === (each.cron === undefined)) say('every', 'give either `every` or `cron`')
    if (each.cron === undefined && each.timeZone !== undefined)
      say('timeZone', 'goes with `cron` only: `every` counts in UTC')
    if (each.cron !== undefined && each.timeZone === undefined)
      say('timeZone', 'name one beside `cron`, such as `Europe/Berlin` or `UTC`')
    if (each.cron === undefined || each.timeZone === undefined) return
    const fault = cronFault(each.cron, each.timeZone)
    if (fault !== null) say(fault.field, fault.message)
  })

/** A schedule as a project declares it. */
export type ScheduleDef = z.input<typeof scheduleSchema>

/** A checked schedule. */
export interface Schedule {
  readonly name: string
  readonly do: z.output<typeof scheduleSchema>['do']
  readonly catchUp: 'all' | 'last' | 'skip'
  readonly overlap: 'skip' | 'queue'
  readonly timeoutSeconds: number
  readonly keep: number
  /** When it is due, for people: `every 5 minutes`, `0 3 * * 1 Europe/Berlin`. */
  readonly when: string
  readonly next: NextDue
  /** Everything that was declared, in canonical form: what a change is told by. */
  readonly definition: string
}

/** A year and more that nothing is due in says that nothing ever is, such as on the 31st of February. */
const NEVER_MS = 5 * 366 * DAY

function cronFault(pattern: string, timeZone: string): { field: 'cron' | 'timeZone'; message: string } | null {
  try {
    new Intl.DateTimeFormat('en', { timeZone })
  } catch {
    return { field: 'timeZone', message: `\`${timeZone}\` is not a time zone: give one such as \`Europe/Berlin\`` }
  }
  try {
    const from = Date.UTC(2026, 0, 1)
    const first = cronDue(pattern, timeZone)(from)
    if (first !== null && first - from <= NEVER_MS) return null
    return { field: 'cron', message: `\`${pattern}\` is never due` }
  } catch (cause) {
    const why = cause instanceof Error ? cause.message.replace(/^CronPattern: /, '') : String(cause)
    return { field: 'cron', message: `\`${pattern}\` is not five fields of minute, hour, day, month, weekday (${why})` }
  }
}

/** Due times of a cron pattern of five fields. A time that a clock change leaves out is due when the gap ends. */
function cronDue(pattern: string, timeZone: string): NextDue {
  const cron = new Cron(pattern, { timezone: timeZone, paused: true, mode: '5-part' })
  return (after) => cron.nextRun(new Date(after))?.getTime() ?? null
}

function everyMs(every: z.output<typeof everySchema>): { ms: number; text: string } {
  const [unit, count] =
    'minutes' in every ? ['minute', every.minutes] : 'hours' in every ? ['hour', every.hours] : ['day', every.days]
  const ms = count * (unit === 'minute' ? MINUTE : unit === 'hour' ? HOUR : DAY)
  return { ms, text: count === 1 ? `every ${unit}` : `every ${count} ${unit}s` }
}

/**
 * Checks the schedules of a project. Throws CONFIG_INVALID with every mistake at once: in a field, a name that is used
 * twice, a workflow that the project does not have.
 */
export function readSchedules(defs: readonly ScheduleDef[], workflows: readonly string[]): readonly Schedule[] {
  const faults: string[] = []
  const schedules: Schedule[] = []
  for (const [at, def] of defs.entries()) {
    const parsed = scheduleSchema.safeParse(def)
    if (parsed.success) schedules.push(scheduleOf(parsed.data))
    else
      faults.push(
        ...parsed.error.issues.map((issue) => `\`schedules.${[at, ...issue.path].join('.')}\`: ${issue.message}`),
      )
  }
  for (const [at, { name, do: work }] of schedules.entries()) {
    if (schedules.findIndex((each) => each.name === name) !== at) faults.push(`\`${name}\` is there twice`)
    if ('workflow' in work && !workflows.includes(work.workflow.split('@')[0] ?? ''))
      faults.push(`\`${name}\` starts \`${work.workflow}\`, which this project does not have`)
  }
  if (faults.length === 0) return schedules
  throw new SignalboxError('CONFIG_INVALID', `the project's schedules are not valid: ${faults.join('; ')}`)
}

function scheduleOf(def: z.output<typeof scheduleSchema>): Schedule {
  const { name, catchUp, overlap, timeoutSeconds, keep } = def
  // Checked: there is either an interval, or a pattern with its time zone.
  const every = def.every ? everyMs(def.every) : null
  const cron = { pattern: def.cron ?? '', timeZone: def.timeZone ?? 'UTC' }
  return {
    name,
    do: def.do,
    catchUp,
    overlap,
    timeoutSeconds,
    keep,
    when: every ? every.text : `${cron.pattern} ${cron.timeZone}`,
    next: every ? everyInterval(every.ms) : cronDue(cron.pattern, cron.timeZone),
    // Parsed JSON values only.
    definition: canonicalJson(JSON.parse(JSON.stringify(def)) as JsonValue),
  }
}

const TIMING = ['every', 'cron', 'timeZone'] as const

/** What differs between two definitions, one part a field, and whether due times are others now. */
export function definitionChange(before: string, after: string): { readonly text: string; readonly timing: boolean } {
  // Both were written by `scheduleOf`, or by an earlier version of it.
  const [old, now] = [JSON.parse(before), JSON.parse(after)] as Record<string, JsonValue>[]
  const fields = [...new Set([...Object.keys(old ?? {}), ...Object.keys(now ?? {})])].sort()
  const changed = fields.filter((field) => JSON.stringify(old?.[field]) !== JSON.stringify(now?.[field]))
  // The input of a run is content: it is told that it changed, not to what.
  const shown = (value: JsonValue | undefined): string => (value === undefined ? 'nothing' : JSON.stringify(value))
  const parts = changed.map((field) =>
    field === 'do' ? '`do` changed' : `\`${field}\` from ${shown(old?.[field])} to ${shown(now?.[field])}`,
  )
  return { text: parts.join(', '), timing: TIMING.some((field) => changed.includes(field)) }
}

import { readFile } from 'node:fs/promises'
import { NOTICE_KINDS, NOTICE_SEVERITIES, type Notice, type NoticeKind, SignalboxError } from 'signalbox'
import { z } from 'zod'

/** Gives a secret, or an address that is one, when it is needed. It is asked at each message, so a change takes effect. */
export type SecretSource = () => Promise<string>

/** A secret from a variable of the environment. Rejects with KEY_MISSING when it is not set. */
export function secretFromEnv(name: string): SecretSource {
  return async () => {
    const value = process.env[name]?.trim()
    if (value) return value
    throw new SignalboxError('KEY_MISSING', `environment variable \`${name}\` is not set: it holds a channel's secret`)
  }
}

/** A secret from a file, without white space around it. Rejects with KEY_MISSING when it cannot be read. */
export function secretFromFile(path: string): SecretSource {
  return async () => {
    try {
      return (await readFile(path, 'utf8')).trim()
    } catch (cause) {
      throw new SignalboxError('KEY_MISSING', `\`${path}\` cannot be read: it holds a channel's secret`, { cause })
    }
  }
}

const kindSchema = z.string().refine((text) => matching(text).length > 0, {
  message: `names no kind of notice: take one of ${NOTICE_KINDS.join(', ')}, or a group such as \`approval.*\``,
})

const sourceSchema = z.custom<SecretSource>((value) => typeof value === 'function', {
  message: 'must be a function such as secretFromEnv(…) or secretFromFile(…): a secret is never written here',
})

const sharedSchema = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z0-9][a-z0-9_.-]{0,63}$/, 'takes up to 64 lower case letters, digits, and `-`, `_`, `.` between'),
  /** Kinds of notice, or groups such as `approval.*`. Default: all. */
  kinds: z.array(kindSchema).min(1).optional(),
  /** The least severity. Default `info`. */
  severity: z.enum(NOTICE_SEVERITIES).default('info'),
  /** Only what holders of one of these roles can act on. Default: whatever the roles. */
  roles: z.array(z.string().min(1)).min(1).optional(),
  tenants: z.array(z.string().min(1)).min(1).optional(),
  workflows: z.array(z.string().min(1)).min(1).optional(),
  /** How much of what is asked leaves the server: a link alone, the preview too (default), or the arguments as well. */
  carries: z.enum(['link', 'summary', 'arguments']).default('summary'),
  /** After a message, what follows within this time is told in one. 0 (default): each on its own. `urgent` never waits. */
  digestSeconds: z.number().min(0).max(86_400).default(0),
  timeoutSeconds: z.number().positive().max(60).default(10),
  /** Attempts before a message is given up. */
  attempts: z.int().min(1).max(50).default(15),
  /** Wait after the first failure; doubled each time up to an hour, with jitter. */
  retrySeconds: z.number().positive().max(3_600).default(5),
  /** `host:port` of receivers inside a private network; others there are refused, and only these may use http. */
  privateHosts: z.array(z.string().min(1)).default([]),
})

const channelSchema = z.discriminatedUnion('kind', [
  sharedSchema.extend({
    kind: z.literal('webhook'),
    url: z.union([z.string().min(1), sourceSchema]),
    /** The secret in use first; while one is replaced, the other beside it: messages carry a signature by each. */
    secrets: z.array(sourceSchema).min(1).max(4),
  }),
  sharedSchema.extend({
    kind: z.literal('slack'),
    /** The address of an incoming webhook is a secret. */
    url: sourceSchema,
  }),
])

const notificationsSchema = z.strictObject({
  /** Where people reach this server: links in messages start with it. Default: the server's own address. */
  baseUrl: z.url({ protocol: /^https?$/ }).optional(),
  /** Notices and finished messages are kept this long. */
  keepDays: z.int().min(1).max(3_650).default(30),
  channels: z.array(channelSchema).max(50),
})

/** Channels as a project declares them. */
export type NotificationsDef = z.input<typeof notificationsSchema>
/** Channels as they are checked, with every default filled in. */
export type Notifications = z.output<typeof notificationsSchema>
/** A checked channel. */
export type Channel = Notifications['channels'][number]

/** Checks the channels of a project. Throws CONFIG_INVALID with every mistake at once. */
export function readNotifications(def: NotificationsDef | undefined): Notifications {
  const parsed = notificationsSchema.safeParse(def ?? { channels: [] })
  const names = parsed.data?.channels.map((each) => each.name) ?? []
  const twice = names.filter((name, i) => names.indexOf(name) !== i)
  const faults = [
    ...(parsed.error?.issues ?? []).map(({ path, message }) => `notifications.${path.join('.')} ${message}`),
    ...twice.map((name) => `notifications.channels: \`${name}\` is there twice`),
  ]
  if (parsed.success && faults.length === 0) return parsed.data
  throw new SignalboxError('CONFIG_INVALID', `channels are not valid: ${faults.join('; ')}`)
}

/** True when the channel tells of this. */
export function accepts(channel: Channel, notice: Notice): boolean {
  const { kinds, roles, tenants, workflows, severity } = channel
  return (
    // Asked for by name, for one channel.
    notice.kind !== 'channel.test' &&
    NOTICE_SEVERITIES.indexOf(notice.severity) >= NOTICE_SEVERITIES.indexOf(severity) &&
    (kinds === undefined || kinds.some((text) => matching(text).includes(notice.kind))) &&
    (roles === undefined || notice.roles.some((role) => roles.includes(role))) &&
    (tenants === undefined || tenants.includes(notice.tenant)) &&
    (workflows === undefined || (notice.workflow !== null && workflows.includes(notice.workflow)))
  )
}

function matching(text: string): readonly NoticeKind[] {
  const group = text.endsWith('.*') ? text.slice(0, -1) : null
  return NOTICE_KINDS.filter((kind) => (group === null ? kind === text : kind.startsWith(group)))
}

/** What production refuses at its start, as one table: each row names the setting and how to mend it. */
import { type ErrorCode, type Host, loadAuditKey, loadMasterKey, type Mode, SignalboxError } from 'signalbox'
import type { EnvValues, Project } from '../project.ts'
import { captureSettings, type CaptureSignOff } from '../telemetry/capture.ts'
import { telemetrySettings } from '../telemetry/settings.ts'

/** Closed codes of unsafe settings. */
export const UNSAFE_CODES = [
  'MASTER_KEY_MISSING',
  'AUDIT_KEY_MISSING',
  'NO_IDENTITY',
  'DEVELOPMENT_TOKENS',
  'KEYS_EQUAL',
  'CAPTURE_INVALID',
  'CAPTURE_UNSIGNED',
  'CAPTURE_WITHOUT_TLS',
  'DEBUG_CONTENT',
] as const
/** A closed code of an unsafe setting. */
export type UnsafeCode = (typeof UNSAFE_CODES)[number]

/** What the rules look at. Nothing is opened or made. */
export interface SafetyContext {
  readonly project: Project
  readonly env: EnvValues
  readonly dataDir: string
  readonly host: Host
}

/** One setting that production would refuse. */
export interface SafetyFault {
  readonly code: UnsafeCode
  /** The setting: a field of the project, or a variable. */
  readonly field: string
  /** What is wrong and how to mend it, one sentence. Never a value of a secret. */
  readonly text: string
  /** The error under which a start is refused. */
  readonly error: ErrorCode
}

interface SafetyRule {
  readonly field: string
  readonly error: ErrorCode
  /** What is wrong and how to mend it, or null. */
  readonly fault: (context: SafetyContext) => string | null
}

const CAPTURE = 'telemetry.capture'

/** Every rule by its code, in the order in which faults are told. */
const RULES: Readonly<Record<UnsafeCode, SafetyRule>> = {
  MASTER_KEY_MISSING: {
    field: 'SIGNALBOX_MASTER_KEY',
    error: 'KEY_MISSING',
    fault: ({ env, dataDir, host }) => keyFault(() => loadMasterKey({ dir: dataDir, env, mode: 'production', host })),
  },
  AUDIT_KEY_MISSING: {
    field: 'SIGNALBOX_AUDIT_KEY',
    error: 'KEY_MISSING',
    fault: ({ env, dataDir, host }) => keyFault(() => loadAuditKey({ dir: dataDir, env, mode: 'production', host })),
  },
  NO_IDENTITY: {
    field: 'principals',
    error: 'CONFIG_INVALID',
    fault: ({ project }) =>
      project.authenticator || (project.principals ?? []).length > 0
        ? null
        : 'production accepts no development tokens: declare `principals` in the project, or give it an `authenticator`',
  },
  DEVELOPMENT_TOKENS: {
    field: 'authenticator',
    error: 'CONFIG_INVALID',
    fault: ({ project, env }) =>
      project.authenticator?.(env).kind === 'development'
        ? '`authenticator` is one of development tokens: give the project one of issued credentials'
        : null,
  },
  KEYS_EQUAL: {
    field: 'SIGNALBOX_AUDIT_KEY',
    error: 'CONFIG_INVALID',
    fault: ({ env }) =>
      env.SIGNALBOX_AUDIT_KEY && env.SIGNALBOX_AUDIT_KEY === env.SIGNALBOX_MASTER_KEY
        ? '`SIGNALBOX_AUDIT_KEY` is the master key: whoever checks reports could open contents; make another one'
        : null,
  },
  CAPTURE_INVALID: {
    field: CAPTURE,
    error: 'CONFIG_INVALID',
    fault: ({ env, project }) => capturing(env, project).fault,
  },
  CAPTURE_UNSIGNED: { field: 'telemetry.signOff', error: 'CONFIG_INVALID', fault: signOffFault },
  CAPTURE_WITHOUT_TLS: { field: 'OTEL_EXPORTER_OTLP_ENDPOINT', error: 'CONFIG_INVALID', fault: collectorFault },
  DEBUG_CONTENT: { field: 'NODE_DEBUG', error: 'CONFIG_INVALID', fault: debugFault },
}

/** All that production would refuse, in the order of the table; empty when it may start. */
export function safetyFaults(context: SafetyContext): readonly SafetyFault[] {
  return UNSAFE_CODES.flatMap((code) => {
    const { field, error, fault } = RULES[code]
    const text = fault(context)
    return text === null ? [] : [{ code, field, error, text }]
  })
}

/** In production throws with every fault at once, under the error of the first; development only listens to what it says. */
export function requireSafe(context: SafetyContext, mode: Mode): void {
  if (mode !== 'production') return
  const faults = safetyFaults(context)
  const [first] = faults
  if (!first) return
  const message =
    faults.length === 1
      ? first.text
      : `production refuses ${faults.length} settings, ${faults.map((each) => `\`${each.field}\``).join(', ')}:${faults.map((each) => `\n- ${each.code}: ${each.text}`).join('')}`
  throw new SignalboxError(first.error, message, {
    details: { unsafe: faults.map((each) => each.code), fields: faults.map((each) => each.field) },
  })
}

function keyFault(load: () => Uint8Array): string | null {
  try {
    load()
    return null
  } catch (thrown) {
    if (thrown instanceof SignalboxError) return thrown.message
    throw thrown
  }
}

function capturing(env: EnvValues, { telemetry }: Project) {
  try {
    return { settings: captureSettings(env, telemetry), fault: null }
  } catch (thrown) {
    if (thrown instanceof SignalboxError) return { settings: null, fault: thrown.message }
    throw thrown
  }
}

/** True where content itself is sent, and not only where it lies. */
function sendsContent({ env, project }: Pick<SafetyContext, 'env' | 'project'>): boolean {
  const { settings } = capturing(env, project)
  return settings !== null && settings.mode !== 'none' && settings.mode !== 'reference'
}

function signOffFault(context: SafetyContext): string | null {
  if (!sendsContent(context)) return null
  const why = missingIn(context.project.telemetry?.signOff, context.host.now())
  if (why === null) return null
  return `content is captured and ${why}: set \`telemetry.signOff\` to { by, until, reason }, or \`telemetry.capture\` to none or reference`
}

/** What is wrong with a sign-off at a time (ms since 1970); null when it counts. */
function missingIn(signOff: CaptureSignOff | undefined, now: number): string | null {
  if (!signOff) return 'nobody has signed for it'
  const until = Date.parse(signOff.until)
  if (Number.isNaN(until)) return 'the time until which it is signed is none'
  return until > now ? null : `the sign-off by \`${signOff.by}\` ended at ${signOff.until}`
}

function collectorFault(context: SafetyContext): string | null {
  if (!sendsContent(context)) return null
  const urls = collectors(context.env)
  const open = urls.find((url) => URL.canParse(url) && isOpen(new URL(url)))
  if (open === undefined) return null
  return `content is captured and goes to \`${new URL(open).host}\` without TLS: give the collector an https address`
}

/** Addresses of collectors. What is wrong with their settings is told where telemetry starts. */
function collectors(env: EnvValues): readonly string[] {
  try {
    return Object.values(telemetrySettings(env)?.signals ?? {}).map(({ url }) => url)
  } catch (thrown) {
    if (thrown instanceof SignalboxError) return []
    throw thrown
  }
}

function isOpen({ protocol, hostname }: URL): boolean {
  return protocol === 'http:' && !isLoopback(hostname)
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || host === '::1' || /^127\./.test(host)
}

/** Parts of Node whose debug output holds what is sent and received. */
const LOUD = /\b(?:http|https|http2|net|tls|undici|fetch|stream)\b|\*/i

function debugFault({ env }: SafetyContext): string | null {
  if (LOUD.test(env.NODE_DEBUG ?? ''))
    return '`NODE_DEBUG` writes requests and answers into the log: take http, net, tls, undici and stream out of it'
  const level = (env.OTEL_LOG_LEVEL ?? '').trim().toLowerCase()
  if (level === 'debug' || level === 'verbose' || level === 'all')
    return `\`OTEL_LOG_LEVEL\` is ${level} and writes what is exported into the log: set it to warn`
  return null
}

import {
  CAPTURE_MODES,
  CAPTURE_NOTHING,
  type CaptureMode,
  type CaptureSettings,
  type RedactHook,
  type SecretForm,
  SignalboxError,
} from 'signalbox'
import { z } from 'zod'
import type { Environment } from './settings.ts'

/** The variable of the GenAI conventions that says where content goes. */
export const CAPTURE_VARIABLE = 'OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT'

/** Who answers for sending content in production, until when, and why. */
export interface CaptureSignOff {
  /** The person, such as `user:ana`. */
  readonly by: string
  /** ISO 8601: from then on production refuses to start with content capture. */
  readonly until: string
  readonly reason: string
}

/** What a project says of telemetry. */
export interface TelemetryDef {
  /** Where content goes. The environment, where it says something, decides. Default `none`. */
  readonly capture?: CaptureMode
  /** Whether `user.id` is sent. Default false. */
  readonly identity?: boolean
  /** Needed in production for every capture but `none` and `reference`. */
  readonly signOff?: CaptureSignOff
}

/** What a project takes out of everything that leaves. */
export interface OutgoingDef {
  /** Looks at contents before they leave in telemetry, messages, exports and logs. */
  readonly redact?: RedactHook
  /** Forms that are always taken out. Default: `secret`, that is keys and tokens. */
  readonly forms?: readonly SecretForm[]
}

const defSchema = z.strictObject({
  capture: z.enum(CAPTURE_MODES).optional(),
  identity: z.boolean().optional(),
  signOff: z.strictObject({ by: z.string().min(1), until: z.string().min(1), reason: z.string().min(3) }).optional(),
})

const BY_VARIABLE: Readonly<Record<string, CaptureMode>> = {
  none: 'none',
  false: 'none',
  no_content: 'none',
  span_only: 'span',
  event_only: 'event',
  span_and_event: 'span_and_event',
  reference: 'reference',
}

/**
 * What may leave in telemetry: the variable of the conventions where it is set, else the project, else nothing. Throws
 * CONFIG_INVALID for a word that is none of them: what was meant to be kept back must not leave by a slip.
 */
export function captureSettings(env: Environment, def: TelemetryDef | undefined): CaptureSettings {
  const parsed = defSchema.safeParse(def ?? {})
  if (!parsed.success)
    throw new SignalboxError(
      'CONFIG_INVALID',
      `\`telemetry.${parsed.error.issues[0]?.path.join('.')}\` of the project is not valid: ${parsed.error.issues[0]?.message}`,
    )
  const { capture = CAPTURE_NOTHING.mode, identity = CAPTURE_NOTHING.identity } = parsed.data
  const given = env[CAPTURE_VARIABLE]?.trim().toLowerCase() ?? ''
  if (given === '') return { mode: capture, identity }
  const mode = Object.hasOwn(BY_VARIABLE, given) ? BY_VARIABLE[given] : undefined
  if (mode !== undefined) return { mode, identity }
  throw new SignalboxError(
    'CONFIG_INVALID',
    `\`${CAPTURE_VARIABLE}\` is \`${given.slice(0, 40)}\`: set it to none, span_only, event_only, span_and_event or reference`,
  )
}

/** Environment variables by name. */
export type Environment = Readonly<Record<string, string | undefined>>

/** The three signals, as the path ends of OTLP over HTTP name them. */
export type Signal = 'traces' | 'logs' | 'metrics'

/** Where and how telemetry is sent. */
export interface TelemetrySettings {
  /** Full address of each signal that is sent. */
  readonly urls: Readonly<Partial<Record<Signal, string>>>
  readonly headers: Readonly<Record<string, string>>
  /** How long one request may take, in milliseconds. */
  readonly timeoutMs: number
  /** Attributes of the sender. `service.name` is always there. */
  readonly resource: Readonly<Record<string, string>>
}

const SIGNALS: readonly Signal[] = ['traces', 'logs', 'metrics']
const DEFAULT_TIMEOUT_MS = 10_000

/**
 * Reads the usual OpenTelemetry variables: OTEL_EXPORTER_OTLP_ENDPOINT, _HEADERS and _TIMEOUT (and their per-signal
 * endpoints), OTEL_{TRACES,LOGS,METRICS}_EXPORTER=none, OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES. Null when no
 * endpoint is set, or OTEL_SDK_DISABLED is `true`: nothing is sent then.
 */
export function telemetrySettings(env: Environment): TelemetrySettings | null {
  if (env.OTEL_SDK_DISABLED?.trim().toLowerCase() === 'true') return null
  const urls: Partial<Record<Signal, string>> = {}
  for (const signal of SIGNALS) {
    const url = urlOf(signal, env)
    if (url !== null) urls[signal] = url
  }
  if (Object.keys(urls).length === 0) return null
  const timeoutMs = Number(env.OTEL_EXPORTER_OTLP_TIMEOUT ?? '')
  return {
    urls,
    headers: pairs(env.OTEL_EXPORTER_OTLP_HEADERS),
    timeoutMs: timeoutMs > 0 ? timeoutMs : DEFAULT_TIMEOUT_MS,
    resource: {
      ...pairs(env.OTEL_RESOURCE_ATTRIBUTES),
      'service.name':
        env.OTEL_SERVICE_NAME?.trim() || pairs(env.OTEL_RESOURCE_ATTRIBUTES)['service.name'] || 'signalbox',
    },
  }
}

function urlOf(signal: Signal, env: Environment): string | null {
  const upper = signal.toUpperCase()
  if (env[`OTEL_${upper}_EXPORTER`]?.trim() === 'none') return null
  const own = env[`OTEL_EXPORTER_OTLP_${upper}_ENDPOINT`]?.trim()
  const shared = env.OTEL_EXPORTER_OTLP_ENDPOINT?.trim()
  const url = own || (shared ? `${shared.replace(/\/+$/, '')}/v1/${signal}` : '')
  return /^https?:\/\//.test(url) ? url : null
}

/** Reads `key=value,key=value` with percent-encoded values, as the OpenTelemetry variables have it. */
function pairs(text: string | undefined): Readonly<Record<string, string>> {
  const found: Record<string, string> = {}
  for (const pair of (text ?? '').split(',')) {
    const cut = pair.indexOf('=')
    if (cut > 0) found[pair.slice(0, cut).trim()] = decoded(pair.slice(cut + 1).trim())
  }
  return found
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

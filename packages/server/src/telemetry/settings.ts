import { CONVENTIONS, type Conventions, SignalboxError } from 'signalbox'

/** Environment variables by name. */
export type Environment = Readonly<Record<string, string | undefined>>

/** The three signals, as the path ends of OTLP over HTTP name them. */
export type Signal = 'traces' | 'logs' | 'metrics'

/** How bodies are written: both forms of OTLP over HTTP. */
export type Protocol = 'http/json' | 'http/protobuf'

/** Where and how one signal is sent. */
export interface SignalSettings {
  /** Full address. */
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  /** How long one request may take, in milliseconds. */
  readonly timeoutMs: number
  readonly protocol: Protocol
  readonly gzip: boolean
}

/** Where and how telemetry is sent. */
export interface TelemetrySettings {
  /** Each signal that is sent. */
  readonly signals: Readonly<Partial<Record<Signal, SignalSettings>>>
  /** Attributes of the sender. `service.name` is always there. */
  readonly resource: Readonly<Record<string, string>>
}

/** Signals in the order of their variables. */
export const SIGNALS: readonly Signal[] = ['traces', 'logs', 'metrics']
const DEFAULT_TIMEOUT_MS = 10_000
/** Samplers that keep everything: a run that was left out could not be explained. */
const SAMPLERS = ['always_on', 'parentbased_always_on']
const FILES = ['CERTIFICATE', 'CLIENT_KEY', 'CLIENT_CERTIFICATE']

/**
 * Reads the usual OpenTelemetry variables: OTEL_EXPORTER_OTLP_{ENDPOINT,HEADERS,TIMEOUT,PROTOCOL,COMPRESSION} and the same
 * with TRACES, LOGS or METRICS in the middle, OTEL_{TRACES,LOGS,METRICS}_EXPORTER, OTEL_SERVICE_NAME,
 * OTEL_RESOURCE_ATTRIBUTES. Null when no endpoint is set, or OTEL_SDK_DISABLED is `true`: nothing is sent then. Throws
 * CONFIG_INVALID, naming the variable and what to set, for what is not supported: nothing is left out silently.
 */
export function telemetrySettings(env: Environment): TelemetrySettings | null {
  if (isDisabled(env)) return null
  const signals: Partial<Record<Signal, SignalSettings>> = {}
  for (const signal of SIGNALS) {
    const settings = exportersOf(signal, env).includes('otlp') ? settingsOf(signal, env) : null
    if (settings) signals[signal] = settings
  }
  if (Object.keys(signals).length === 0) return null
  refuseUnsupported(env)
  const resource = pairs(env.OTEL_RESOURCE_ATTRIBUTES)
  const name = text(env, 'OTEL_SERVICE_NAME') ?? resource['service.name'] ?? 'signalbox'
  return { signals, resource: { ...resource, 'service.name': name } }
}

/** Where metrics can be read: OTEL_METRICS_EXPORTER has `prometheus`, OTEL_EXPORTER_PROMETHEUS_{HOST,PORT}. */
export function prometheusSettings(env: Environment): { readonly host: string; readonly port: number } | null {
  if (isDisabled(env) || !exportersOf('metrics', env).includes('prometheus')) return null
  const name = 'OTEL_EXPORTER_PROMETHEUS_PORT'
  const port = Number(text(env, name) ?? '9464')
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw invalid(name, env, 'a port from 0 to 65535')
  return { host: text(env, 'OTEL_EXPORTER_PROMETHEUS_HOST') ?? 'localhost', port }
}

/** The variable that names the conventions under which telemetry leaves. */
const GENAI = 'SIGNALBOX_TELEMETRY_GENAI'

/**
 * Under which GenAI conventions telemetry leaves, by SIGNALBOX_TELEMETRY_GENAI: `latest` (the default), `compat` or `both`.
 * Throws CONFIG_INVALID with these names for anything else.
 */
export function conventionsOf(env: Environment): Conventions {
  const asked = text(env, GENAI) ?? 'latest'
  const known = CONVENTIONS.find((each) => each === asked)
  if (known === undefined) throw invalid(GENAI, env, CONVENTIONS.join(', '))
  return known
}

function isDisabled(env: Environment): boolean {
  return env.OTEL_SDK_DISABLED?.trim().toLowerCase() === 'true'
}

/** A variable that is set and not empty. */
function text(env: Environment, name: string): string | null {
  return env[name]?.trim() || null
}

/** The variable of the signal, or the one of all signals; its name too, for messages. */
function either(
  env: Environment,
  signal: Signal,
  what: string,
): { readonly name: string; readonly value: string } | null {
  const names = [`OTEL_EXPORTER_OTLP_${signal.toUpperCase()}_${what}`, `OTEL_EXPORTER_OTLP_${what}`]
  for (const name of names) {
    const value = text(env, name)
    if (value !== null) return { name, value }
  }
  return null
}

function invalid(name: string, env: Environment, wanted: string): SignalboxError {
  return new SignalboxError(
    'CONFIG_INVALID',
    `\`${name}\` is \`${(env[name] ?? '').trim().slice(0, 80)}\`: set it to ${wanted}`,
  )
}

function exportersOf(signal: Signal, env: Environment): readonly string[] {
  const name = `OTEL_${signal.toUpperCase()}_EXPORTER`
  const known = ['otlp', 'none', ...(signal === 'metrics' ? ['prometheus'] : [])]
  const asked = (text(env, name) ?? 'otlp')
    .toLowerCase()
    .split(',')
    .map((each) => each.trim())
  if (asked.every((each) => known.includes(each))) return asked
  throw invalid(name, env, known.join(' or '))
}

function settingsOf(signal: Signal, env: Environment): SignalSettings | null {
  const own = text(env, `OTEL_EXPORTER_OTLP_${signal.toUpperCase()}_ENDPOINT`)
  const shared = text(env, 'OTEL_EXPORTER_OTLP_ENDPOINT')
  const url = own ?? (shared === null ? null : `${shared.replace(/\/+$/, '')}/v1/${signal}`)
  if (url === null) return null
  if (!/^https?:\/\//.test(url) || !URL.canParse(url)) {
    const name = own === null ? 'OTEL_EXPORTER_OTLP_ENDPOINT' : `OTEL_EXPORTER_OTLP_${signal.toUpperCase()}_ENDPOINT`
    throw invalid(name, env, 'an address that begins with http:// or https://')
  }
  return {
    url,
    headers: {
      ...pairs(env.OTEL_EXPORTER_OTLP_HEADERS),
      ...pairs(env[`OTEL_EXPORTER_OTLP_${signal.toUpperCase()}_HEADERS`]),
    },
    timeoutMs: timeoutOf(signal, env),
    protocol: protocolOf(signal, env),
    gzip: gzipOf(signal, env),
  }
}

function timeoutOf(signal: Signal, env: Environment): number {
  const found = either(env, signal, 'TIMEOUT')
  if (!found) return DEFAULT_TIMEOUT_MS
  const ms = Number(found.value)
  if (ms > 0) return ms
  throw invalid(found.name, env, 'milliseconds, more than 0')
}

function protocolOf(signal: Signal, env: Environment): Protocol {
  const found = either(env, signal, 'PROTOCOL')
  if (!found) return 'http/json'
  if (found.value === 'http/json' || found.value === 'http/protobuf') return found.value
  throw invalid(found.name, env, 'http/json or http/protobuf, and the endpoint to the port of the collector for HTTP')
}

function gzipOf(signal: Signal, env: Environment): boolean {
  const found = either(env, signal, 'COMPRESSION')
  if (found && !['gzip', 'none'].includes(found.value)) throw invalid(found.name, env, 'gzip or none')
  return found?.value === 'gzip'
}

/** What would be expected to do something and does nothing here. */
function refuseUnsupported(env: Environment): void {
  const sampler = text(env, 'OTEL_TRACES_SAMPLER')
  if (sampler !== null && !SAMPLERS.includes(sampler))
    throw invalid('OTEL_TRACES_SAMPLER', env, `${SAMPLERS.join(' or ')}, and let the collector choose what it keeps`)
  for (const what of FILES)
    for (const name of ['OTLP', ...SIGNALS.map((each) => `OTLP_${each.toUpperCase()}`)].map(
      (each) => `OTEL_EXPORTER_${each}_${what}`,
    ))
      if (text(env, name) !== null)
        throw new SignalboxError(
          'CONFIG_INVALID',
          `\`${name}\` is not supported: take it away, and name a certificate authority in NODE_EXTRA_CA_CERTS`,
        )
}

/** Reads `key=value,key=value` with percent-encoded values, as the OpenTelemetry variables have it. */
function pairs(list: string | undefined): Readonly<Record<string, string>> {
  const found: Record<string, string> = {}
  for (const pair of (list ?? '').split(',')) {
    const cut = pair.indexOf('=')
    if (cut > 0) found[pair.slice(0, cut).trim()] = decoded(pair.slice(cut + 1).trim())
  }
  return found
}

function decoded(value: string): string {
  try {
    return decodeURIComponent(value)
  } catch {
    return value
  }
}

/** The model port: finds models by id and makes one provider call at a time, without retries. */
import {
  APICallError,
  type LanguageModelV3,
  type LanguageModelV4,
  type LanguageModelV4CallOptions,
  type LanguageModelV4StreamPart,
} from '@ai-sdk/provider'
import { SignalboxError } from '../base/errors.ts'
import type { ModelHandle, ModelPort } from '../contracts/model.ts'
import { inputUpperBound } from './bound.ts'
import { collect, partsOf, StreamError } from './collect.ts'
import type { PriceTable } from './prices.ts'
import { type Env, PROVIDERS, type ProvidedModel } from './providers.ts'
import { type Script, scriptedHandle } from './scripted.ts'
import { callOptions, fromWire, wireNames } from './wire.ts'

/** What the models are made from. */
export interface ModelsOptions {
  /** Keys and base URLs of the providers; nothing else of the environment is read. */
  readonly env: Env
  readonly prices: PriceTable
  /** Scripts by name: `clerk` answers for `scripted/clerk`. */
  readonly scripted?: Readonly<Record<string, Script>>
  /** Ready handles, found by their own id before anything else. */
  readonly handles?: readonly ModelHandle[]
  /** Language models of your own by `provider/model`. */
  readonly models?: Readonly<Record<string, LanguageModelV4 | LanguageModelV3>>
  /** False: one answer instead of a stream. What comes out is the same (AGT-060). Default true. */
  readonly streaming?: boolean
  readonly fetch?: typeof fetch
}

/** A model port over scripts, your own language models and the providers, each handle made once. */
export function createModels(options: ModelsOptions): ModelPort {
  const known = new Map<string, ModelHandle>((options.handles ?? []).map((handle) => [handle.id, handle]))
  return {
    resolve: (id) => {
      const found = known.get(id) ?? makeHandle(id, options)
      known.set(id, found)
      return found
    },
  }
}

function makeHandle(id: string, options: ModelsOptions): ModelHandle {
  const slash = id.indexOf('/')
  const provider = id.slice(0, slash)
  const name = id.slice(slash + 1)
  if (slash < 1 || name === '')
    throw new SignalboxError('MODEL_UNKNOWN', `model \`${id}\` is not of the form provider/model`)
  const { scripted = {}, models = {}, prices } = options
  if (provider === 'scripted') {
    const script = Object.hasOwn(scripted, name) ? scripted[name] : undefined
    if (script) return scriptedHandle(id, script, prices.lookup(id))
    throw new SignalboxError(
      'MODEL_UNKNOWN',
      `there is no scripted model \`${name}\`: known are ${list(Object.keys(scripted))}`,
    )
  }
  const own = Object.hasOwn(models, id) ? models[id] : undefined
  if (own) return providedHandle(id, provider, { model: asV4(id, own), providerOptions: {} }, options)
  const provide = Object.hasOwn(PROVIDERS, provider) ? PROVIDERS[provider] : undefined
  if (!provide) {
    const all = list(['scripted', ...Object.keys(PROVIDERS)])
    throw new SignalboxError('MODEL_UNKNOWN', `model \`${id}\` names an unknown provider: known are ${all}`)
  }
  const transport = options.fetch ? { fetch: options.fetch } : {}
  return providedHandle(id, provider, provide(name, options.env, transport), options)
}

function list(names: readonly string[]): string {
  return names.length === 0 ? 'none' : names.map((name) => `\`${name}\``).join(', ')
}

function asV4(id: string, model: LanguageModelV4 | LanguageModelV3): LanguageModelV4 {
  if (model.specificationVersion === 'v4') return model
  // Version 3 takes and gives a subset of version 4; the parts that are read are the same in both.
  if (model.specificationVersion === 'v3') return model as unknown as LanguageModelV4
  throw new SignalboxError(
    'CONFIG_INVALID',
    `model \`${id}\` must implement version 3 or 4 of the language-model interface`,
  )
}

function providedHandle(id: string, provider: string, provided: ProvidedModel, options: ModelsOptions): ModelHandle {
  const { prices, streaming = true } = options
  return {
    id,
    provider,
    scripted: false,
    get price() {
      return prices.lookup(id)
    },
    inputUpperBound,
    call: async (request, { signal, headers, onDelta }) => {
      signal.throwIfAborted()
      const names = wireNames(request.tools.map((tool) => tool.name))
      const call: LanguageModelV4CallOptions = {
        ...callOptions(request, names),
        providerOptions: provided.providerOptions,
        abortSignal: signal,
        headers: { ...headers },
      }
      try {
        return fromWire(await collect(await partsOfCall(provided.model, call, streaming), onDelta), names)
      } catch (thrown) {
        // An abort is the caller's own doing and no failure of the provider.
        if (signal.aborted) throw signal.reason
        throw modelFailure(id, thrown)
      }
    },
  }
}

async function partsOfCall(
  model: LanguageModelV4,
  call: LanguageModelV4CallOptions,
  streaming: boolean,
): Promise<AsyncIterable<LanguageModelV4StreamPart>> {
  return streaming ? (await model.doStream(call)).stream : partsOf(await model.doGenerate(call))
}

/** A provider's error as MODEL_FAILED. Its text may repeat the prompt: it goes to `content`, never into the message. */
function modelFailure(id: string, thrown: unknown): SignalboxError {
  const cause = thrown instanceof StreamError && thrown.cause !== undefined ? thrown.cause : thrown
  if (cause instanceof SignalboxError) return cause
  const failure = new SignalboxError('MODEL_FAILED', `model \`${id}\`: ${describe(cause)}`, {
    details: detailsOf(cause),
  })
  Object.defineProperty(failure, 'content', { value: contentOf(cause), enumerable: false })
  return failure
}

function describe(cause: unknown): string {
  if (!APICallError.isInstance(cause)) return 'the provider sent what cannot be read or reported an error'
  if (cause.statusCode === undefined) return 'the provider could not be reached'
  return `the provider answered with status ${cause.statusCode}`
}

function detailsOf(cause: unknown): SignalboxError['details'] {
  if (!APICallError.isInstance(cause)) return { may_pass: false }
  const charged = mayBeCharged(cause) ? {} : { charged: false }
  const status = cause.statusCode === undefined ? {} : { status: cause.statusCode }
  const wait = Number(cause.responseHeaders?.['retry-after'])
  const retry = Number.isFinite(wait) && wait >= 0 ? { retry_after_seconds: wait } : {}
  return { ...status, ...retry, ...charged, may_pass: cause.isRetryable }
}

/** Codes of a connection that was never made: the provider saw no request. */
const NEVER_CONNECTED: ReadonlySet<unknown> = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH'])

/** A refused request (status 4xx) and one that never arrived cost nothing; of every other the caller must assume it. */
function mayBeCharged(error: APICallError): boolean {
  if (error.statusCode !== undefined) return error.statusCode < 400 || error.statusCode >= 500
  return !NEVER_CONNECTED.has(codeOf(error.cause))
}

function codeOf(error: unknown): unknown {
  if (!(error instanceof Error)) return undefined
  return 'code' in error ? error.code : codeOf(error.cause)
}

function contentOf(cause: unknown): string {
  if (APICallError.isInstance(cause) && cause.responseBody) return cause.responseBody
  return cause instanceof Error ? cause.message : JSON.stringify(cause ?? null)
}

/** The model port: finds models by id and makes one provider call at a time, without retries. */
import type {
  LanguageModelV3,
  LanguageModelV4,
  LanguageModelV4CallOptions,
  LanguageModelV4StreamPart,
} from '@ai-sdk/provider'
import { SignalboxError } from '../base/errors.ts'
import { type Host, systemHost } from '../base/host.ts'
import type { ModelHandle, ModelPort, ModelPrice, PriceMoment } from '../contracts/model.ts'
import { inputUpperBound } from './bound.ts'
import { collect, partsOf } from './collect.ts'
import { type GateLimits, ProviderGate } from './gate.ts'
import { modelFailure } from './failure.ts'
import { isPriceBook } from './price-book.ts'
import { type PriceTable, priceOrAssumed, type UnknownPrice } from './prices.ts'
import { type Env, PROVIDERS, type ProvidedModel } from './providers.ts'
import { type Script, scriptedHandle } from './scripted.ts'
import { callOptions, fromWire, wireNames } from './wire.ts'

/** What the models are made from. */
export interface ModelsOptions {
  /** Keys and base URLs of the providers; nothing else of the environment is read. */
  readonly env: Env
  /** One table, or a book of them: a book's prices count by the time of the call and its tenant. */
  readonly prices: PriceTable
  /** A model that no row of the prices covers: its calls are refused (default), or counted at the dearest rates. */
  readonly unknownPrice?: UnknownPrice
  /** Scripts by name: `clerk` answers for `scripted/clerk`. */
  readonly scripted?: Readonly<Record<string, Script>>
  /** Ready handles, found by their own id before anything else. */
  readonly handles?: readonly ModelHandle[]
  /** Language models of your own by `provider/model`. */
  readonly models?: Readonly<Record<string, LanguageModelV4 | LanguageModelV3>>
  /** False: one answer instead of a stream. What comes out is the same (AGT-060). Default true. */
  readonly streaming?: boolean
  readonly fetch?: typeof fetch
  /** How patiently a provider is called, by its name; what is left out has the default. */
  readonly providers?: Readonly<Record<string, ProviderOptions>>
  /** Clock and timers. Default: those of the machine. */
  readonly host?: Host
}

/** How one provider is called from one process. */
export interface ProviderOptions {
  /** Attempts of one call, the first included. Default 3. */
  readonly attempts?: number
  /** Seconds before the second attempt; doubles each time, with jitter. Default 0.5. */
  readonly backoffSeconds?: number
  /** A longer wait, also one that the provider asks for, is not waited for: the call has failed. Default 60. */
  readonly maxWaitSeconds?: number
  /** Calls under way at a time. Default 32. */
  readonly concurrency?: number
  /** How long a call waits for its turn. Default 30. */
  readonly queueSeconds?: number
  /** Calls in trouble in a row after which none is sent for a while. Default 5. */
  readonly circuitFailures?: number
  /** For how long, at least. Default 30. */
  readonly circuitSeconds?: number
}

/** A model port over scripts, your own language models and the providers, each handle made once. */
export function createModels(options: ModelsOptions): ModelPort {
  const known = new Map<string, ModelHandle>((options.handles ?? []).map((handle) => [handle.id, handle]))
  const gates = new Gates(options)
  return {
    resolve: (id) => {
      const found = known.get(id) ?? makeHandle(id, options, gates)
      known.set(id, found)
      return found
    },
    health: () => gates.all().map((gate) => gate.health()),
    ...(isPriceBook(options.prices) ? { ownPrice: options.prices.own } : {}),
  }
}

/** One gate for each provider that was asked for. */
class Gates {
  private readonly made = new Map<string, ProviderGate>()
  private readonly options: ModelsOptions

  /** Throws CONFIG_INVALID naming every number that is none. */
  constructor(options: ModelsOptions) {
    this.options = options
    const faults = Object.entries(options.providers ?? {}).flatMap(([provider, given]) =>
      Object.entries(given).flatMap(([name, value]) =>
        typeof value === 'number' && value > 0 && Number.isFinite(value) ? [] : [`\`providers.${provider}.${name}\``],
      ),
    )
    if (faults.length > 0) throw new SignalboxError('CONFIG_INVALID', `${faults.join(', ')} must be above 0`)
  }

  of(provider: string): ProviderGate {
    const made = this.made.get(provider) ?? new ProviderGate(provider, this.host, gateLimits(this.patience(provider)))
    this.made.set(provider, made)
    return made
  }

  all(): readonly ProviderGate[] {
    return [...this.made.values()]
  }

  get host(): Host {
    return this.options.host ?? systemHost
  }

  patience(provider: string): ProviderOptions {
    const { providers = {} } = this.options
    return (Object.hasOwn(providers, provider) ? providers[provider] : undefined) ?? {}
  }
}

function gateLimits(given: ProviderOptions): GateLimits {
  const { concurrency = 32, queueSeconds = 30, circuitFailures: failures = 5, circuitSeconds = 30 } = given
  return { concurrency, queueMs: queueSeconds * 1_000, failures, openMs: circuitSeconds * 1_000 }
}

function makeHandle(id: string, options: ModelsOptions, gates: Gates): ModelHandle {
  const slash = id.indexOf('/')
  const provider = id.slice(0, slash)
  const name = id.slice(slash + 1)
  if (slash < 1 || name === '')
    throw new SignalboxError('MODEL_UNKNOWN', `model \`${id}\` is not of the form provider/model`)
  const { scripted = {}, models = {}, prices } = options
  if (provider === 'scripted') {
    const script = Object.hasOwn(scripted, name) ? scripted[name] : undefined
    if (script) {
      const handle = scriptedHandle(id, script, priceOrAssumed(prices, id, options.unknownPrice))
      return { ...handle, priceFor: priceFor(id, options) }
    }
    throw new SignalboxError(
      'MODEL_UNKNOWN',
      `there is no scripted model \`${name}\`: known are ${list(Object.keys(scripted))}`,
    )
  }
  const own = Object.hasOwn(models, id) ? models[id] : undefined
  if (own) return providedHandle(id, provider, { model: asV4(id, own), providerOptions: {} }, options, gates)
  const provide = Object.hasOwn(PROVIDERS, provider) ? PROVIDERS[provider] : undefined
  if (!provide) {
    const all = list(['scripted', ...Object.keys(PROVIDERS)])
    throw new SignalboxError('MODEL_UNKNOWN', `model \`${id}\` names an unknown provider: known are ${all}`)
  }
  const transport = options.fetch ? { fetch: options.fetch } : {}
  return providedHandle(id, provider, provide(name, options.env, transport), options, gates)
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

function providedHandle(
  id: string,
  provider: string,
  provided: ProvidedModel,
  options: ModelsOptions,
  gates: Gates,
): ModelHandle {
  const { prices, unknownPrice, streaming = true } = options
  const { attempts = 3, backoffSeconds = 0.5, maxWaitSeconds = 60 } = gates.patience(provider)
  const gate = gates.of(provider)
  return {
    id,
    provider,
    scripted: false,
    get price() {
      return priceOrAssumed(prices, id, unknownPrice)
    },
    priceFor: priceFor(id, options),
    retry: { attempts, backoffMs: backoffSeconds * 1_000, maxWaitMs: maxWaitSeconds * 1_000 },
    admit: (call) => gate.admit(call),
    inputUpperBound,
    call: async (request, { signal, headers, onDelta, onUsage }) => {
      signal.throwIfAborted()
      const received = { any: false }
      const names = wireNames(request.tools.map((tool) => tool.name))
      const call: LanguageModelV4CallOptions = {
        ...callOptions(request, names),
        providerOptions: provided.providerOptions,
        abortSignal: signal,
        headers: { ...headers },
      }
      try {
        const parts = await partsOfCall(provided.model, call, streaming)
        return fromWire(await collect(parts, onDelta, received, onUsage), names)
      } catch (thrown) {
        // An abort is the caller's own doing and no failure of the provider.
        if (signal.aborted) throw signal.reason
        throw modelFailure(id, thrown, received.any, gates.host.now())
      }
    },
  }
}

function priceFor(id: string, { prices, unknownPrice }: ModelsOptions): (moment: PriceMoment) => ModelPrice {
  return (moment) => priceOrAssumed(isPriceBook(prices) ? prices.at(moment) : prices, id, unknownPrice)
}

async function partsOfCall(
  model: LanguageModelV4,
  call: LanguageModelV4CallOptions,
  streaming: boolean,
): Promise<AsyncIterable<LanguageModelV4StreamPart>> {
  return streaming ? (await model.doStream(call)).stream : partsOf(await model.doGenerate(call))
}

/** Language models of the providers, from environment variables alone. */
import { createAnthropic } from '@ai-sdk/anthropic'
import { createAzure } from '@ai-sdk/azure'
import { createGoogle } from '@ai-sdk/google'
import { createOpenAI } from '@ai-sdk/openai'
import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import type { LanguageModelV4, LanguageModelV4CallOptions } from '@ai-sdk/provider'
import { SignalboxError } from '../base/errors.ts'
import { parseJson } from '../base/json.ts'

/** Environment variables; a missing and an empty one are the same. */
export type Env = Readonly<Record<string, string | undefined>>

/** A provider's model and the options that it needs beside the common ones. */
export interface ProvidedModel {
  readonly model: LanguageModelV4
  readonly providerOptions: NonNullable<LanguageModelV4CallOptions['providerOptions']>
}

type Provide = (modelId: string, env: Env, options: { readonly fetch?: typeof fetch }) => ProvidedModel

/**
 * `store: false`: a conversation kept by the provider could move on without us, and a restore would then not be one.
 * The schema of an output is a help for the model here, not a promise: the answer is checked in any case.
 */
const OPENAI_OPTIONS = { store: false, strictJsonSchema: false }

/** The providers by the first part of a model id. Base URLs given here keep the libraries from reading variables themselves. */
export const PROVIDERS: Readonly<Record<string, Provide>> = {
  openai: (modelId, env, options) => ({
    model: createOpenAI({
      ...options,
      apiKey: need(env, 'OPENAI_API_KEY', `openai/${modelId}`),
      baseURL: env.OPENAI_BASE_URL || 'https://api.openai.com/v1',
    }).responses(modelId),
    providerOptions: { openai: OPENAI_OPTIONS },
  }),
  anthropic: (modelId, env, options) => ({
    model: createAnthropic({
      ...options,
      apiKey: need(env, 'ANTHROPIC_API_KEY', `anthropic/${modelId}`),
      baseURL: env.ANTHROPIC_BASE_URL || 'https://api.anthropic.com/v1',
    }).languageModel(modelId),
    providerOptions: {},
  }),
  azure: (modelId, env, options) => ({
    model: createAzure({
      ...options,
      apiKey: need(env, 'AZURE_API_KEY', `azure/${modelId}`),
      ...azurePlace(env, `azure/${modelId}`),
      ...(env.AZURE_API_VERSION ? { apiVersion: env.AZURE_API_VERSION } : {}),
    }).responses(modelId),
    providerOptions: { azure: OPENAI_OPTIONS, openai: OPENAI_OPTIONS },
  }),
  google: (modelId, env, options) => ({
    model: createGoogle({
      ...options,
      fetch: oneRequest(options.fetch ?? fetch),
      apiKey: need(env, 'GOOGLE_GENERATIVE_AI_API_KEY', `google/${modelId}`),
      baseURL: env.GOOGLE_GENERATIVE_AI_BASE_URL || 'https://generativelanguage.googleapis.com/v1beta',
    }).languageModel(modelId),
    providerOptions: {},
  }),
  'openai-compatible': (modelId, env, options) => ({
    model: createOpenAICompatible({
      ...options,
      name: 'openai-compatible',
      baseURL:
        env.SIGNALBOX_MODEL_BASE_URL ||
        need(
          env,
          'OPENAI_COMPATIBLE_BASE_URL',
          `openai-compatible/${modelId}`,
          'such as http://127.0.0.1:11434/v1 for Ollama',
        ),
      ...compatibleKey(env),
      includeUsage: true,
    }).languageModel(modelId),
    providerOptions: {},
  }),
}

/**
 * The library would answer a response that ends early with further requests of its own. Each would send the whole input
 * again without a reservation (Invariant 6): a call is one request.
 */
function oneRequest(send: typeof fetch): typeof fetch {
  return async (input, init) => {
    if (typeof init?.body === 'string' && 'continuationToken' in Object(parseJson(init.body, 'a request')))
      throw new SignalboxError('MODEL_FAILED', 'the provider asked for a further request to finish its answer')
    return send(input, init)
  }
}

function azurePlace(env: Env, model: string): { baseURL: string } | { resourceName: string } {
  if (env.AZURE_BASE_URL) return { baseURL: env.AZURE_BASE_URL }
  return { resourceName: need(env, 'AZURE_RESOURCE_NAME', model, 'or AZURE_BASE_URL') }
}

function compatibleKey(env: Env): { apiKey?: string } {
  const apiKey = env.SIGNALBOX_MODEL_API_KEY || env.OPENAI_COMPATIBLE_API_KEY
  return apiKey ? { apiKey } : {}
}

function need(env: Env, variable: string, model: string, hint = ''): string {
  const value = env[variable]
  if (value) return value
  const more = hint === '' ? '' : ` (${hint})`
  throw new SignalboxError('KEY_MISSING', `model \`${model}\` needs ${variable}${more}: set it in the environment`, {
    details: { variable },
  })
}

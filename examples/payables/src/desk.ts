/** Puts a runtime together over the desk's workflow, tools, policy and models. */
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import {
  createModels,
  createSignalbox,
  type Host,
  keyVault,
  loadBundle,
  loadPrices,
  type ModelPort,
  type PolicyPort,
  type Principal,
  type Signalbox,
  type SignalboxOptions,
  type Store,
  systemHost,
} from 'signalbox'
import type { InvoiceFile } from './case.ts'
import { clerkScript } from './scripted-clerk.ts'
import { ENVIRONMENT_ACCESS, makeTools, type WorldAccess } from './tools/index.ts'
import { DESK, makeDesk } from './workflow.ts'

/** The model that decides when `SIGNALBOX_MODEL` names no other. It is a script, and says so wherever it appears. */
export const SCRIPTED_MODEL = 'scripted/clerk'

/** Folder of the policy bundle. */
export const POLICY_FOLDER = fileURLToPath(new URL('../policy/', import.meta.url))

/** Values of the environment, by name. */
export type EnvValues = Readonly<Record<string, string | undefined>>

/** The model that the environment asks for. */
export function modelOf(env: EnvValues): string {
  return env.SIGNALBOX_MODEL || SCRIPTED_MODEL
}

/** The models of the desk: its script, and every provider that has a key in the environment. */
export function deskModels(env: EnvValues, streaming = true): ModelPort {
  return createModels({ env, prices: loadPrices(), scripted: { clerk: clerkScript }, streaming })
}

/** Reads the desk's policy bundle. Throws POLICY_BUNDLE_INVALID. */
export function deskPolicy(): PolicyPort {
  const files = readdirSync(POLICY_FOLDER).filter((file) => /\.(json|cedar)$/.test(file))
  return loadBundle(Object.fromEntries(files.map((file) => [file, readFileSync(`${POLICY_FOLDER}${file}`, 'utf8')])))
}

/** What a desk runs on. Everything but the store and its key has a default. */
export interface DeskOptions {
  readonly store: Store
  /** 32 bytes; the same for every process on one store. */
  readonly masterKey: Uint8Array
  readonly host?: Host
  /** `provider/model`. */
  readonly model?: string
  readonly models?: ModelPort
  readonly access?: WorldAccess
  readonly limits?: NonNullable<SignalboxOptions['limits']>
}

/** Composes a runtime for the desk. */
export function openDesk(options: DeskOptions): Signalbox {
  const { store, masterKey, host = systemHost, access = ENVIRONMENT_ACCESS, limits } = options
  const model = options.model ?? SCRIPTED_MODEL
  return createSignalbox({
    host,
    store,
    vault: keyVault({ store, host, masterKey }),
    policy: deskPolicy(),
    models: options.models ?? deskModels(process.env),
    workflows: [makeDesk({ model, tools: makeTools(access) })],
    ...(limits ? { limits } : {}),
  })
}

/**
 * Starts one run for each invoice file, on behalf of `principal`. A file that was taken in before keeps its run, so that
 * the whole inbox can be given again and again. Gives the run of each file, in the order of the files.
 */
export async function intake(
  signalbox: Pick<Signalbox, 'runs'>,
  files: readonly string[],
  principal: Principal,
): Promise<string[]> {
  const runs: string[] = []
  for (const file of files) {
    const input: InvoiceFile = { file }
    const { runId } = await signalbox.runs.start({ workflow: DESK, input, principal, requestId: `invoice:${file}` })
    runs.push(runId)
  }
  return runs
}

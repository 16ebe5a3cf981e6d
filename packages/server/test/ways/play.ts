/** Plays the same workflow in several ways, and says what each left behind. */
import { type Client, createClient } from '@signalbox/protocol'
import { createServer, type RunningServer } from '@signalbox/server'
import {
  createModels,
  createSignalbox,
  keyVault,
  loadPrices,
  memoryStore,
  type ModelPort,
  type PolicyPort,
  type Principal,
  type RunRecord,
  type RunResult,
  type RunsApi,
  type Signalbox,
  type Store,
  systemHost,
  type WorkerOptions,
  type WorkflowSpec,
} from 'signalbox'
import { answerWorkflow, deskAnswer, deskBundle, deskWorkflow, shopTools } from './desk.ts'
import { type Shop, startShop } from './outside.ts'

/** Who asks, who approves, who only looks. */
export const ANA: Principal = { id: 'user:ana', kind: 'user', tenant: 'acme', roles: ['requester'] }
/** The approver. */
export const PAUL: Principal = { id: 'user:paul', kind: 'user', tenant: 'acme', roles: ['approver'] }
const PEOPLE = new Map<string, Principal>([
  ['token-of-ana-0123456789', ANA],
  ['token-of-paul-0123456789', PAUL],
])

/** What differs between two ways. */
export interface BoxOptions {
  readonly model?: string
  readonly models?: ModelPort
  readonly policy?: PolicyPort
  readonly store?: Store
  readonly worker?: WorkerOptions
  /** Changes the workflows before they are registered. */
  readonly spec?: (spec: WorkflowSpec) => WorkflowSpec
}

/** A composed runtime over a shop of its own. */
export interface Box {
  readonly box: Signalbox
  readonly shop: Shop
  readonly models: ModelPort
  close(): Promise<void>
}

/** The scripted model of the desk. */
export function scriptedDesk(final?: string): ModelPort {
  return createModels({
    env: {},
    prices: loadPrices(),
    scripted: {
      clerk: (request) =>
        deskAnswer(
          request.messages.flatMap((message) => (message.role === 'tool' ? message.content : [])).length,
          final,
        ),
    },
  })
}

/** Models of a provider at this address. */
export function providedDesk(url: string, streaming: boolean): ModelPort {
  return createModels({ env: { SIGNALBOX_MODEL_BASE_URL: `${url}/v1` }, prices: loadPrices(), streaming })
}

/** Composes a runtime with one worker. */
export async function openBox(options: BoxOptions = {}): Promise<Box> {
  const shop = await startShop()
  const {
    model = 'scripted/clerk',
    models = scriptedDesk(),
    policy = deskBundle(),
    spec = (one) => one,
    store = memoryStore(systemHost),
  } = options
  const tools = shopTools(shop)
  const box = createSignalbox({
    store,
    vault: keyVault({ store, host: systemHost, masterKey: new Uint8Array(32) }),
    policy,
    models,
    workflows: [deskWorkflow(model, tools), answerWorkflow(model, tools)].map((built) => spec(built.spec)),
    mode: 'production',
  })
  const worker = box.work({ pollMs: 5, ...options.worker })
  return {
    box,
    shop,
    models,
    close: async () => {
      await worker.stop()
      await box.close()
      await shop.close()
    },
  }
}

/** A real server over a runtime, and clients for its people. */
export interface Served {
  readonly server: RunningServer
  readonly ana: Client
  readonly paul: Client
  readonly anaToken: string
}

/** Serves a runtime on a free port; `runs` puts something between it and the server. */
export async function serve({ box, models }: Box, runs: RunsApi = box.runs): Promise<Served> {
  const server = await createServer({
    runs,
    store: box.store,
    workflows: box.workflows,
    models,
    host: systemHost,
    mode: 'production',
    version: '0',
    auth: { kind: 'issued', authenticate: async (token) => PEOPLE.get(token) ?? null },
    consoleDir: null,
    log: () => undefined,
    port: 0,
  })
  const as = (person: string) => createClient({ baseUrl: server.url, token: `token-of-${person}-0123456789` })
  return { server, ana: as('ana'), paul: as('paul'), anaToken: 'token-of-ana-0123456789' }
}

/** Approves the run's open approval, when there is one. */
export async function approve({ box }: Box, runId: string): Promise<void> {
  for (const row of await box.runs.requests({ tenant: 'acme', runId, state: 'open', limit: 5 }))
    await box.runs.decide({ approvalId: row.id, answer: 'approved', by: PAUL, reason: 'fine by me', seen: null })
}

/** Starts, approves and collects a run without a stream. */
export async function collect(made: Box, workflow = 'refund-desk'): Promise<RunResult> {
  const { runId } = await made.box.run({ workflow, input: { orderId: 'o-7' }, principal: ANA })
  await approve(made, runId)
  return made.box.runs.wait('acme', runId)
}

/** All records of a run. */
export function recordsOf({ box }: Box, runId: string): Promise<readonly RunRecord[]> {
  return box.runs.records('acme', runId)
}

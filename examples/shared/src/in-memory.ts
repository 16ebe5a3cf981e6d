/** Runs an example in memory against a service of its own, with somebody who answers what people are asked. */
import { readdirSync, readFileSync } from 'node:fs'
import {
  createSignalbox,
  type JsonValue,
  keyVault,
  loadBundle,
  memoryStore,
  type ModelPort,
  type PersonRequest,
  type Principal,
  type RunResult,
  systemHost,
  type Workflow,
} from 'signalbox'
import { type Accepts, type Service, startService } from './service.ts'

/** What an example is made of. */
export interface Example<B> {
  readonly workflow: Workflow<never, unknown>
  /** The folder of its policy bundle. */
  readonly policy: URL
  readonly models: (env: Readonly<Record<string, string | undefined>>) => ModelPort
  /** On whose behalf it runs. */
  readonly principal: Principal
  /** Who answers. */
  readonly person: Principal
  readonly accepts: Accepts<B>
}

/** Answers to what people are asked. */
export interface Answers {
  /** Default: approves everything. */
  readonly decide?: (request: PersonRequest) => 'approved' | 'rejected'
  /** The answer to a port. */
  readonly respond: (request: PersonRequest) => JsonValue
}

/** One run of an example from its start to its end, and what the service booked. */
export async function playInMemory<B>(
  example: Example<B>,
  input: JsonValue,
  { decide = () => 'approved', respond }: Answers,
): Promise<{ readonly result: RunResult; readonly booked: Service<B>['booked'] }> {
  const service = await startService(example.accepts)
  Object.assign(process.env, service.env)
  const host = systemHost
  const store = memoryStore(host)
  const signalbox = createSignalbox({
    store,
    vault: keyVault({ store, host, masterKey: host.randomBytes(32) }),
    policy: loadBundle(filesOf(example.policy)),
    models: example.models(process.env),
    workflows: [example.workflow],
  })
  const { principal, person: by, workflow } = example
  const worker = signalbox.work()
  try {
    let result = await signalbox.run({ workflow: workflow.name, input, principal })
    while (result.status === 'waiting') {
      const { tenant } = principal
      const open = await signalbox.runs.requests({ tenant, runId: result.runId, state: 'open', limit: 9 })
      for (const { id, kind } of open) {
        const request = await signalbox.runs.request(tenant, id)
        if (kind === 'request') await signalbox.runs.respond({ requestId: id, value: respond(request), by })
        else {
          const answer = decide(request)
          await signalbox.runs.decide({ approvalId: id, answer, by, reason: 'seen and weighed', seen: null })
        }
      }
      result = await signalbox.runs.wait(tenant, result.runId, { untilWaiting: true })
    }
    return { result, booked: service.booked }
  } finally {
    await worker.stop()
    await signalbox.close()
    await service.stop()
  }
}

function filesOf(folder: URL): Record<string, string> {
  return Object.fromEntries(readdirSync(folder).map((file) => [file, readFileSync(new URL(file, folder), 'utf8')]))
}

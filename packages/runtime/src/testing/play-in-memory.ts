import { readdirSync, readFileSync } from 'node:fs'
import { systemHost } from '../base/host.ts'
import type { JsonValue } from '../base/json.ts'
import type { Principal } from '../contracts/common.ts'
import type { ModelPort } from '../contracts/model.ts'
import type { PersonRequest, RunResult } from '../contracts/runtime.ts'
import type { Workflow } from '../orchestration/index.ts'
import { loadBundle } from '../policy/index.ts'
import { createSignalbox } from '../runtime.ts'
import { keyVault, memoryStore } from '../stores/index.ts'
import { type Booked, type ServiceAccepts, startService } from './recording-service.ts'

/** Plays a workflow in memory against a recording service, with somebody who answers what people are asked. */

/** A workflow with everything around it. */
export interface Play<B> {
  readonly workflow: Workflow<never, unknown>
  /** The folder of its policy bundle. */
  readonly policy: URL
  readonly models: (env: Readonly<Record<string, string | undefined>>) => ModelPort
  /** On whose behalf it runs. */
  readonly principal: Principal
  /** Who answers. */
  readonly person: Principal
  readonly accepts: ServiceAccepts<B>
}

/** Answers to what people are asked. */
export interface PlayAnswers {
  /** Default: approves everything. */
  readonly decide?: (request: PersonRequest) => 'approved' | 'rejected'
  /** The answer to a port. */
  readonly respond: (request: PersonRequest) => JsonValue
}

/**
 * One run from its start to its end, and what the service booked. Sets the service's address in the environment of this
 * process.
 */
export async function playInMemory<B>(
  play: Play<B>,
  input: JsonValue,
  { decide = () => 'approved', respond }: PlayAnswers,
): Promise<{ readonly result: RunResult; readonly booked: readonly Booked<B>[] }> {
  const service = await startService(play.accepts)
  Object.assign(process.env, service.env)
  const host = systemHost
  const store = memoryStore(host)
  const signalbox = createSignalbox({
    store,
    vault: keyVault({ store, host, masterKey: host.randomBytes(32) }),
    policy: loadBundle(filesOf(play.policy)),
    models: play.models(process.env),
    workflows: [play.workflow],
  })
  const { principal, person: by, workflow } = play
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
          await signalbox.runs.decide({
            approvalId: id,
            answer,
            by,
            reason: 'seen and weighed',
            seen: request.packetHash,
          })
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

import { sleep, systemHost } from '../base/host.ts'
import type { JsonValue } from '../base/json.ts'
import type { Principal } from '../contracts/common.ts'
import type { ModelHandle, ModelPort } from '../contracts/model.ts'
import type { PolicyPort } from '../contracts/policy.ts'
import type { RunRecord } from '../contracts/records.ts'
import type { RunResult } from '../contracts/runtime.ts'
import type { PersonRequestRow, RunRow, Store } from '../contracts/store.ts'
import { toolsWithin } from '../contracts/workflow.ts'
import type { SwitchSettings } from '../engine/switches/board.ts'
import type { FaultHook } from '../engine/env.ts'
import type { Worker, WorkerOptions } from '../engine/worker.ts'
import { decodeRecord } from '../reliability/chain.ts'
import { createSignalbox, type Signalbox, type SignalboxOptions } from '../runtime.ts'
import { keyVault, memoryStore } from '../stores/index.ts'
import { checkHistory } from './check-history.ts'
import { scriptedPolicy } from './scripted-policy.ts'
import { openBank, type OutsideBank } from './outside-bank.ts'
import { type SkewedHost, skewedHost } from './skewed-host.ts'

/** The requester of every run of a box. */
export const ANA: Principal = { id: 'user:ana', kind: 'user', tenant: 'acme', roles: ['requester'] }
/** Somebody who may approve. */
export const PAUL: Principal = { id: 'user:paul', kind: 'user', tenant: 'acme', roles: ['approver'] }
/** Another who may approve. */
export const VERA: Principal = { id: 'user:vera', kind: 'user', tenant: 'acme', roles: ['approver'] }

/** A budget that no test reaches by accident. */
export const WIDE_BUDGET = {
  maxTurns: 50,
  maxToolCalls: 200,
  maxRuntimeSeconds: 600,
  maxTokens: 10_000_000,
  maxCostUsd: '100',
} as const

/** How a box is made. */
export interface BoxOptions {
  readonly workflows: SignalboxOptions['workflows']
  readonly policy?: PolicyPort
  readonly models?: readonly ModelHandle[]
  /** Default: a new memory store. */
  readonly store?: Store
  readonly host?: SkewedHost
  readonly fault?: FaultHook
  readonly switches?: SwitchSettings
  readonly limits?: SignalboxOptions['limits']
  readonly mode?: SignalboxOptions['mode']
  readonly budgets?: SignalboxOptions['budgets']
  readonly credentials?: SignalboxOptions['credentials']
  readonly controls?: SignalboxOptions['controls']
}

/** Real time after which a test that waits has failed. */
const PATIENCE_MS = 8_000
/** Real time between two steps of the clock: calls over the loopback interface have ended by then. */
const STEP_MS = 40

/** A small Signalbox for tests: one process of it. Several boxes on one store are several processes. */
export class BenchBox {
  readonly sb: Signalbox
  readonly store: Store
  readonly host: SkewedHost
  private readonly options: BoxOptions
  private readonly workers: Worker[] = []
  private readonly others: BenchBox[] = []

  constructor(options: BoxOptions) {
    this.options = options
    this.host = options.host ?? skewedHost()
    this.store = options.store ?? memoryStore(this.host)
    const { store, host } = this
    const tools = options.workflows.flatMap((one) => toolsWithin('spec' in one ? one.spec : one))
    const undos = tools.flatMap(({ undo }) => (undo === undefined || undo === 'impossible' ? [] : [undo.tool]))
    const lists = tools.flatMap(({ listed }) => (listed === undefined ? [] : [listed.tool]))
    const rows = Object.fromEntries(
      [...tools, ...undos, ...lists].map((tool) => [tool.name, { class: tool.class, effect: tool.effect }]),
    )
    this.sb = createSignalbox({
      store,
      host,
      vault: keyVault({ store, host, masterKey: new Uint8Array(32) }),
      policy: options.policy ?? scriptedPolicy({ tools: rows }),
      models: modelsOf(options.models ?? []),
      workflows: options.workflows,
      ...(options.fault ? { fault: options.fault } : {}),
      ...(options.limits ? { limits: options.limits } : {}),
      ...(options.switches ? { switches: options.switches } : {}),
      ...(options.mode ? { mode: options.mode } : {}),
      ...(options.controls ? { controls: options.controls } : {}),
      ...(options.budgets ? { budgets: options.budgets } : {}),
      ...(options.credentials ? { credentials: options.credentials } : {}),
    })
  }

  /** Another process on the same store and clock; it ends with this one. */
  another(changes: Partial<BoxOptions> = {}): BenchBox {
    const made = new BenchBox({ ...this.options, store: this.store, host: this.host, ...changes })
    this.others.push(made)
    return made
  }

  /** Stops the workers of this box and of all that were made from it. */
  async family(): Promise<void> {
    await this.kill()
    for (const one of this.others) await one.family()
  }

  /** Starts a worker that looks for runs often. */
  work(options: WorkerOptions = {}): Worker {
    // `work` of a Signalbox makes exactly this class.
    const worker = this.sb.work({ pollMs: 3, ...options }) as Worker
    this.workers.push(worker)
    return worker
  }

  /** Drops everything that the workers hold, as a process that dies does; the leases stay. */
  async kill(): Promise<void> {
    await Promise.all(this.workers.splice(0).map((worker) => worker.drop()))
  }

  /** Drops what is held and lets its leases run out. */
  async killAndExpire(): Promise<void> {
    await this.kill()
    await this.host.advance(16_000)
  }

  async start(workflow: string, input: JsonValue): Promise<string> {
    return (await this.sb.runs.start({ workflow, input, principal: ANA })).runId
  }

  /** Starts a run and waits until it ends or waits for somebody. Needs a worker. */
  async run(workflow: string, input: JsonValue): Promise<RunResult> {
    return this.settled(await this.start(workflow, input))
  }

  settled(runId: string): Promise<RunResult> {
    return this.sb.runs.wait(ANA.tenant, runId, { untilWaiting: true })
  }

  ended(runId: string): Promise<RunResult> {
    return this.sb.runs.wait(ANA.tenant, runId)
  }

  async row(runId: string): Promise<RunRow> {
    return this.sb.runs.get(ANA.tenant, runId)
  }

  async records(runId: string): Promise<readonly RunRecord[]> {
    return (await this.store.records(ANA.tenant, runId)).map(decodeRecord)
  }

  /** Records of one type. */
  async of<T extends RunRecord['type']>(runId: string, type: T): Promise<readonly Extract<RunRecord, { type: T }>[]> {
    const all = await this.records(runId)
    return all.filter((record): record is Extract<RunRecord, { type: T }> => record.type === type)
  }

  async open(kind: PersonRequestRow['kind'] = 'approval'): Promise<readonly PersonRequestRow[]> {
    return this.store.requests({ tenant: ANA.tenant, state: 'open', kind, limit: 100 })
  }

  /** Waits for the next open request of the kind. */
  async asked(kind: PersonRequestRow['kind'] = 'approval'): Promise<PersonRequestRow> {
    return this.until(async () => (await this.open(kind))[0] ?? null, `an open ${kind}`)
  }

  async decide(answer: 'approved' | 'rejected', by: Principal = PAUL): Promise<void> {
    const { id } = await this.asked()
    await this.sb.runs.decide({ approvalId: id, answer, by, reason: 'seen and weighed', seen: null })
    await this.closed(id)
  }

  async answer(answer: 'happened' | 'did_not' | 'stop', by: Principal = PAUL): Promise<void> {
    const { id } = await this.asked('question')
    await this.sb.runs.answer({ questionId: id, answer, by, reason: 'asked the bank' })
    await this.closed(id)
  }

  /** Waits until the holder of the lease has taken the answer to a request. */
  async closed(id: string): Promise<void> {
    const look = async () => ((await this.store.request(ANA.tenant, id))?.state === 'open' ? null : true)
    await this.until(look, `an answer to ${id}`)
  }

  /** Resolves with the first value that is not null, looked for again and again; fails when it never comes. */
  async until<T>(look: () => Promise<T | null> | T | null, what: string, patienceMs = PATIENCE_MS): Promise<T> {
    const end = systemHost.monotonicMs() + patienceMs
    do {
      const found = await look()
      if (found !== null) return found
      await sleep(systemHost, 1)
    } while (systemHost.monotonicMs() < end)
    throw new Error(`waited in vain for ${what}`)
  }

  /** Lets an effect whose answer was lost become old enough to be looked up, until the condition holds. */
  async settle<T>(look: () => Promise<T | null> | T | null, what: string): Promise<T> {
    for (let n = 0; n < 100; n++) {
      const found = await this.until(look, what, STEP_MS).catch(() => null)
      if (found !== null) return found
      await this.host.advance(5_000)
    }
    throw new Error(`waited in vain for ${what}`)
  }

  /** Stops all workers, checks every history of the store by every prefix, and closes it. */
  async close(): Promise<void> {
    await this.family()
    const rows = await this.store.runs({ tenant: ANA.tenant, limit: 1_000 })
    for (const row of rows) await checkHistory(this.store, row)
    await this.sb.close()
  }
}

/** What the tests of one file open, closed together with every check of `BenchBox.close`. */
export interface BenchSet {
  box(options: BoxOptions): BenchBox
  bank(): Promise<OutsideBank>
  close(): Promise<void>
}

/** A set that a test file fills in its tests and closes after each. */
export function benchSet(): BenchSet {
  const boxes: BenchBox[] = []
  const banks: OutsideBank[] = []
  return {
    box: (options) => {
      const made = new BenchBox(options)
      boxes.push(made)
      return made
    },
    bank: async () => {
      const made = await openBank()
      banks.push(made)
      return made
    },
    close: async () => {
      // All workers first: a box may share its store with another.
      const opened = boxes.splice(0)
      for (const one of opened) await one.family()
      for (const one of opened) await one.close()
      for (const one of banks.splice(0)) await one.close()
    },
  }
}

function modelsOf(models: readonly ModelHandle[]): ModelPort {
  const byId = new Map(models.map((model) => [model.id, model]))
  return {
    resolve: (id) => {
      const model = byId.get(id)
      if (!model) throw new Error(`the box has no model \`${id}\``)
      return model
    },
  }
}

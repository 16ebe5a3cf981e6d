import type { Store } from '../../contracts/store.ts'
import type { ToolSpec } from '../../contracts/tool.ts'
import type { ModelHandle, ModelPort } from '../../contracts/model.ts'
import type { PolicyPort } from '../../contracts/policy.ts'
import type { Scheduler } from '../../contracts/scheduler.ts'
import { toolsWithin, type WorkflowSpec } from '../../contracts/workflow.ts'
import { FAULT_POINTS, type FaultHook } from '../../engine/env.ts'
import { LocalScheduler } from '../../engine/local-scheduler.ts'
import { composeSignalbox, outletOver, type Signalbox } from '../../runtime.ts'
import { keyVault, memoryStore } from '../../stores/index.ts'
import { scriptedPolicy } from '../scripted-policy.ts'
import type { SimContext } from './context.ts'
import { FaultPlan, faultText, type SimFault } from './faults.ts'
import { type FinalState, finalState } from './final.ts'
import { Machine, NEVER, SimProcess } from './machine.ts'
import { Office } from './office.ts'
import { NO_PLANT, type SimPlant } from './plant.ts'
import { processStore } from './process-store.ts'
import { SimRandom } from './random.ts'
import type { OperatorAct, OutsideSystem, SimRun, SimScenario } from './scenario.ts'
import { Watch } from './watch.ts'
import { wireOf } from './wire.ts'

/** Times of the simulated workers, in virtual milliseconds. */
const LEASE_MS = 5_000
const POLL_MS = 1_000
const STALL_MS = 12_000
const HOUR_MS = 3_600_000
/** No simulated world takes longer: clocks that jump back by an hour let a lease last that much longer. */
const MOST_VIRTUAL_MS = 12 * HOUR_MS
const MOST_STEPS = 300_000
/** An approval that nobody answers ends after this. */
const APPROVAL_SECONDS = 60

/** The master key of every simulated store: nothing that matters is sealed with it. */
const SIM_MASTER_KEY = new Uint8Array(32).fill(7)

/** One world: a scenario with its runs, a seed, and what goes wrong in it. */
export interface WorldOptions {
  readonly scenario: SimScenario
  readonly runs: readonly SimRun[]
  readonly acts: readonly OperatorAct[]
  readonly seed: string
  readonly faults: readonly SimFault[]
  readonly plant?: SimPlant
  /** An empty store to use instead of one in memory. */
  readonly store?: () => Store | Promise<Store>
  /** Keeps what happened, line by line. */
  readonly trace?: boolean
}

/** What came of a world. */
export interface WorldEnd {
  readonly violation: { readonly check: string; readonly message: string } | null
  readonly final: FinalState | null
  /** How often each point was reached, by point. */
  readonly hits: ReadonlyMap<string, number>
  readonly fired: readonly SimFault[]
  readonly steps: number
  readonly virtualMs: number
  readonly trace: readonly string[]
}

/** Simulates one world to its end. The same options give the same end, to the byte. */
export async function simulateWorld(options: WorldOptions): Promise<WorldEnd> {
  return new World(options, await (options.store?.() ?? memoryStore())).run()
}

class World implements SimContext {
  readonly machine: Machine
  readonly plan: FaultPlan
  readonly random: SimRandom
  readonly watch: Watch
  readonly outside: OutsideSystem
  diskFullUntil = 0
  private readonly options: WorldOptions
  private readonly specs: readonly WorkflowSpec[]
  private readonly truth: Store
  private readonly plant: SimPlant
  private readonly trace: string[] = []
  private readonly workers = new Map<SimProcess, () => void>()
  private readonly listeners = new Map<SimProcess, Set<() => void>>()
  private readonly onTheWire = new Set<() => void>()
  private readonly policy: PolicyPort
  private readonly hook: boolean
  private office: Office | null = null
  private made = 0

  constructor(options: WorldOptions, store: Store) {
    this.options = options
    this.random = new SimRandom(options.seed)
    this.machine = new Machine(this.random.stream('order'))
    this.plan = new FaultPlan(options.faults)
    this.plant = options.plant ?? NO_PLANT
    const { scenario } = options
    this.outside = scenario.outside?.() ?? { answer: () => ({ status: 404, body: null }), effects: () => [] }
    this.specs = scenario.workflows.map((one) => ('spec' in one ? one.spec : one))
    this.policy = scenario.policy ?? allowAll(this.specs)
    // Without a hook the engine goes the way that it goes in production; with one it has more points.
    const points: readonly string[] = FAULT_POINTS
    this.hook = options.faults.length === 0 || options.faults.some((fault) => points.includes(fault.point))
    this.watch = new Watch({
      wall: () => this.machine.wall(),
      outside: this.outside,
      specs: new Map(this.specs.map((spec) => [`${spec.name}@${spec.version}`, spec])),
      clocksJump: options.faults.some((fault) => fault.kind === 'clock_forward' || fault.kind === 'clock_back'),
      note: (line) => this.note(line),
      onRequest: (row) => this.office?.asked(row),
      onCommit: () => this.onCommit(),
    })
    this.truth = this.watch.truth(this.plant.disk(store))
  }

  async run(): Promise<WorldEnd> {
    const desk = this.process('office')
    this.office = new Office(this, desk, this.signalbox(desk), this.options.scenario)
    this.office.open(this.options.runs, this.options.acts)
    for (const slot of ['a', 'b']) this.spawn(slot)
    const limits = { untilMs: MOST_VIRTUAL_MS, steps: MOST_STEPS }
    const how = await this.machine.run(() => this.watch.violation !== null || this.atRest(), limits)
    if (how !== 'done') this.watch.fail('ends', `the runs do not end: ${how}; ${this.stateText()}`)
    // Who stood still wakes up and finds that the world went on.
    const late = Math.max(this.machine.time, ...[...this.workers.keys()].map((one) => one.stalledUntil)) + 2 * POLL_MS
    if (!this.watch.violation)
      await this.machine.run(() => this.watch.violation !== null || this.machine.time >= late, limits)
    const final = this.watch.violation ? null : await this.finish()
    for (const process of this.workers.keys()) process.alive = false
    await this.truth.close()
    return {
      violation: this.watch.violation && { check: this.watch.violation.check, message: this.watch.violation.message },
      final,
      hits: this.plan.hits,
      fired: this.plan.fired,
      steps: this.machine.steps,
      virtualMs: Math.round(this.machine.time),
      trace: this.trace,
    }
  }

  note(line: string): void {
    if (this.options.trace) this.trace.push(`${this.machine.time} ${line}`)
  }

  inFlight(ms: number, arrive: () => void): void {
    const land = (): void => {
      if (!this.onTheWire.delete(land)) return
      arrive()
    }
    this.onTheWire.add(land)
    this.machine.after(null, ms, land)
  }

  strike(fault: SimFault, process: SimProcess): boolean {
    this.note(`fault ${faultText(fault)} ${process.name}`)
    switch (fault.kind) {
      case 'crash':
      case 'torn_write':
        this.kill(process)
        return true
      case 'power_cut':
        for (const one of [...this.workers.keys()]) this.kill(one)
        return true
      case 'stall':
        process.stalledUntil = this.machine.time + STALL_MS
        return false
      case 'clock_forward':
        // What is on the wire arrives: how long a target may take is told in real time (ENGINE R4).
        for (const land of [...this.onTheWire]) land()
        this.machine.wallOffset += HOUR_MS
        return false
      case 'clock_back':
        this.machine.wallOffset -= HOUR_MS
        return false
      default:
        return false
    }
  }

  private atRest(): boolean {
    if (this.office?.pending !== 0 || this.watch.runs.size < this.options.runs.length) return false
    for (const run of this.watch.runs.values()) if (!run.rests) return false
    return true
  }

  private stateText(): string {
    return [...this.watch.runs.values()].map((run) => `${run.fold.status} at ${run.seq}`).join(', ')
  }

  private onCommit(): void {
    const fault = this.plan.hit('clock')
    const any = [...this.workers.keys()][0]
    if (fault && any) this.strike(fault, any)
  }

  private process(name: string): SimProcess {
    return new SimProcess(name, this.machine, this.random.stream(`process/${name}`))
  }

  private spawn(slot: string): void {
    this.made += 1
    const process = this.process(`${slot}${this.made}`)
    this.workers.set(process, () => undefined)
    const sb = this.signalbox(process)
    sb.onItem((item) => {
      if (process.alive) this.watch.published(item)
    })
    const onTrouble = (error: Error): void => this.note(`trouble ${process.name} ${error.message}`)
    sb.work({ worker: process.name, pollMs: POLL_MS, leaseMs: LEASE_MS, concurrency: 8, onTrouble })
  }

  private kill(process: SimProcess): void {
    if (!this.workers.delete(process)) return
    process.alive = false
    this.listeners.delete(process)
    const slot = process.name.slice(0, 1)
    this.machine.after(null, this.random.between(10, 4_000), () => this.spawn(slot))
  }

  private signalbox(process: SimProcess): Signalbox {
    const asked = this.plant.store(processStore(this, process, this.truth))
    const store = this.watch.leases(process, asked)
    const outlet = outletOver(wireOf(this, process))
    return composeSignalbox(
      {
        store,
        host: process,
        vault: keyVault({ store, host: process, masterKey: SIM_MASTER_KEY }),
        policy: this.policy,
        models: this.models(process),
        workflows: this.specs.map((spec) => this.plant.workflow(spec)),
        limits: { approvalSeconds: APPROVAL_SECONDS, ...this.options.scenario.limits },
        scheduler: this.scheduler(process),
        ...(this.hook && process.name !== 'office' ? { fault: this.faultHook(process) } : {}),
      },
      // Nothing here can call out beside the door, and a process that dies could not stop the watch for it.
      { ...outlet, onUnmediated: () => () => undefined },
    )
  }

  private faultHook(process: SimProcess): FaultHook {
    return (point) => {
      if (!process.alive) return NEVER
      const fault = this.plan.hit(point)
      if (!fault) return
      if (this.strike(fault, process)) return NEVER
      return process.wait(0)
    }
  }

  /** The scheduler of the process, and word to all others, which may get lost or come twice. */
  private scheduler(process: SimProcess): Scheduler {
    const local = new LocalScheduler(process)
    const tell = (due: () => void): void => {
      const fault = this.plan.hit('wake')
      if (fault?.kind === 'wake_lost') return
      due()
      if (fault?.kind === 'wake_twice') due()
    }
    const others = (): void => {
      for (const [other, wakes] of this.listeners)
        if (other !== process) for (const wake of wakes) this.machine.after(other, this.random.between(0, 30), wake)
    }
    return {
      start: (run) =>
        tell(() => {
          local.start(run)
          others()
        }),
      wake: (run) =>
        tell(() => {
          local.wake(run)
          others()
        }),
      wakeAt: (run, at) => local.wakeAt(run, at),
      cancel: (run) => local.cancel(run),
      serve: (due) => {
        const wakes = this.listeners.get(process) ?? new Set()
        const wake = (): void => due({ tenant: '', runId: '' })
        this.listeners.set(process, wakes.add(wake))
        const stop = local.serve(due)
        return () => {
          wakes.delete(wake)
          stop()
        }
      },
    }
  }

  private models(process: SimProcess): ModelPort {
    const random = this.random.stream(`models/${process.name}`)
    const byId = new Map(
      (this.options.scenario.models ?? []).map((model) => [model.id, this.model(process, model, random)]),
    )
    return {
      resolve: (id) => {
        const model = byId.get(id)
        if (!model) throw new Error(`the scenario has no model \`${id}\``)
        return model
      },
    }
  }

  private model(process: SimProcess, inner: ModelHandle, random: SimRandom): ModelHandle {
    const call: ModelHandle['call'] = async (request, options) => {
      if (!process.alive) return NEVER
      this.watch.modelSends(options.headers['x-signalbox-run-id'] ?? '')
      const fault = this.plan.hit('model.call')
      if (fault && this.strike(fault, process)) return NEVER
      await process.wait(random.between(0, 400))
      if (fault?.kind === 'model_failure') throw new Error('the simulated model fails')
      return inner.call(request, options)
    }
    return {
      id: inner.id,
      provider: inner.provider,
      scripted: inner.scripted,
      price: inner.price,
      inputUpperBound: (request) => inner.inputUpperBound(request),
      call,
    }
  }

  private async finish(): Promise<FinalState | null> {
    this.watch.checkEffects()
    const reader = this.process('reader')
    const vault = keyVault({ store: this.truth, host: reader, masterKey: SIM_MASTER_KEY })
    try {
      return await finalState(this.truth, vault, [...this.watch.runs.values()], this.outside)
    } catch (thrown) {
      this.watch.fail('audit', String(thrown))
      return null
    }
  }
}

function allowAll(specs: readonly WorkflowSpec[]): PolicyPort {
  const tools = specs.flatMap(toolsWithin)
  return scriptedPolicy({ tools: Object.fromEntries(tools.map((tool: ToolSpec) => [tool.name, rowOf(tool)])) })
}

function rowOf(tool: ToolSpec): Pick<ToolSpec, 'class' | 'effect'> {
  return { class: tool.class, effect: tool.effect }
}

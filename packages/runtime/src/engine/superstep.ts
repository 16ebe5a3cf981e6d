import { isErrorCode, SignalboxError, toSignalboxError } from '../base/errors.ts'
import type { JsonObject } from '../base/json.ts'
import { isoTime, timeOf } from '../base/time.ts'
import type { QueuedMessage } from '../contracts/checkpoint.ts'
import { type Labels, type ListRef, OPERATOR_LABELS } from '../contracts/common.ts'
import type { ActivationFailed } from '../contracts/records.ts'
import type { HandlerEnd, NodeSpec } from '../contracts/workflow.ts'
import { numberDeliveries } from '../orchestration/index.ts'
import { activation as foldOf } from '../reliability/fold.ts'
import { activationId } from '../reliability/keys.ts'
import { Activation } from './activation.ts'
import { type Done, doneFromRecord, recordResult } from './done.ts'
import { type LiveRun, Unloaded } from './live-run.ts'
import { passOutput, stopUnlessPassed } from './points.ts'
import { openPort, openTimer } from './ports.ts'
import { backoffMs, isStoreTrouble, mayBeTaken, mayRetry, parksRun } from './retry.ts'
import { refuseLostSessions, sessionOf } from './sessions.ts'
import type { Scope } from './scope.ts'
import { Snapshot } from './snapshot.ts'
import type { OpenState } from './state.ts'

/** Deliveries to one node, run one after another; each sees the writes of the ones before (ENGINE R9). */
interface Lane {
  readonly node: NodeSpec
  readonly deliveries: readonly { readonly message: QueuedMessage; readonly delivery: number }[]
}

/** What an activation begins with: the state and the conversation that the deliveries before it left. */
interface StartsFrom {
  readonly state: JsonObject
  readonly session: ListRef | null
}

/**
 * One superstep in flight: runs the nodes that the queued messages reach, concurrently, and collects what they did.
 * It knows nothing of waiting and leaving; the run loop watches the run for that.
 */
export class Superstep {
  readonly done: Done[] = []
  /** True when a lane left at a position: the superstep goes on in another process. */
  left = false
  failed: { readonly node: string; readonly error: SignalboxError } | null = null
  readonly startedAt: string
  private lanesLeft: number
  private activationsLeft: number
  private readonly lanes: readonly Lane[]
  private readonly scope: Scope
  private readonly run: LiveRun
  private readonly before: OpenState
  private onOver: (() => void) | null = null

  /** Throws WORKFLOW_CHANGED when a message or a kept session has no place in the graph. */
  constructor(scope: Scope, before: OpenState) {
    const { run } = scope
    refuseLostSessions(scope.spec, scope.state.checkpoint.sessions)
    this.scope = scope
    this.run = run
    this.before = before
    this.startedAt = isoTime(run.env.host.now())
    this.lanes = lanesOf(scope)
    this.lanesLeft = this.lanes.length
    this.activationsLeft = scope.state.checkpoint.queue.length
  }

  get number(): number {
    return this.scope.state.checkpoint.superstep
  }

  /** True when every lane has ended, well or not. */
  get isOver(): boolean {
    return this.lanesLeft === 0
  }

  /** Starts all lanes. Each keeps the run busy but where it waits. */
  start(): void {
    for (const lane of this.lanes) {
      this.run.enter()
      this.runLane(lane)
        .catch((thrown: unknown) => this.laneFailed(lane, thrown))
        .finally(() => {
          this.lanesLeft -= 1
          if (this.isOver) this.onOver?.()
          this.run.leave()
        })
    }
  }

  /** Ends when every lane has; whoever waits is not busy meanwhile, so that a run in which all wait can leave memory. */
  over(): Promise<void> {
    if (this.isOver) return Promise.resolve()
    return new Promise((resolve) => {
      this.onOver = () => {
        this.run.enter()
        resolve()
      }
      this.run.leave()
    })
  }

  private laneFailed(lane: Lane, thrown: unknown): void {
    if (thrown instanceof Unloaded) {
      this.left ||= this.run.draining && this.run.halt === null
      this.run.activity.left ||= this.left
      return
    }
    const error = toSignalboxError(thrown)
    if (isStoreTrouble(error.code)) this.run.onLost(error)
    else if (parksRun(error.code)) this.run.stopWith({ kind: 'park', code: error.code, detail: error.message })
    else this.failed ??= { node: lane.node.name, error }
  }

  private async runLane(lane: Lane): Promise<void> {
    let state: JsonObject = this.before.values
    let session = sessionOf(this.scope, lane.node)
    for (const { message, delivery } of lane.deliveries) {
      const id = activationId(this.scope.id, this.number, lane.node.name, delivery)
      const recorded = foldOf(this.run.fold, id).result
      const done = recorded
        ? await doneFromRecord(this.run, recorded)
        : await this.runOne(lane.node, id, delivery, message, { state, session })
      session = done.session ?? session
      for (const write of done.writes)
        state = new Snapshot(this.scope.spec, state, OPERATOR_LABELS).after(lane.node.name, write)
      this.done.push(done)
      this.activationsLeft -= 1
    }
  }

  private async runOne(
    node: NodeSpec,
    id: string,
    delivery: number,
    message: QueuedMessage,
    from: StartsFrom,
  ): Promise<Done> {
    if (node.kind === 'port') return this.keep(await openPort(this.scope, node, id, delivery, message))
    if (node.kind === 'timer')
      return this.keep(await openTimer(this.scope, node, { id, delivery, message, state: from.state }))
    for (;;) {
      const fold = foldOf(this.run.fold, id)
      if (fold.dead) {
        const taken = await this.takenFailure(node, id, delivery, fold.dead)
        if (taken) return this.keep(taken)
        throw deadEnd(node, fold.dead)
      }
      if (fold.failed?.retry_at) await this.waitForRetry(id, timeOf(fold.failed.retry_at))
      try {
        return await this.attempt(node, id, delivery, message, from)
      } catch (thrown) {
        if (thrown instanceof Unloaded) throw thrown
        const error = toSignalboxError(thrown, 'NODE_FAILED')
        if (parksRun(error.code) || isStoreTrouble(error.code)) throw error
        if (!this.recordFailure(node, id, error) && !this.isTaken(node, error.code)) throw error
      }
    }
  }

  /** True when the failure goes to a declared fallback instead of ending the run. */
  private isTaken(node: NodeSpec, code: string): boolean {
    return this.scope.spec.failed.has(node.name) && mayBeTaken(code) && !this.run.halt && !this.scope.clock?.limit
  }

  /** A failure that goes to a declared fallback: what is on record of it, and nothing of the node's writes (ENGINE R6). */
  private async takenFailure(
    node: NodeSpec,
    id: string,
    delivery: number,
    { code, error }: ActivationFailed,
  ): Promise<Done | null> {
    if (!this.isTaken(node, code)) return null
    const value = { code, reason: await this.run.contents.read(error), leftUndone: [] }
    const rejection = { value, labels: error.l, ref: null }
    const nothing = { writes: [], message: null, recorded: false }
    return { activation: id, node: node.name, delivery, ...nothing, rejection, failed: true }
  }

  private async attempt(
    node: NodeSpec,
    id: string,
    delivery: number,
    message: QueuedMessage,
    { state, session }: StartsFrom,
  ): Promise<Done> {
    const snapshot = new Snapshot(this.scope.spec, state, this.before.labels)
    const activation = new Activation(this.scope, node, id, this.number, snapshot, message.message, session)
    const input = await this.run.contents.read(message.message)
    const subject = {
      at: id,
      name: node.name,
      agent: node.agent?.name ?? null,
      value: input,
      labels: activation.seen,
      // Nothing can be changed where an agent begins or ends.
      fits: () => undefined,
    }
    if (node.agent && isNew(activation)) await stopUnlessPassed(this.run, 'agent_startup', subject)
    const end = await activation.drive(input)
    const labels: Labels = activation.seen
    if (node.agent)
      await stopUnlessPassed(this.run, 'agent_shutdown', {
        ...subject,
        value: end.kind === 'message' ? end.message : end.reason,
        labels,
      })
    const passed = await passOutput(this.scope, node, { activation: id, end, labels }, activation.judgedOutput)
    const left = activation.session()
    return this.keep({ ...doneOf(node, id, delivery, snapshot, passed, labels), ...(left ? { session: left } : {}) })
  }

  /** The last activation to finish rides with the barrier's own record; the others are recorded at once (ENGINE R6). */
  private keep(done: Done): Done {
    if (this.activationsLeft <= 1) return done
    return recordResult(this.run, this.number, done)
  }

  private async waitForRetry(id: string, at: number): Promise<void> {
    const { host } = this.run.env
    while (host.now() < at && !this.run.halt) await this.run.waits.wait('retry', id, at)
    if (this.run.halt) throw new Unloaded()
  }

  /** Not when the run stops, nor when the time of a node around this scope is up. */
  private mayTryAgain(node: NodeSpec, error: SignalboxError): boolean {
    return mayRetry(node.retry, error.code) && !this.run.halt && !this.scope.clock?.limit
  }

  /** Records the failure; true when the node will be tried again. */
  private recordFailure(node: NodeSpec, id: string, error: SignalboxError): boolean {
    const { attempt, firstAttempt } = foldOf(this.run.fold, id)
    const again = attempt - firstAttempt + 1 < node.retry.attempts && this.mayTryAgain(node, error)
    const wait = backoffMs(node.retry, attempt - firstAttempt + 1, `${this.run.rootRun}/${id}`)
    this.run.append((put) => ({
      type: 'activation.failed' as const,
      activation: id,
      node: node.name,
      superstep: this.number,
      attempt,
      code: error.code,
      error: put(error.message),
      retry_at: again ? isoTime(this.run.env.host.now() + wait) : null,
    }))
    // What was entered in this attempt gives the places of its effects up (ENGINE R5).
    for (const [effect, { key, activation }] of this.run.matched)
      if (again && activation !== id && key.startsWith(`${id}/`)) this.run.matched.delete(effect)
    return again
  }
}

/** False for an activation that goes on after a wait or a crash: its agent has started before. */
function isNew({ fold }: Activation): boolean {
  return fold.asks.size === 0 && fold.position === null
}

function doneOf(
  node: NodeSpec,
  id: string,
  delivery: number,
  snapshot: Snapshot,
  end: HandlerEnd,
  labels: Labels,
): Done {
  const rejected = end.kind === 'rejected'
  return {
    activation: id,
    node: node.name,
    delivery,
    writes: snapshot.writes.map((write) => ({ ...write, ref: null })),
    message: rejected ? null : { value: end.message, labels: end.labels ?? labels, ref: null },
    rejection: rejected
      ? { value: { code: end.code, reason: end.reason, leftUndone: [...end.leftUndone] }, labels, ref: null }
      : null,
    recorded: false,
  }
}

/** A node that failed for good before a crash fails again with what is on record. */
function deadEnd(node: NodeSpec, { code }: { readonly code: string }): SignalboxError {
  return new SignalboxError(isErrorCode(code) ? code : 'NODE_FAILED', `node \`${node.name}\` failed`)
}

function lanesOf({ spec, state }: Scope): readonly Lane[] {
  const lanes = new Map<string, { node: NodeSpec; deliveries: { message: QueuedMessage; delivery: number }[] }>()
  for (const { message, delivery } of numberDeliveries(state.checkpoint.queue)) {
    const node = spec.nodes.get(message.to)
    if (!node)
      throw new SignalboxError(
        'WORKFLOW_CHANGED',
        `a message waits for node \`${message.to}\`, which this workflow does not have`,
      )
    const lane = lanes.get(message.to) ?? { node, deliveries: [] }
    lane.deliveries.push({ message, delivery })
    lanes.set(message.to, lane)
  }
  return [...lanes.values()]
}

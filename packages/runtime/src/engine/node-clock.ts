import { SignalboxError } from '../base/errors.ts'
import type { Host } from '../base/host.ts'
import type { NodeSpec } from '../contracts/workflow.ts'

/** The time limits of a node, as its declaration has them. */
type Limited = Pick<NodeSpec, 'name' | 'timeoutSeconds' | 'idleTimeoutSeconds'>

/**
 * The active time of one attempt of one activation, and its limits. Time in which all that goes on is a wait for a
 * person, a time or an effect that has to settle does not count (invariant 6); what was used before a crash does. When a
 * limit is passed, reads and models under way are aborted, and nothing of the activation is sent any more.
 */
export class NodeClock {
  /** The limit that was passed: NODE_TIMEOUT or NODE_IDLE. */
  limit: SignalboxError | null = null
  private readonly controller = new AbortController()
  private readonly host: Host
  private readonly node: Limited
  private readonly around: NodeClock | null
  private readonly onLimit: () => void
  /** Clocks of the activations in scopes that this one entered. */
  private readonly inside = new Set<NodeClock>()
  private busy = 0
  private over = false
  private usedMs: number
  private since = 0
  /** Used time at the last sign of life. */
  private aliveMs: number
  private cancel: () => void = () => undefined

  /** `around` is the clock of the node that entered the scope of this one: its limit holds here too. */
  constructor(
    host: Host,
    node: Limited,
    usedMs: number,
    options: { readonly around?: NodeClock | null; readonly onLimit?: () => void } = {},
  ) {
    this.host = host
    this.node = node
    this.usedMs = usedMs
    this.aliveMs = usedMs
    this.around = options.around ?? null
    this.onLimit = options.onLimit ?? (() => undefined)
    this.around?.inside.add(this)
    if (this.around?.limit) this.limit = this.around.limit
    if (this.limit) this.controller.abort(this.limit)
  }

  /** Aborts when a limit is passed. */
  get signal(): AbortSignal {
    return this.controller.signal
  }

  /** Something of the activation goes on. Paired with `leave`. */
  enter(): void {
    if (this.over) return
    this.busy += 1
    if (this.busy > 1) return
    this.since = this.host.monotonicMs()
    this.around?.enter()
    this.arm()
  }

  leave(): void {
    if (this.over) return
    this.busy -= 1
    if (this.busy > 0) return
    this.usedMs += this.host.monotonicMs() - this.since
    this.cancel()
    this.around?.leave()
  }

  /** A sign of life: a heartbeat, a part of an answer, an outcome. */
  touch(): void {
    this.aliveMs = this.used()
    this.around?.touch()
  }

  /** The activation is over; nothing fires any more. */
  stop(): void {
    this.over = true
    this.cancel()
    this.around?.inside.delete(this)
    if (this.busy > 0) this.around?.leave()
    this.busy = 0
  }

  private used(): number {
    return this.busy > 0 ? this.usedMs + this.host.monotonicMs() - this.since : this.usedMs
  }

  private arm(): void {
    const left = this.leftMs()
    if (this.over || this.limit || left === Number.POSITIVE_INFINITY) return
    this.cancel = this.host.after(left, () => this.look())
  }

  private leftMs(): number {
    const { timeoutSeconds: whole, idleTimeoutSeconds: idle } = this.node
    const used = this.used()
    const untilTimeout = whole === undefined ? Number.POSITIVE_INFINITY : whole * 1_000 - used
    const untilIdle = idle === undefined ? Number.POSITIVE_INFINITY : idle * 1_000 - (used - this.aliveMs)
    return Math.max(0, Math.min(untilTimeout, untilIdle))
  }

  /** A timer may come early, and a sign of life may have come meanwhile. */
  private look(): void {
    if (this.over || this.busy === 0) return
    if (this.leftMs() > 0) {
      this.arm()
      return
    }
    const { name, timeoutSeconds: whole, idleTimeoutSeconds: idle } = this.node
    this.pass(
      whole !== undefined && this.used() >= whole * 1_000
        ? new SignalboxError('NODE_TIMEOUT', `node \`${name}\` took longer than its ${whole} s`)
        : new SignalboxError('NODE_IDLE', `node \`${name}\` gave no sign of life for ${idle} s`),
    )
  }

  private pass(limit: SignalboxError): void {
    if (this.over || this.limit) return
    this.limit = limit
    this.controller.abort(limit)
    for (const one of [...this.inside]) one.pass(limit)
    this.onLimit()
  }
}

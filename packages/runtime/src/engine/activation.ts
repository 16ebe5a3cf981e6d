import { SignalboxError, toSignalboxError } from '../base/errors.ts'
import type { JsonObject, JsonValue } from '../base/json.ts'
import { timeOf } from '../base/time.ts'
import { type ContentRef, joinLabels, type Labels, type ListRef } from '../contracts/common.ts'
import type { ModelMessage } from '../contracts/model.ts'
import type { ActivityOutcome, AskRef } from '../contracts/records.ts'
import type { AskResult, AskSpec, HandlerCtx, HandlerEnd, NodeSpec } from '../contracts/workflow.ts'
import {
  type ActivationFold,
  type AskJournal,
  activation as foldOf,
  isTerminalOutcome,
  proposedBy,
  toldAt,
} from '../reliability/fold.ts'
import { askKey, seededRandom } from '../reliability/keys.ts'
import { emptyList } from './contents.ts'
import { Conversation } from './conversation.ts'
import { askedOtherwise, notAskedAgain } from './divergence.ts'
import { argsOf, askName } from './door/ask.ts'
import { BatchGate, type GatePlace } from './door/gate.ts'
import { askDigest, perform } from './door/perform.ts'
import { type LiveRun, Unloaded } from './live-run.ts'
import type { AskedAgain, RecordedStretch } from './replay/port.ts'
import { isStoreTrouble } from './retry.ts'
import { NodeClock } from './node-clock.ts'
import type { Scope } from './scope.ts'
import type { Snapshot } from './snapshot.ts'
import { askedDigest } from '../reliability/judged.ts'

/** A promise that never settles: what a handler gets after its activation left this process (ENGINE R7). */
const NEVER: Promise<never> = new Promise(() => undefined)

interface Asked {
  readonly resolve: (result: AskResult) => void
  readonly digest: string
}

/**
 * One activation: drives a handler and gives it the outcomes of its asks one at a time, in log order, each only after
 * the microtasks of the one before have drained, live exactly as in replay (ENGINE R1).
 *
 * 1. A recorded ask is matched by its ordinal and digest; another digest is a divergence.
 * 2. An ask without a record that comes while recorded outcomes are still to be delivered is held until they are: it
 *    was cut off by the crash before anything of it was durable.
 * 3. A recorded ask that is not repeated is a divergence.
 * 4. The activation is over when the handler has ended and all its asks are terminal.
 */
export class Activation {
  readonly scope: Scope
  readonly run: LiveRun
  readonly node: NodeSpec
  readonly id: string
  readonly superstep: number
  readonly snapshot: Snapshot
  readonly fold: ActivationFold
  readonly clock: NodeClock
  seen: Labels
  judgedOutput: string | null = null

  private over = false
  /** The worker drains, and the handler stands at a position: another worker goes on from there. */
  private left = false
  private end: { readonly value: HandlerEnd } | { readonly error: unknown } | null = null
  /** Set when the handler asked for something else than is on record: whatever else it does no longer counts. */
  private divergence: SignalboxError | null = null
  private ordinal = 0
  private position: number
  private asked = new Map<number, Asked>()
  private journaled: Map<number, AskJournal>
  private queue: ActivityOutcome[]
  private replayLeft: number
  private held: (() => void)[] = []
  private open = 0
  private nudge: (() => void) | null = null
  private lastAt: string
  private draws = 0
  private readonly talk: Conversation

  /** `session` is the conversation that the activation goes on with; null begins one. */
  constructor(
    scope: Scope,
    node: NodeSpec,
    id: string,
    superstep: number,
    snapshot: Snapshot,
    input: ContentRef,
    session: ListRef | null,
  ) {
    const { run } = scope
    this.scope = scope
    this.run = run
    this.node = node
    this.id = id
    this.superstep = superstep
    this.snapshot = snapshot
    this.fold = foldOf(run.fold, id)
    this.clock = new NodeClock(this.run.env.host, node, this.fold.usedMs, {
      around: scope.clock,
      onLimit: () => this.onLimit(),
    })
    this.position = this.fold.position?.position ?? 0
    const recorded = this.onRecord()
    this.journaled = new Map(recorded.asks)
    this.queue = [...recorded.outcomes]
    this.replayLeft = this.queue.length
    this.talk = new Conversation(run, this.fold.position?.list ?? session ?? emptyList(input.l))
    this.seen = joinLabels([input.l, snapshot.labels, this.talk.labels])
    this.lastAt = recorded.at ?? (this.fold.position ? toldAt(this.fold.position) : scope.state.checkpointAt)
  }

  /** What this attempt finds on record from its position on; a replay also knows what came after later positions. */
  private onRecord(): RecordedStretch {
    return this.run.env.replay?.stretch(this.id, this.fold.attempt, this.position) ?? this.fold
  }

  get attempt(): number {
    return this.fold.attempt
  }

  /** True when the engine no longer takes asks from this handler (ENGINE R7: generations). */
  get isOver(): boolean {
    return this.over || this.run.dead
  }

  /** Runs the handler to its end. Throws what the handler threw, a divergence, or NONDETERMINISTIC_WAIT. */
  async drive(input: JsonValue): Promise<HandlerEnd> {
    const handler = this.node.run
    if (!handler) throw new SignalboxError('INTERNAL', `node \`${this.node.name}\` has no handler`)
    const resumedFrom = await this.loadPosition()
    const ctx = this.handle(resumedFrom)
    const place = { runId: this.run.runId, activation: this.id, where: 'node', mediated: false } as const
    this.run.env.outlet.runIn(place, () => {
      Promise.resolve()
        .then(() => handler(input, ctx))
        .then(
          (value) => this.ended({ value }),
          (error: unknown) => this.ended({ error }),
        )
    })
    this.clock.enter()
    try {
      await this.pump()
    } finally {
      this.over = true
      this.clock.stop()
    }
    if (this.end && 'value' in this.end) return this.end.value
    throw this.end?.error ?? new Unloaded()
  }

  /** True when the handler has returned or thrown. */
  get hasEnded(): boolean {
    return this.end !== null
  }

  private ended(end: { readonly value: HandlerEnd } | { readonly error: unknown }): void {
    this.end = end
    // Nobody needs the answers and times any more that the handler did not wait for, as the loser of a race.
    this.run.waits.wakeOwn(this.clock, ['timer', 'request'])
    this.nudge?.()
  }

  private async pump(): Promise<void> {
    for (;;) {
      await this.run.env.host.macrotask()
      if (this.run.dead) throw new Unloaded()
      if (this.divergence) throw this.divergence
      // Nothing new starts any more; what was sent is brought to its end first.
      if (this.left || (this.run.halt && this.open === 0)) throw new Unloaded()
      if (this.end && this.open === 0 && this.queue.length === 0) break
      if (this.clock.limit && this.replayLeft === 0) {
        await this.endAt(this.clock.limit)
        continue
      }
      const next = this.queue.shift()
      if (next) await this.deliver(next)
      else if (this.held.length > 0) this.releaseHeld()
      else if (this.open > 0) await this.quiet()
      else if (!this.end) this.stuck()
    }
    this.checkRepeated()
  }

  /** The node's time is up: what was sent is brought to its end, the handler sees nothing of it any more. */
  private async endAt(limit: SignalboxError): Promise<void> {
    this.open -= this.held.splice(0).length
    if (this.open === 0) throw limit
    await this.quiet()
  }

  /** People and times are waited for no longer; an effect that was sent is (ENGINE R4). */
  private onLimit(): void {
    this.run.waits.wakeOwn(this.clock, ['approval', 'retry', 'timer', 'request'])
    this.nudge?.()
  }

  private async deliver(outcome: ActivityOutcome): Promise<void> {
    if (this.replayLeft > 0) this.replayLeft -= 1
    const asked = this.asked.get(outcome.ask.ordinal)
    if (!asked) {
      if (this.end) return
      throw notAskedAgain(outcome.ask.key, outcome)
    }
    const output =
      outcome.result && outcome.status === 'succeeded' ? await this.run.contents.read(outcome.result) : null
    const reason = outcome.result && outcome.status !== 'succeeded' ? await this.run.contents.read(outcome.result) : ''
    const labels = outcome.result?.l ?? this.seen
    this.seen = joinLabels([this.seen, labels])
    this.lastAt = toldAt(outcome)
    // What was taken back because the handler had ended goes on nowhere.
    if (this.end && outcome.status === 'cancelled') return
    asked.resolve({
      status: outcome.status,
      output,
      code: outcome.code ?? '',
      reason: typeof reason === 'string' ? reason : '',
      labels,
      seq: outcome.seq,
      ...(outcome.trouble ? { trouble: outcome.trouble } : {}),
    })
  }

  private releaseHeld(): void {
    const held = this.held
    this.held = []
    for (const start of held) start()
  }

  /** Waits for the next outcome or the handler's end; nothing of ours is going on meanwhile but the asks themselves. */
  private quiet(): Promise<void> {
    return new Promise((resolve) => {
      this.nudge = () => {
        this.nudge = null
        this.run.enter()
        this.clock.enter()
        resolve()
      }
      this.run.leave()
      this.clock.leave()
    })
  }

  private stuck(): never {
    throw new SignalboxError(
      'NONDETERMINISTIC_WAIT',
      `node \`${this.node.name}\` waits for something that is not an ask; use \`ctx.call\` with a tool instead`,
    )
  }

  private checkRepeated(): void {
    for (const [ordinal, entry] of this.journaled)
      if (!this.asked.has(ordinal)) throw notAskedAgain(entry.ask.key, proposedBy(entry))
  }

  private handle(resumedFrom: JsonValue | null): HandlerCtx {
    const self = this
    return {
      runId: this.run.runId,
      node: this.node.name,
      get state(): JsonObject {
        return self.snapshot.state
      },
      write: (values) => {
        if (!self.isOver) self.snapshot.write(self.node.name, values, self.seen)
      },
      ask: (spec) => self.ask(spec, null),
      batch: (specs) => {
        const gate = new BatchGate(specs.length)
        return Promise.all(specs.map((spec, i) => self.ask(spec, { gate, index: i })))
      },
      resumedFrom,
      savePoint: (state) => self.savePoint(state),
      conversation: {
        get messages(): readonly ModelMessage[] {
          return self.talk.messages
        },
        append: (messages, labels) => {
          self.talk.append(messages, labels)
          self.seen = joinLabels([self.seen, labels])
        },
        replace: (next, labels) => {
          self.talk.replace(next, labels)
          self.seen = joinLabels([self.seen, labels])
        },
      },
      get seen(): Labels {
        return self.seen
      },
      endsOnRejection: this.scope.spec.rejected.has(this.node.name),
      heartbeat: () => {
        if (!self.isOver) self.clock.touch()
      },
      now: () => new Date(timeOf(self.lastAt)),
      random: () => {
        self.draws += 1
        return seededRandom(`${self.run.rootRun}/${self.id}/${self.position}/${self.draws}`)
      },
    }
  }

  private ask(spec: AskSpec, place: GatePlace | null): Promise<AskResult> {
    if (this.isOver || this.run.halt) return NEVER
    const ordinal = this.ordinal
    this.ordinal += 1
    const digest = askDigest(this, spec)
    const entry = this.journaled.get(ordinal)
    this.run.env.replay?.asked(this.askedAgain(ordinal, spec, digest))
    if (!entry && this.clock.limit) return NEVER
    const before = entry && proposedBy(entry)
    if (before && askedDigest(before) !== digest) {
      // Not started: its record belongs to another call, and what was recorded must not be sent in its place.
      this.divergence ??= askedOtherwise(this.id, ordinal, before, { kind: spec.kind, name: askName(spec), digest })
      this.nudge?.()
      return NEVER
    }
    return new Promise((resolve) => {
      this.asked.set(ordinal, { resolve, digest })
      if (entry?.outcome && isTerminalOutcome(entry.outcome)) {
        place?.gate.settled(place.index)
        return
      }
      this.open += 1
      const start = (): void => this.start(ordinal, spec, place)
      if (!entry && this.replayLeft > 0) this.held.push(start)
      else start()
    })
  }

  private askedAgain(ordinal: number, spec: AskSpec, digest: string): AskedAgain {
    const { id: activation, attempt, position, node } = this
    const told = { conversation: () => this.talk.messages, args: () => argsOf(this, spec) }
    return { activation, attempt, position, node: node.name, ordinal, spec, digest, ...told }
  }

  private start(ordinal: number, spec: AskSpec, place: GatePlace | null): void {
    // Shut: what is not on record is not done by a replay.
    if (this.run.env.replay) return
    const ref: AskRef = {
      key: askKey(this.id, this.position, ordinal),
      activation: this.id,
      node: this.node.name,
      superstep: this.superstep,
      position: this.position,
      ordinal,
      attempt: this.attempt,
      parent: null,
    }
    this.run.enter()
    this.clock.enter()
    this.clock.touch()
    perform(this, ref, spec, place)
      .catch((thrown: unknown) => this.broken(thrown))
      .finally(() => {
        this.run.leave()
        this.clock.leave()
      })
  }

  /** An ask of this activation has ended; what is delivered next is what was appended next. */
  recorded(outcome: ActivityOutcome): void {
    this.open -= 1
    this.clock.touch()
    this.queue.push(outcome)
    this.nudge?.()
  }

  /** A malfunction of the door itself: the run parks and the handler sees nothing of it (invariant 2). */
  private broken(thrown: unknown): void {
    if (thrown instanceof Unloaded || this.run.dead) return
    const error = toSignalboxError(thrown)
    if (isStoreTrouble(error.code)) this.run.onLost(error)
    else this.run.stopWith({ kind: 'park', code: error.code, detail: error.message })
  }

  /** Digest of the conversation as it stands, without its text (ENGINE R8). */
  conversationHead(): { readonly head: string; readonly length: number } {
    return this.talk.head()
  }

  conversation(): readonly ModelMessage[] {
    return this.talk.messages
  }

  /** What the next activation of a node with a kept session goes on with; null for one whose session is not kept. */
  session(): ListRef | null {
    if (this.node.session !== 'kept') return null
    this.talk.keepOpen()
    return this.talk.saved
  }

  private async savePoint(state: JsonValue): Promise<void> {
    if (this.isOver) return NEVER
    if (this.open > 0 || this.queue.length > 0)
      throw new SignalboxError(
        'INTERNAL',
        'a turn or checkpoint can only end when all that was asked has ended; await it first',
      )
    this.position += 1
    this.ordinal = 0
    this.asked = new Map()
    this.journaled = new Map()
    const at = this.run.lastSeq + 1
    const saved = this.run.append((put) => ({
      type: 'position.saved' as const,
      activation: this.id,
      node: this.node.name,
      superstep: this.superstep,
      attempt: this.attempt,
      position: this.position,
      state: put(state, this.seen),
      ...this.talk.forRecord(at, this.seen, put),
    }))
    this.talk.recordedAs(saved.list, saved.append)
    // A handler that starts from here sees this time and draws from the beginning.
    this.lastAt = saved.at
    this.draws = 0
    if (this.run.draining) return this.leave()
    if (this.run.env.replay) this.replayFrom(this.onRecord())
  }

  private replayFrom({ asks, outcomes, at }: RecordedStretch): void {
    this.journaled = new Map(asks)
    this.queue = [...outcomes]
    this.replayLeft = this.queue.length
    this.lastAt = at ?? this.lastAt
  }

  /** Nothing of the handler goes on here. */
  private leave(): Promise<never> {
    this.left = true
    this.nudge?.()
    return NEVER
  }

  private async loadPosition(): Promise<JsonValue | null> {
    await this.talk.load()
    const saved = this.fold.position
    return saved && this.run.contents.read(saved.state)
  }
}

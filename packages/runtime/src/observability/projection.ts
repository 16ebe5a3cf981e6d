import { activationPath } from '../base/scope-id.ts'
import { sha256Hex } from '../base/hash.ts'
import { traceIdOf } from '../base/trace-id.ts'
import type { ActivityIntent, AskRef, RecordBase, RunStarted, SegmentStarted } from '../contracts/records.ts'
import type { AttributeName, EventName, MetricName } from './contract.generated.ts'
import { NO_SPEND, type SpendFold } from './cost.ts'
import type { AttributeValue, Attributes, LogData, MetricPoint, SpanData, SpanLink } from './telemetry.ts'
import { millisOf } from './view.ts'

/** A span that has begun: what its id, start and parent are. */
export interface OpenSpan {
  readonly spanId: string
  readonly startMs: number
}

/** A call that was sent in the present segment and has no outcome yet. */
export interface OpenCall extends OpenSpan {
  readonly intent: ActivityIntent
  /** Span of the same call as it was sent before; null when it was not. */
  readonly retryOf: string | null
}

/** An activation within a superstep and segment. */
export interface OpenNode extends OpenSpan {
  readonly activation: string
  readonly name: string
  readonly superstep: number
  readonly attempt: number
  /** Span of the attempt before it; null for a first one. */
  readonly retryOf: string | null
  /** The agent whose turns it holds, with the span of these turns. */
  agent: (OpenSpan & { readonly name: string }) | null
}

/** What is remembered of an approval until it is answered. */
export interface AskedApproval {
  readonly tool: string
  readonly riskClass: string
  readonly decisionId: string
}

/** What the projection of one run remembers between batches. It can be rebuilt from the records at any time. */
export interface ProjectionState {
  started: RunStarted | null
  /** Last record that was projected; earlier ones are skipped. */
  seq: number
  lastMs: number
  checkpointSeq: number | null
  superstep: number
  /** Opening of the present superstep within the segment. */
  superstepSpan: OpenSpan | null
  segment:
    | (OpenSpan & { readonly record: SegmentStarted; readonly links: readonly SpanLink[]; readonly waitingMs: number })
    | null
  previousSegment: string | null
  restored: boolean
  waitingSince: number | null
  waitingMs: number
  spend: SpendFold
  readonly nodes: Map<string, OpenNode>
  /** Node spans of the present superstep that have ended, by id, and their activations: none is told twice. */
  readonly endedNodes: Set<string>
  readonly calls: Map<string, OpenCall>
  /** Spans of calls of which the outcome is not known, for the link of what comes of them. */
  readonly lost: Map<string, string>
  /** Spans of failed attempts that are followed by another, by activation. */
  readonly attempts: Map<string, string>
  readonly approvals: Map<string, AskedApproval>
}

/** The state before the first record of a run. */
export function newProjection(): ProjectionState {
  return {
    started: null,
    seq: 0,
    lastMs: 0,
    checkpointSeq: null,
    superstep: 0,
    superstepSpan: null,
    segment: null,
    previousSegment: null,
    restored: false,
    waitingSince: null,
    waitingMs: 0,
    spend: NO_SPEND,
    nodes: new Map(),
    endedNodes: new Set(),
    calls: new Map(),
    lost: new Map(),
    attempts: new Map(),
    approvals: new Map(),
  }
}

/** A copy that can be changed without changing the original. */
export function copyProjection(state: ProjectionState): ProjectionState {
  return {
    ...state,
    nodes: new Map([...state.nodes].map(([key, node]) => [key, { ...node }])),
    endedNodes: new Set(state.endedNodes),
    calls: new Map(state.calls),
    lost: new Map(state.lost),
    attempts: new Map(state.attempts),
    approvals: new Map(state.approvals),
  }
}

/** A name that may stand in telemetry. Names can come from a model or a caller: anything unusual is `_OTHER`. */
export function safeName(text: string): string {
  return /^[\w.:/@+-]{1,128}$/.test(text) ? text : '_OTHER'
}

/** A closed code that may stand in telemetry, else `_OTHER`: error texts never pass. */
export function safeCode(text: string): string {
  return /^[A-Z][A-Z0-9_]{1,63}$/.test(text) ? text : '_OTHER'
}

/** First 16 hex digits of a digest over run, opening record and what opens there: equal whenever it is computed. */
function spanIdOf(runId: string, seq: number, what: readonly (string | number)[]): string {
  return sha256Hex([runId, seq, ...what].join('\n')).slice(0, 16)
}

/** Id of the span that telemetry holds for the call of an intent, known before it is sent (ENGINE R18). */
export function callSpanId(runId: string, intentSeq: number): string {
  return spanIdOf(runId, intentSeq, ['call'])
}

/** Id of the span of a superstep that begins at a record: a checkpoint, or the start of a segment. */
export function superstepSpanId(runId: string, seq: number, superstep: number): string {
  return spanIdOf(runId, seq, ['superstep', superstep])
}

/** Collects what one batch gives, and the state after it. */
export class Projector {
  #fixedMs: number | null = null
  #record: RecordBase
  #recordMs: number
  /** What is on every signal of the run, made once. */
  #common: { readonly of: RunStarted | null; readonly attributes: Attributes; readonly traceId: string } | null = null
  readonly state: ProjectionState
  readonly spans: SpanData[] = []
  readonly logs: LogData[] = []
  readonly metrics: MetricPoint[] = []

  constructor(state: ProjectionState, first: RecordBase) {
    this.state = copyProjection(state)
    this.#record = first
    this.#recordMs = millisOf(first.at)
  }

  /** The record that is being projected. */
  get record(): RecordBase {
    return this.#record
  }

  set record(record: RecordBase) {
    this.#record = record
    this.#recordMs = millisOf(record.at)
  }

  /** Does something as if the record had another time: what was cut off ended with the last record before it. */
  endAt(ms: number, act: () => void): void {
    this.#fixedMs = ms
    act()
    this.#fixedMs = null
  }

  /** Time of the record in milliseconds since 1970. Wall time may step back; spans never end before they start. */
  get now(): number {
    if (this.#fixedMs !== null) return this.#fixedMs
    return Math.max(this.state.lastMs, this.#recordMs)
  }

  /** Id of a span that opens at a record. */
  spanId(seq: number, ...what: readonly (string | number)[]): string {
    return spanIdOf(this.record.run, seq, what)
  }

  /** Adds a finished span. */
  span(
    span: Omit<SpanData, 'traceId' | 'attributes' | 'links' | 'endMs'> & {
      attributes: Attributes
      links?: readonly SpanLink[]
      endMs?: number
    },
  ): void {
    const attributes = { ...this.common(), ...this.place(), ...span.attributes }
    this.spans.push({ links: [], endMs: this.now, ...span, traceId: this.traceId, attributes })
  }

  /** Adds a log event of the present record. */
  log(eventName: EventName, severity: LogData['severity'], attributes: Attributes, spanId?: string): void {
    const all = {
      ...this.common(),
      ...this.place(),
      'signalbox.record.seq': this.record.seq,
      ...this.checkpoint(),
      ...attributes,
    }
    const within = spanId ?? this.state.segment?.spanId ?? null
    this.logs.push({ eventName, severity, traceId: this.traceId, spanId: within, timeMs: this.now, attributes: all })
  }

  /** Adds a measurement. */
  metric(name: MetricName, value: number, attributes: Attributes): void {
    this.metrics.push({ name, value, timeMs: this.now, attributes })
  }

  /** The checkpoint in force as an attribute, when there is one. */
  checkpoint(): Attributes {
    const { checkpointSeq } = this.state
    return checkpointSeq === null ? {} : { 'signalbox.checkpoint.id': `${this.record.run}/${checkpointSeq}` }
  }

  /** Name of the workflow. */
  get workflow(): string {
    return safeName(this.state.started?.workflow.name ?? '')
  }

  /** The open node span of an ask, begun now when it is the first ask of its activation. */
  nodeOf(ask: Pick<AskRef, 'activation' | 'node' | 'superstep' | 'attempt'>): OpenNode {
    const open = this.state.nodes.get(ask.activation)
    if (open && open.attempt === ask.attempt) return open
    const superstep = this.superstepSpan()
    const first = this.nodeSpanId(ask)
    const node: OpenNode = {
      activation: ask.activation,
      name: activationPath(ask.activation, ask.node),
      superstep: ask.superstep,
      attempt: ask.attempt,
      spanId: this.state.endedNodes.has(first) ? this.spanId(this.record.seq, first, 'again') : first,
      startMs: ask.attempt === 1 ? superstep.startMs : this.now,
      retryOf: this.state.attempts.get(ask.activation) ?? null,
      agent: null,
    }
    this.state.attempts.delete(ask.activation)
    this.state.nodes.set(ask.activation, node)
    return node
  }

  /** Id of the span of an activation's attempt within the present superstep and segment. */
  nodeSpanId({ activation, attempt }: Pick<AskRef, 'activation' | 'attempt'>): string {
    return this.spanId(0, this.superstepSpan().spanId, 'node', activation, attempt)
  }

  /** The span of an agent's turns within a node's span. */
  agentOf(node: OpenNode, agent: string): OpenSpan {
    if (node.agent && node.agent.name === agent) return node.agent
    if (node.agent) this.endAgent(node)
    node.agent = { name: agent, spanId: this.spanId(0, node.spanId, 'agent', agent), startMs: this.now }
    return node.agent
  }

  /** Ends a node's span and the agent's within it. */
  endNode(node: OpenNode, code: string | null): void {
    this.endAgent(node)
    this.state.nodes.delete(node.activation)
    this.state.endedNodes.add(node.spanId).add(node.activation)
    this.span({
      id: 'node',
      name: `node ${safeName(node.name)}`,
      spanId: node.spanId,
      parentSpanId: this.superstepSpan().spanId,
      startMs: node.startMs,
      status: code === null ? 'unset' : 'error',
      links: retryLinks(node.retryOf),
      attributes: {
        ...nodeAttributes(node),
        'signalbox.attempt': node.attempt,
        ...this.checkpoint(),
        ...present('error.type', code === null ? null : safeCode(code)),
      },
    })
  }

  /** Ends the span of the present superstep within its segment. */
  endSuperstep(): void {
    const open = this.state.superstepSpan
    for (const node of [...this.state.nodes.values()]) this.endNode(node, null)
    this.state.superstepSpan = null
    this.state.endedNodes.clear()
    if (!open) return
    this.span({
      id: 'superstep',
      name: `superstep ${this.state.superstep}`,
      spanId: open.spanId,
      parentSpanId: this.state.segment?.spanId ?? null,
      startMs: open.startMs,
      status: 'unset',
      attributes: { 'signalbox.superstep.index': this.state.superstep, ...this.checkpoint() },
    })
  }

  /** The span of the present superstep; it begins with its segment or with the barrier before it. */
  superstepSpan(): OpenSpan {
    this.state.superstepSpan ??= {
      spanId: superstepSpanId(this.record.run, this.record.seq, this.state.superstep),
      startMs: this.now,
    }
    return this.state.superstepSpan
  }

  get traceId(): string {
    return this.#ofRun().traceId
  }

  common(): Attributes {
    return this.#ofRun().attributes
  }

  #ofRun() {
    const { started } = this.state
    if (this.#common?.of === started) return this.#common
    const told = started?.trace_id ?? ''
    const attributes: Attributes = {
      'signalbox.run.id': this.record.run,
      'signalbox.workflow.id': this.workflow,
      'signalbox.workflow.version': safeName(started?.workflow.version ?? ''),
      'signalbox.request.id': safeName(started?.request_id ?? ''),
      'gen_ai.workflow.name': this.workflow,
    }
    const traceId = /^[0-9a-f]{32}$/.test(told) ? told : traceIdOf(this.record.run)
    this.#common = { of: started, attributes, traceId }
    return this.#common
  }

  place(): Attributes {
    const { segment, branch } = this.state.segment?.record ?? this.record
    return { 'signalbox.run.segment': segment, 'signalbox.run.branch': branch }
  }

  endAgent(node: OpenNode): void {
    const { agent } = node
    node.agent = null
    if (!agent) return
    const name = safeName(agent.name)
    this.metric('gen_ai.invoke_agent.duration', (this.now - agent.startMs) / 1000, { 'gen_ai.agent.name': name })
    this.span({
      id: 'agent',
      name: `invoke_agent ${name}`,
      spanId: agent.spanId,
      parentSpanId: node.spanId,
      startMs: agent.startMs,
      status: 'unset',
      attributes: {
        ...nodeAttributes(node),
        'signalbox.attempt': node.attempt,
        'gen_ai.operation.name': 'invoke_agent',
        'gen_ai.agent.name': name,
      },
    })
  }
}

function nodeAttributes(node: OpenNode): Attributes {
  return { 'signalbox.superstep.index': node.superstep, 'signalbox.node.name': safeName(node.name) }
}

/** From another attempt to the one before it. */
export function retryLinks(of: string | null): readonly SpanLink[] {
  return of === null ? [] : [{ spanId: of, attributes: { 'signalbox.link.kind': 'retry' } }]
}

/** An attribute that is left out when it has no value. */
export function present(name: AttributeName, value: AttributeValue | null | undefined): Attributes {
  return value === null || value === undefined ? {} : { [name]: value }
}

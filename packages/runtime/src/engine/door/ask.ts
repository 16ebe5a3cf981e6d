import { canonicalJson, type JsonObject, type JsonValue } from '../../base/json.ts'
import type { EditedArguments } from '../../contracts/approval.ts'
import {
  type ActivityKind,
  type Amounts,
  type ContentRef,
  type EffectClass,
  type Labels,
  NO_AMOUNTS,
  type Principal,
  type Usage,
} from '../../contracts/common.ts'
import type { CostNote } from '../../contracts/cost.ts'
import type { ModelHandle, ModelMessage, ModelPrice, ModelRequest } from '../../contracts/model.ts'
import type { ApprovalVote, ArgumentOrigin, Decision, HiddenTool } from '../../contracts/policy.ts'
import type { ModelPermit, ModelTrouble } from '../../contracts/provider.ts'
import type {
  ActivityIntent,
  ActivityOutcome,
  AskRef,
  LedgerRef,
  Proposal,
  UndoneEffect,
} from '../../contracts/records.ts'
import type { ToolSpec } from '../../contracts/tool.ts'
import type { AskSpec, NodeSpec } from '../../contracts/workflow.ts'
import type { Controlled } from '../../policy/index.ts'
import { type ActivationFold, type AskJournal, journal, proposedBy } from '../../reliability/fold.ts'
import type { Deadline } from '../lease.ts'
import type { LiveRun, Put } from '../live-run.ts'
import type { NodeClock } from '../node-clock.ts'
import type { Scope } from '../scope.ts'
import type { GatePlace } from './gate.ts'
import { askedDigest } from '../../reliability/judged.ts'

/** What the door needs to know of the activation that asks. */
export interface AskOwner {
  readonly run: LiveRun
  /** The scope that the activation belongs to. */
  readonly scope: Scope
  readonly node: NodeSpec
  readonly attempt: number
  readonly seen: Labels
  readonly snapshot: { readonly state: JsonObject }
  /** The node's time limits. */
  readonly clock: NodeClock
  /** Approved and unused on an earlier attempt, by `<tool>|<args digest>`. */
  readonly fold: Pick<ActivationFold, 'carried' | 'asks'>
  /** True when its handler has returned or thrown: nobody needs an answer or a time any more. */
  readonly hasEnded: boolean
  /** Canonical text of the output that policy let pass at the door; null before, and for what is no agent's. */
  judgedOutput: string | null
  conversationHead(): { readonly head: string; readonly length: number }
  conversation(): readonly ModelMessage[]
  /** The ask's end was appended: called in log order, at the append, so that delivery is in log order too (ENGINE R1). */
  recorded(outcome: ActivityOutcome): void
}

/** What a stage may decide: this end is recorded and told to the handler. */
export interface Ended {
  readonly status: ActivityOutcome['status']
  readonly code: string | null
  /** Result when succeeded, else a plain sentence. */
  readonly result: JsonValue
  readonly labels?: Labels
  readonly settled?: Amounts
  readonly usage?: Usage | null
  readonly price?: string | null
  /** Of a model call: how its cost came about. */
  readonly cost?: CostNote
  readonly latencyMs?: number
  readonly ledger?: LedgerRef
  readonly resolvedBy?: ActivityOutcome['resolved_by']
  /** Of a refused one: the limits that did not cover it. */
  readonly limits?: readonly string[]
  /** Tools whose credential was taken out of the result. */
  readonly leaked?: readonly string[]
  readonly trouble?: ModelTrouble
  /** What the provider asked to wait, in milliseconds. */
  readonly waitMs?: number
  readonly retry?: NonNullable<ActivityOutcome['retry']>
  /** Not sent because of a pause, or because nobody knows of one: it waits at the door and is tried again. */
  readonly heldUp?: boolean
}

/** The effect that an ask is about: its identity in the ledger and its key (ENGINE R5). */
export interface EffectIdentity {
  /** The tool under which the ledger holds it: the ask's own, and for an undo that of the effect that it undoes. */
  readonly tool: string
  readonly effectId: string
  readonly scope: string
  readonly identity: string
  readonly idempotencyKey: string
}

/** An approval that was given for this ask. */
export interface GivenApproval {
  readonly id: string
  readonly by: Principal
  readonly votes?: readonly ApprovalVote[]
  readonly decidedSeq: number
  /** True when what was approved is still what is proposed. */
  readonly bound: boolean
  readonly fresh: boolean
  /** The bundle under which it was derived again, `name@sha256`. */
  readonly bundle: string
}

/** One ask on its way through the door; stages fill it. */
export class Ask {
  readonly owner: AskOwner
  readonly run: LiveRun
  readonly ref: AskRef
  readonly spec: AskSpec
  readonly place: GatePlace | null
  /** Digest of the arguments that are done; of what was asked for until a control changes it. */
  digest: string
  labels: Labels
  /** `scope` for a tool that enters one; what its record says. */
  kind: ActivityKind
  tool: ToolSpec | null = null
  model: ModelHandle | null = null
  /** The price in force when the worst case was last worked out: what the call is settled at. */
  price: ModelPrice | null = null
  request: ModelRequest | null = null
  /** Arguments after the tool's own schema; for models the reference form of the request. */
  args: JsonValue
  class: string
  effect: EffectClass = 'none'
  /** The effect that policy is told, where the record holds another: that of a nested scope. */
  shownEffect: EffectClass | null = null
  definitionHash = ''
  facts: JsonObject = {}
  /** Null where the catalogue does not say which arguments are critical. */
  origin: ArgumentOrigin | null = null
  decision: Decision | null = null
  /** What the controls made of the arguments; null before they were asked, and where there are none. */
  controlled: Controlled | null = null
  /** What was asked for, where controls changed it. */
  asked: Pick<Ask, 'args' | 'facts' | 'origin' | 'labels'> | null = null
  /** Tools that the model is not shown. */
  hidden: readonly HiddenTool[] = []
  approval: GivenApproval | null = null
  identity: EffectIdentity | null = null
  worst: Amounts = NO_AMOUNTS
  /** Set when the budget covers a model call only with a lower output limit. */
  lowered: { readonly from: number; readonly to: number } | null = null
  intent: ActivityIntent | null = null
  /** Leave of the model's provider to make the call. */
  permit: ModelPermit | null = null
  /** The last moment at which the intent of this process may be sent. */
  notAfter: Deadline | null = null
  /** How often the identity had been claimed by this process when it was looked up. */
  claimsSeen = 0
  /** A person ordered this effect beside an earlier one: its identity is its own. */
  ordered = false
  /** The plan of a fork orders an effect again: only a new approval lets it happen. */
  repeats = false
  /** What a reviewer put in the place of the arguments; `args` holds it then. */
  edited: EditedArguments | null = null
  /** Effects of this tool in the other runs of the family when the identity was worked out; null where it does not matter. */
  others: number | null = null
  /** Questions whose answer was already acted upon. */
  readonly usedQuestions = new Set<string>()
  /** Switches that two persons let this ask pass; the leave is used up. */
  readonly passedSwitches = new Set<string>()
  private argsRef: ContentRef | null = null
  private askedDigest: string | null = null

  constructor(owner: AskOwner, ref: AskRef, spec: AskSpec, place: GatePlace | null, digest: string) {
    this.owner = owner
    this.run = owner.run
    this.ref = ref
    this.spec = spec
    this.kind = spec.kind
    this.place = place
    this.args = argsOf(owner, spec)
    this.class = CLASS_OF[spec.kind]
    this.labels = (spec.kind === 'tool' ? spec.labels : undefined) ?? owner.seen
    const before = proposedBy(this.journal())
    this.argsRef = before?.args ?? null
    this.digest = before === null ? digest : askedDigest(before)
  }

  get name(): string {
    return askName(this.spec)
  }

  get agent(): string | null {
    return this.owner.node.agent?.name ?? null
  }

  /** Digest of the arguments that are sent: `digest` is that of those which were proposed, by which the ask is recognised. */
  get sentDigest(): string {
    return this.edited?.args_digest ?? this.digest
  }

  /** All that is on record of this ask. */
  journal(): AskJournal {
    return journal(this.run.fold, this.ref)
  }

  /** Takes what controls made of the arguments in their place: it is what is proposed, decided and sent from here on. */
  change(args: JsonValue, digest: string, labels: Labels): void {
    const before = proposedBy(this.journal())
    this.argsRef = before?.asked_digest && before.args_digest === digest ? before.args : null
    this.askedDigest ??= this.digest
    const { args: was, facts, origin, labels: under } = this
    this.asked ??= { args: was, facts, origin, labels: under }
    this.args = args
    this.digest = digest
    this.labels = labels
  }

  /** The proposal for a record; its arguments are sealed once. */
  proposal(put: Put): Proposal {
    this.argsRef ??= put(this.args, this.labels)
    return {
      kind: this.kind,
      name: this.name,
      class: this.class,
      effect: this.effect,
      agent: this.agent,
      model_seq: (this.spec.kind === 'tool' ? this.spec.modelSeq : undefined) ?? null,
      call_id: (this.spec.kind === 'tool' ? this.spec.callId : undefined) ?? null,
      args: this.argsRef,
      args_digest: this.digest,
      labels: this.labels,
      definition_hash: this.definitionHash,
      ...(this.tool?.server === undefined ? {} : { server: this.tool.server }),
      ...(this.edited ? { edited: this.edited } : {}),
      ...(this.undoes ? { undoes: this.undoes } : {}),
      ...(this.spec.kind === 'tool' && this.spec.context ? { context: this.spec.context } : {}),
      ...(this.spec.kind === 'model' && this.spec.fallbackOf ? { fallback_of: this.spec.fallbackOf } : {}),
      ...(this.askedDigest === null ? {} : { asked_digest: this.askedDigest }),
      ...(this.hidden.length > 0 ? { hidden: this.hidden } : {}),
    }
  }

  /** Waits for a person or a time, which is no active time of the node. */
  async wait(kind: Parameters<LiveRun['waits']['wait']>[0], id: string, until: number | null): Promise<void> {
    const { clock } = this.owner
    clock.leave()
    await this.run.waits.wait(kind, id, until, clock)
    clock.enter()
  }

  /** The same for what is only waited for: an answer or a time that the handler has ended without is not needed. */
  get withdrawn(): Ended | null {
    if (this.ending || !this.owner.hasEnded) return this.ending
    return { status: 'cancelled', code: 'CANCELLED', result: 'nothing waits for it any more' }
  }

  /** How the ask ends when nothing of it may start any more: its node's time is up, or the run stops. */
  get ending(): Ended | null {
    const { limit } = this.owner.clock
    if (limit) return { status: 'cancelled', code: limit.code, result: limit.message }
    if (this.run.halt?.kind !== 'stop') return null
    return { status: 'cancelled', code: 'CANCELLED', result: 'the run stops; nothing new is started' }
  }

  /** The effect that this call undoes, or null. */
  get undoes(): UndoneEffect | null {
    return (this.spec.kind === 'tool' ? this.spec.undoes : undefined) ?? null
  }
}

/** Classes of what is not a tool; a tool's comes from the catalogue. */
const CLASS_OF = { tool: '', model: 'model.call', timer: 'timer', step: 'step', request: 'port' } as const

/** What is asked for, as records name it. */
export function askName(spec: AskSpec): string {
  switch (spec.kind) {
    case 'tool':
      return spec.tool
    case 'model':
      return spec.model
    case 'timer':
      return 'sleep'
    case 'step':
      return spec.name
    case 'request':
      return spec.port
    default:
      return spec satisfies never
  }
}

/** The arguments of an ask as they are recorded and digested. */
export function argsOf(owner: AskOwner, spec: AskSpec): JsonValue {
  switch (spec.kind) {
    case 'tool':
    case 'step':
      return spec.args
    case 'model':
      return modelArgs(owner, spec)
    case 'timer':
      return { ...spec.for }
    case 'request':
      return spec.payload
    default:
      return spec satisfies never
  }
}

/** The request to a model by reference: the conversation's digest and the parameters, never its text (ENGINE R8). */
function modelArgs(owner: AskOwner, spec: Extract<AskSpec, { kind: 'model' }>): JsonValue {
  const { head, length } = owner.conversationHead()
  return {
    conversation: head,
    length,
    model: spec.model,
    max_output_tokens: spec.maxOutputTokens,
    tools: [...spec.tools],
    output_schema: spec.outputSchema,
    prompt_hash: owner.node.agent?.promptHash ?? null,
    ...besides(owner, spec),
  }
}

/** What the model is shown beside or in place of the conversation: with it the record tells all that it saw. */
function besides(owner: AskOwner, { context, instead }: Extract<AskSpec, { kind: 'model' }>): JsonObject {
  return {
    // Messages of the AI SDK are JSON but for their type.
    ...(context && context.length > 0 ? { context: context as unknown as JsonValue } : {}),
    ...(instead ? { by: instead.by, shown: owner.run.sealer.digest(canonicalJson(instead.messages)) } : {}),
  }
}

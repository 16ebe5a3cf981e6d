import type { JsonObject } from '../base/json.ts'
import type { ActingFor, ApprovalEscalation } from './acting.ts'
import type { EffectClass, Labels, Mode, Principal } from './common.ts'
import type { ActDuty } from './duty.ts'

/** Where policy is asked: the eight intervention points of the Agent Control Specification. */
export type InterventionPoint =
  | 'agent_startup'
  | 'input'
  | 'pre_model_call'
  | 'post_model_call'
  | 'pre_tool_call'
  | 'post_tool_call'
  | 'output'
  | 'agent_shutdown'

/** What policy may answer. */
export type Verdict = 'allow' | 'warn' | 'deny' | 'require_approval' | 'transform'

/** A policy that asked for a person, and who may answer it. */
export interface AskingPolicy {
  readonly id: string
  readonly reason_code: string
  /** Roles of which the reviewer must hold one. Never empty. */
  readonly approvers: readonly string[]
  /** How many different people have to say yes. Default 1. */
  readonly quorum?: number
  /** Stages are answered one after another, the lowest first. Default 1. */
  readonly stage?: number
  /** Silence for this long after its stage began denies. */
  readonly deadline_seconds?: number
  readonly escalate?: readonly ApprovalEscalation[]
  /** A claim keeps others from answering while it lasts. */
  readonly claim?: 'locks'
  /** While a question to the requester is open the deadline does not come nearer, once for the time of the stage. */
  readonly information?: 'stops_deadline'
  /** A standing approval may answer in place of a person. */
  readonly standing?: 'allowed'
  /** The same question is not asked again for this long after a person said no. */
  readonly declined_seconds?: number
}

/** One of the people who let an action happen. */
export interface ApprovalVote {
  readonly approver: Principal
  readonly for?: ActingFor
  /** Policies that were escalated to this person. */
  readonly escalated?: readonly string[]
}

/** One decision as it is recorded. Recorded with every activity (invariant 15). */
export interface Decision {
  readonly id: string
  readonly point: InterventionPoint
  readonly verdict: Verdict
  /** Closed or bundle-declared code; `PERMITTED` for a plain allow, `NO_PERMIT` when nothing permits. */
  readonly reason_code: string
  /** Ids of the policies that determined the verdict. */
  readonly policies: readonly string[]
  /** Policies that asked for a person; set when the verdict is require_approval. */
  readonly asks: readonly AskingPolicy[]
  /** Content hash of the bundle in force. */
  readonly bundle: string
  /** What each element of the chain answered, in order; absent where no control was in force. */
  readonly elements?: readonly DecisionElement[]
}

/** The verdict of one element of the chain at a point. */
export interface DecisionElement {
  /** `cedar` for the bundle, else `control:<name>@<version>`. The bundle is asked again about a transformed value. */
  readonly element: string
  readonly verdict: Verdict
  readonly reason_code: string
  /** Of the bundle: the policies that determined it. */
  readonly policies?: readonly string[]
  /** Of a control that asks for a person: the roles that may answer. */
  readonly approvers?: readonly string[]
}

/** A tool that is kept from a model, because no call of it could be permitted, whatever its arguments. */
export interface HiddenTool {
  readonly tool: string
  readonly reason_code: string
  /** Policies that forbid it; empty when none permits it. */
  readonly policies: readonly string[]
}

/** For whom it is worked out which tools could be permitted at all. */
export type CapabilityQuestion = Pick<PolicyRequest, 'run' | 'principal'> & { readonly tool: string }

/** The tools that a step of a workflow may call, as the code says. */
export interface StepTools {
  readonly workflow: string
  readonly node: string
  /** Names; of a step without a list of its own, those of its whole workflow. */
  readonly tools: readonly string[]
}

/** An approval as the policy sees it when it is asked again; every field is derived by the engine (invariant 7). */
export interface ApprovalFact {
  readonly id: string
  /** Who gave it last. */
  readonly approver: Principal
  /** All who gave it; absent where one person did. */
  readonly votes?: readonly ApprovalVote[]
  /** Argument digest, target version, tool definition, labels, asking policies: all equal to what was asked. */
  readonly bound: boolean
  readonly fresh: boolean
}

/** Where the critical arguments of a call come from, as the engine found out; never what a model says of them. */
export interface ArgumentOrigin {
  /** Critical arguments that the call gives, sorted. */
  readonly given: readonly string[]
  /**
   * Critical arguments that hold a value which occurs neither in the user's own input nor in an output that cannot carry
   * outside text, sorted.
   */
  readonly unproven: readonly string[]
}

/** One question to the policy. Raw arguments never go in: only the typed projection that the catalogue declares. */
export interface PolicyRequest {
  readonly point: InterventionPoint
  readonly run: { readonly id: string; readonly workflow: string; readonly agent: string | null; readonly mode: Mode }
  /** The user or service on whose behalf the run acts. */
  readonly principal: Principal
  readonly action: {
    /** Tool name, or model id for model calls. */
    readonly name: string
    readonly class: string
    readonly effect: EffectClass
    /** Hash of the tool definition in code, to detect a change since an approval. */
    readonly definition_hash: string
  }
  /** Typed projection of the arguments: top-level booleans, integers, strings and arrays of strings. */
  readonly input: JsonObject
  /** Facts that the tool read for policy; same types as input. */
  readonly facts: JsonObject
  readonly labels: Labels
  /** Absent for a tool whose catalogue row names no critical arguments: policy sees `context.origin.labelled` false. */
  readonly origin?: ArgumentOrigin
  readonly approval: ApprovalFact | null
}

/** Declares one tool to the policy: it rules over what the tool says of itself. */
export interface CatalogueTool {
  readonly name: string
  readonly class: string
  readonly effect: EffectClass
  readonly owner: string
  /** One sentence: how much can go wrong with one wrong call. */
  readonly blast_radius: string
  /** Typed projection of arguments: field name to Cedar type. Fields not listed are not shown to policy. */
  readonly input: Readonly<Record<string, 'Long' | 'String' | 'Bool' | 'Set<String>'>>
  readonly facts: Readonly<Record<string, 'Long' | 'String' | 'Bool' | 'Set<String>'>>
  /** Whether standing approvals may answer for it; by default they may, unless it is irreversible. */
  readonly standing?: boolean
  /** How often a person is asked, as its owner means it; checked against the policies, and part of no decision. */
  readonly approval?: ApprovalDeclaration
  /** Arguments that decide whom or what a call reaches. Absent: the tool is not labelled. */
  readonly critical?: readonly string[]
  /**
   * `inside`: no part of an output was written by anybody but the user and the operator's own systems. It rules over the
   * labels that the tool declares. Absent: as the tool declares, and no proof of anything.
   */
  readonly output?: 'inside' | 'outside'
  /** Why each label is as it is, one sentence each. */
  readonly reasons?: Readonly<Partial<Record<'class' | 'effect' | 'critical' | 'output', string>>>
}

/**
 * What the owner of a tool with an effect declares of its approvals: `always`, or `sometimes` where only some calls need
 * one. Who accepts that, and why. A tool that never needs one takes an exemption instead.
 */
export interface ApprovalDeclaration {
  readonly needed: 'always' | 'sometimes'
  readonly why: string
  readonly accepted_by: string
}

/** Declares one model to the policy. */
export interface CatalogueModel {
  /** `provider/model`, or `scripted/*` style prefix ending in `*`. */
  readonly name: string
  readonly owner: string
}

/** What a bundle says of approvals as a whole. */
export interface ApprovalRules {
  /** Roles whose holders may answer in the place of a reviewer who named them. */
  readonly delegates: readonly string[]
  /** A delegation lasts at most this long. */
  readonly delegation_days: number
  /** Who may give standing approvals, and their widest bounds; null: nobody. */
  readonly standing: {
    readonly authors: readonly string[]
    readonly max_days: number
    readonly max_uses: number
  } | null
}

/** What the engine needs of the policy plane. Synchronous and pure: facts are read before (ENGINE perform). */
export interface PolicyPort {
  /** Content hash of the bundle in force, `name@sha256`. */
  readonly bundle: string
  /** True when a rule is in force at the point; other points are skipped (ENGINE R20). Tool and model calls never are. */
  hasRulesAt(point: InterventionPoint): boolean
  /**
   * The verdict. A deny is an answer. A malfunction (it throws, its result is not readable, a policy reports an
   * evaluation error) throws POLICY_MALFUNCTION, and the caller parks the run (invariant 2).
   */
  decide(request: PolicyRequest): Omit<Decision, 'id'>
  /** True when the catalogue lists the workflow and the principal holds one of its roles. */
  mayStart(workflow: string, principal: Principal): boolean
  /** True when the catalogue says that the input of the workflow is the user's own words. Absent: never. */
  isUserInput?(workflow: string): boolean
  /** What the bundle says of delegation and standing approvals; without it nobody may do either. */
  readonly approvals?: ApprovalRules | undefined
  /** Which acts bar a person from others on the same subject. Absent: none. */
  actDuties?(): readonly ActDuty[]
  /** The sentence of a reason code that people are shown, or null when nothing declares it. */
  sentence(code: string): string | null
  /**
   * Null when some call of the tool could be permitted, else why none can. Errs on the side of showing: what it cannot
   * work out is decided at the call.
   */
  cannotPermit(question: CapabilityQuestion): HiddenTool | null
  /** The tools that the catalogue lets a step call, or null where it sets no list. It rules over the code's. */
  stepTools(workflow: string, node: string): readonly string[] | null
  /** Checks lists in code against the catalogue's; throws CATALOGUE_LAXER or POLICY_BUNDLE_INVALID with every difference. */
  checkSteps(steps: readonly StepTools[]): void
  /** The catalogue's row, or null for an unknown tool. */
  tool(name: string): CatalogueTool | null
  /** Checks code against catalogue; throws CATALOGUE_LAXER or POLICY_BUNDLE_INVALID naming every difference at once. */
  checkTools(tools: readonly { name: string; class: string; effect: EffectClass }[]): void
}

import type { JsonValue } from '../base/json.ts'
import type { EffectClass, Labels, Mode, Principal } from './common.ts'
import type { InterventionPoint } from './policy.ts'

/** What a control is asked: the whole value that passes its point, unlike a policy, which sees declared fields only. */
export interface ControlRequest {
  readonly point: InterventionPoint
  readonly run: { readonly id: string; readonly workflow: string; readonly agent: string | null; readonly mode: Mode }
  /** The user or service on whose behalf the run acts. */
  readonly principal: Principal
  /** The call that is asked about; at a point that is no call, the name of the node or workflow with the effect `none`. */
  readonly action: { readonly name: string; readonly class: string; readonly effect: EffectClass }
  /**
   * What passes: the input or output, the messages for a model, the parts of its answer, the arguments of a tool or its
   * result. A copy: changing it changes nothing.
   */
  readonly value: JsonValue
  readonly labels: Labels
}

/** What a control gets beside its request. */
export interface ControlCtx {
  /** Aborted when its time is over. */
  readonly signal: AbortSignal
}

/** What a control answers. `reason` is one of the codes that it declares. */
export type ControlAnswer =
  | { readonly verdict: 'allow' }
  | { readonly verdict: 'warn'; readonly reason: string }
  | { readonly verdict: 'deny'; readonly reason: string }
  /** Only before a tool call. Roles of which the reviewer must hold one. */
  | { readonly verdict: 'require_approval'; readonly reason: string; readonly approvers: readonly string[] }
  /** What goes on in the place of the value. Labels can only get more restrictive; default: those of the value. */
  | { readonly verdict: 'transform'; readonly reason: string; readonly value: JsonValue; readonly labels?: Labels }

/** A control as it is declared. */
export interface ControlDef {
  /** Lower-case letters, digits and hyphens. */
  readonly name: string
  /** Such as 1.0.0: raise it when the control answers otherwise than before. */
  readonly version: string
  readonly owner: string
  readonly points: readonly [InterventionPoint, ...InterventionPoint[]]
  /** Reason codes that it may give, each with the sentence that people are shown. */
  readonly reasons: Readonly<Record<string, string>>
  /** Milliseconds for one answer, 1 to 60,000. Default 1,000. */
  readonly timeoutMs?: number
  /**
   * Answers for one value. The same request must give the same answer. A throw, an answer that is none and a time that
   * passed are malfunctions: the run stands still until a person acts (Invariant 2).
   */
  readonly decide: (request: ControlRequest, ctx: ControlCtx) => ControlAnswer | Promise<ControlAnswer>
}

/** A control that was checked; made by `control`. */
export interface Control extends Required<ControlDef> {
  /** `control:<name>@<version>`, as decisions name it. */
  readonly id: string
}

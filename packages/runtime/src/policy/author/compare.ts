/** Decisions on record asked again of another bundle, summed up by what came out otherwise. */
import { bundlePart } from '../chain.ts'
import { toSignalboxError } from '../../base/errors.ts'
import type { Decision, PolicyRequest, Verdict } from '../../contracts/policy.ts'
import type { PolicyBundle } from '../bundle.ts'
import { type OpenedDecision, type RecordedDecision, requestOf } from './recorded.ts'

/** How a decision comes out: a verdict, or that the policies could not be evaluated. */
export type ComesOut = Verdict | 'malfunction'

/** One decision that comes out otherwise. */
export interface FlipExample {
  readonly runId: string
  readonly seq: number
  readonly decisionId: string
  readonly at: string
}

/** Decisions that flip in the same way, about the same tool, by the same policies. */
export interface FlipGroup {
  readonly before: Verdict
  readonly after: ComesOut
  /** Tool, model or point. */
  readonly name: string
  /** Policies that make the difference: those that decide in the draft, or where it lets pass, those that stood against it. */
  readonly policies: readonly string[]
  /** Reason code in the draft; before, where the draft lets it pass. */
  readonly reason: string
  /** Roles that the draft asks; empty unless it asks. */
  readonly approvers: readonly string[]
  readonly count: number
  readonly runs: number
  /** Of those that pass without a person in the draft: how many a person had refused. */
  readonly refusedByPerson: number
  /** The newest first; at most five. */
  readonly examples: readonly FlipExample[]
}

/** What came of asking a draft about decisions on record. Nothing is left out silently. */
export interface DraftReplay {
  /** Decisions looked at: `same` + `flipped` + all of `notAgain`. */
  readonly decisions: number
  readonly same: number
  readonly flipped: number
  readonly runs: number
  /** Groups, the most frequent first. */
  readonly flips: readonly FlipGroup[]
  /** Decisions that could not be asked again, by why. */
  readonly notAgain: Readonly<Record<NotAgain, number>>
  /**
   * Decisions that the bundle that made them decides otherwise when it is asked again by what is on record: for these the
   * record does not hold all that was asked, and no flip is claimed. Only checked where that bundle is at hand.
   */
  readonly notReproduced: readonly FlipExample[]
}

/** Why a decision could not be asked again. */
export type NotAgain = 'erased' | 'not_recorded' | 'fork_plan' | 'not_reproduced'

const MOST_EXAMPLES = 5

interface Group extends Omit<FlipGroup, 'count' | 'runs' | 'examples' | 'refusedByPerson'> {
  count: number
  readonly runIds: Set<string>
  readonly examples: FlipExample[]
  refusedByPerson: number
}

/** Adds up what a draft makes of decisions, one after the other. */
export class DraftComparison {
  private readonly draft: PolicyBundle
  private readonly groups = new Map<string, Group>()
  private readonly runIds = new Set<string>()
  private readonly notAgain: Record<NotAgain, number> = {
    erased: 0,
    not_recorded: 0,
    fork_plan: 0,
    not_reproduced: 0,
  }
  private readonly notReproduced: FlipExample[] = []
  private decisions = 0
  private same = 0
  private flipped = 0

  constructor(draft: PolicyBundle) {
    this.draft = draft
  }

  /**
   * Asks the draft. `made` is the bundle that took the decision, or null when it is not at hand; `refused` tells that a
   * person refused what this decision asked for.
   */
  add(
    recorded: RecordedDecision,
    opened: OpenedDecision,
    { made = null, refused = false }: { readonly made?: PolicyBundle | null; readonly refused?: boolean } = {},
  ): void {
    this.decisions += 1
    this.runIds.add(recorded.runId)
    const request = recorded.notAgain === null ? requestOf(recorded, opened, this.draft) : null
    if (!request) {
      this.notAgain[recorded.notAgain ?? 'erased'] += 1
      return
    }
    if (made && !reproduces(made, recorded, opened)) {
      this.notAgain.not_reproduced += 1
      if (this.notReproduced.length < MOST_EXAMPLES) this.notReproduced.push(exampleOf(recorded))
      return
    }
    const after = outOf(this.draft, request)
    if (isSame(bundlesPart(recorded.decision), after)) {
      this.same += 1
      return
    }
    this.flipped += 1
    this.group(recorded, after, refused)
  }

  private group(recorded: RecordedDecision, after: Out, refused: boolean): void {
    const before = bundlesPart(recorded.decision)
    const passes = after.verdict === 'allow' || after.verdict === 'warn'
    const [policies, reason] = passes ? [before.policies, before.reason_code] : [after.policies, after.reason_code]
    const approvers = [...new Set(after.asks.flatMap((ask) => ask.approvers))]
    const key = JSON.stringify([recorded.name, before.verdict, after.verdict, reason, policies, approvers])
    let group = this.groups.get(key)
    if (!group) {
      group = {
        ...{ before: before.verdict, after: after.verdict, name: recorded.name, policies, reason },
        approvers: after.verdict === 'require_approval' ? approvers : [],
        ...{ count: 0, runIds: new Set<string>(), examples: [], refusedByPerson: 0 },
      }
      this.groups.set(key, group)
    }
    group.count += 1
    group.runIds.add(recorded.runId)
    if (passes && refused) group.refusedByPerson += 1
    if (group.examples.length < MOST_EXAMPLES) group.examples.push(exampleOf(recorded))
  }

  /** What came of all that was added. */
  result(): DraftReplay {
    const { decisions, same, flipped, notAgain, notReproduced } = this
    const flips = [...this.groups.values()]
      .map(({ runIds, ...group }) => ({ ...group, runs: runIds.size }))
      .sort((a, b) => b.count - a.count || a.name.localeCompare(b.name))
    return { decisions, same, flipped, runs: this.runIds.size, flips, notAgain, notReproduced }
  }
}

type Out = Pick<Decision, 'reason_code' | 'policies' | 'asks'> & { readonly verdict: ComesOut }

function outOf(bundle: PolicyBundle, request: PolicyRequest): Out {
  try {
    return bundle.decide(request)
  } catch (thrown) {
    const { code, details } = toSignalboxError(thrown, 'POLICY_MALFUNCTION')
    const policies = Array.isArray(details.policies) ? details.policies : []
    return { verdict: 'malfunction', reason_code: code, policies, asks: [] }
  }
}

/** True when the bundle that decided comes to the same again: then the record holds all that it was asked. */
function reproduces(made: PolicyBundle, recorded: RecordedDecision, opened: OpenedDecision): boolean {
  const request = requestOf(recorded, opened, made)
  return request !== null && isSame(bundlesPart(recorded.decision), outOf(made, request))
}

/** What the bundle itself said: beside it, others may have had a say in the decision. */
function bundlesPart(decision: Decision): Out & { readonly verdict: Verdict } {
  return bundlePart(decision)
}

/** Whether two decisions let the same happen: the same verdict, and where a person is asked, by the same policies and roles. */
function isSame(before: Out, after: Out): boolean {
  if (before.verdict !== after.verdict) return false
  return before.verdict !== 'require_approval' || askedOf(before) === askedOf(after)
}

function askedOf({ asks }: Out): string {
  return asks
    .map(({ id, approvers }) => `${id}=${[...approvers].sort().join('|')}`)
    .sort()
    .join(',')
}

function exampleOf({ runId, seq, at, decision }: RecordedDecision): FlipExample {
  return { runId, seq, decisionId: decision.id, at }
}

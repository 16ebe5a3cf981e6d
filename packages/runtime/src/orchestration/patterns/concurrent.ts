import { z } from 'zod'
import type { JsonValue } from '../../base/json.ts'
import { shapeOf } from '../../contracts/shape.ts'
import type { DraftBuilder } from '../builder.ts'
import type { AnyNodeCtx } from '../draft.ts'
import { mismatch } from '../compatible.ts'
import { appended, owned, port, reduced } from '../fields.ts'
import { REJECTION } from '../rejection.ts'
import type { TerminationDef } from '../termination-types.ts'
import type { Workflow } from '../types.ts'
import {
  ABSENCE,
  CONFLICT,
  type Conflict,
  type Contribution,
  contributionsOf,
  type FailurePolicy,
  openConflicts,
  type Place,
  RESOLUTION,
  type Resolution,
  skippedOf,
} from './contributions.ts'
import { isCount, isSeconds, type PatternOptions, type PatternState, patternGraph } from './options.ts'
import {
  answerShape,
  participantFaults,
  participantOf,
  seat,
  type State,
  type Takes,
  transcriptOf,
  type TurnView,
} from './participant.ts'
import { type Entry, entryAfter, lastOf, textOf } from './transcript.ts'

/** How answers that contradict each other are found and settled. */
export interface ConflictOptions {
  /** Names what cannot stand beside each other; an empty list means no conflict. A pure function. */
  readonly detect: (contributions: readonly Contribution[]) => readonly Conflict[]
  /** A pure function that settles each conflict, or a person who is asked. */
  readonly resolve:
    | ((conflicts: readonly Conflict[], contributions: readonly Contribution[]) => readonly Resolution[])
    | { readonly person: { readonly deadlineSeconds: number } }
}

/** Makes one output of what came, in the order of the participants. A pure function. */
export type Aggregate<O> = (contributions: readonly Contribution[], resolutions: readonly Resolution[]) => O

/** How `concurrent` is declared. */
export interface ConcurrentOptions<I extends z.ZodType, O extends z.ZodType> extends PatternOptions<I> {
  /** At least two. They work at the same time, and none hears another. */
  readonly participants: readonly Takes[]
  /** What happens when a participant fails. Default `fail`. */
  readonly onFailure?: FailurePolicy
  /** The same for single participants, by name. */
  readonly onFailureOf?: Readonly<Record<string, FailurePolicy>>
  /** Fewer contributions than this stop the run. Default 1. */
  readonly atLeast?: number
  readonly conflict?: ConflictOptions
  /** A function, or a participant that hears all answers. Default: the list of participants with their answers. */
  readonly aggregate?: Aggregate<z.input<O>> | Takes
  /** What the aggregate fits; needed with `aggregate`. */
  readonly output?: O
}

const LIST = z.array(z.object({ participant: z.string(), answer: z.unknown() }))
const HALT = z.object({
  /** `too_few` contributions; a `reviewer` stopped; conflicts stayed `unresolved`; nobody answered: `deadline`. */
  by: z.enum(['too_few', 'reviewer', 'unresolved', 'deadline']),
  reason: z.string(),
})

/** How work side by side ended. */
export type ConcurrentResult<O> =
  | {
      readonly status: 'completed'
      readonly output: O
      /** Who gave what counts, in the order of the participants. */
      readonly contributions: readonly Omit<Contribution, 'answer'>[]
      readonly skipped: readonly z.output<typeof ABSENCE>[]
      readonly resolved: readonly Resolution[]
    }
  | ({
      readonly status: 'stopped'
      /** The answers that came. */
      readonly partial: readonly { readonly participant: string; readonly answer: unknown }[]
      readonly skipped: readonly z.output<typeof ABSENCE>[]
      readonly leftUndone: readonly string[]
    } & z.output<typeof HALT>)

/** What the person who settles conflicts is asked. */
export const CONFLICT_REQUEST = z.object({ conflicts: z.array(CONFLICT), answers: LIST })

/** What they may answer; a conflict that no resolution names stays unresolved. */
export const CONFLICT_ANSWER = z.discriminatedUnion('decision', [
  z.object({ decision: z.literal('resolve'), resolutions: z.array(RESOLUTION) }),
  z.object({ decision: z.literal('stop'), reason: z.string().min(1) }),
])

const GATHERED = z.object({ way: z.enum(['aggregate', 'ask', 'close']) })
type Way = z.output<typeof GATHERED>['way']

interface Plan {
  readonly places: readonly Place[]
  readonly atLeast: number
  readonly conflict: ConflictOptions | null
  readonly aggregate: Aggregate<unknown> | Takes | null
  readonly output: z.ZodType
}

/**
 * Participants side by side on the same input, then one aggregate of what came. The run's output names who contributed,
 * who was skipped and how conflicts were settled. Throws WORKFLOW_INVALID naming every fault at once.
 */
export function concurrent<I extends z.ZodType, O extends z.ZodType = typeof LIST>(
  options: ConcurrentOptions<I, O>,
): Workflow<z.output<I>, ConcurrentResult<z.output<O>>> {
  const plan: Plan = {
    places: options.participants.map((given) => placeOf(given, options)),
    atLeast: options.atLeast ?? 1,
    conflict: options.conflict ?? null,
    aggregate: options.aggregate ?? null,
    output: options.output ?? LIST,
  }
  let graph = patternGraph(
    options,
    resultSchema(plan.output),
    {
      absences: appended(ABSENCE),
      conflicts: owned('gather', z.array(CONFLICT)),
      resolutions: reduced(z.array(RESOLUTION), (_before, last) => last),
      halt: reduced(HALT, (_before, last) => last),
    },
    endsOf(plan),
  )
  graph = graph.fault(...faultsOf(plan, options.onFailureOf ?? {}, options.output !== undefined))
  const names = plan.places.map((one) => one.participant.name)
  graph = graph.fanOut('open', names)
  for (const place of plan.places) graph = addPlace(graph, place)
  graph = graph.node('gather', gathering(plan)).fanIn(plan.places.map(lastNodeOf), 'gather')
  graph = addPerson(graph.node('close', closing(plan)), plan)
  const aggregator = aggregatorName(plan)
  const cases = [{ when: goes('aggregate'), to: aggregator }]
  if (asksPerson(plan)) cases.push({ when: goes('ask'), to: 'show-conflicts' })
  // The schemas of the definition are those of the options and of the result.
  return addAggregator(graph.switch('gather', cases, 'close'), plan)
    .edge(aggregator, 'close')
    .output('close')
    .build() as unknown as Workflow<z.output<I>, ConcurrentResult<z.output<O>>>
}

/** What there is of a result when something else ends the run. */
function endsOf({ places }: Plan): TerminationDef<PatternState> {
  const names = places.map((one) => one.participant.name)
  return {
    partial: ({ transcript }) => names.flatMap((name) => lastOf(transcript, name) ?? []),
    leftUndone: ({ state }) => names.filter((name) => lastOf(state.transcript, name) === null),
  }
}

function placeOf(given: Takes, options: Pick<ConcurrentOptions<never, never>, 'onFailure' | 'onFailureOf'>): Place {
  const participant = participantOf(given)
  const policy = options.onFailureOf?.[participant.name] ?? options.onFailure ?? 'fail'
  if (typeof policy === 'string') return { participant, onFailure: policy, standIn: null, value: null }
  if ('value' in policy) return { participant, onFailure: 'value', standIn: null, value: policy.value }
  const standIn = participantOf(policy.fallBack)
  // One stand-in may be declared for several: each place has a node of its own.
  const own = { ...standIn, name: `${standIn.name}-for-${participant.name}` }
  return { participant, onFailure: 'fall_back', standIn: own, value: null }
}

function resultSchema(output: z.ZodType): z.ZodType {
  const skipped = z.array(ABSENCE)
  const by = z.object({
    participant: z.string(),
    speaker: z.string().nullable(),
    by: z.enum(['answer', 'fall_back', 'value']),
  })
  const resolved = z.array(RESOLUTION)
  return z.discriminatedUnion('status', [
    z.object({ status: z.literal('completed'), output, contributions: z.array(by), skipped, resolved }),
    z.object({ status: z.literal('stopped'), ...HALT.shape, partial: LIST, skipped, leftUndone: z.array(z.string()) }),
  ])
}

function faultsOf(plan: Plan, policies: Readonly<Record<string, FailurePolicy>>, hasOutput: boolean): string[] {
  const { places, atLeast, conflict, aggregate } = plan
  const participants = places.map((one) => one.participant)
  const faults = participantFaults(participants, { least: 2, describe: false })
  for (const name of Object.keys(policies))
    if (!participants.some((one) => one.name === name))
      faults.push(`\`onFailureOf\` names \`${name}\`, which is not a participant`)
  if (!isCount(atLeast) || atLeast > places.length)
    faults.push(`\`atLeast\` must be a whole number from 1 to the number of participants, ${places.length}`)
  const resolve = conflict?.resolve
  if (resolve && typeof resolve !== 'function' && !isSeconds(resolve.person.deadlineSeconds))
    faults.push('`conflict.resolve.person.deadlineSeconds` must be a number of seconds above 0')
  if (aggregate !== null && !hasOutput) faults.push('`output` is needed with `aggregate`: the schema of what it makes')
  if (aggregate !== null && typeof aggregate !== 'function') {
    const member = participantOf(aggregate)
    const why = mismatch(answerShape(member).json, shapeOf(plan.output).json)
    if (why) faults.push(`the answer of aggregator \`${member.name}\` can never fit \`output\`: ${why}`)
  }
  return faults
}

/** A participant, and where it goes when it fails. */
function addPlace(graph: DraftBuilder, place: Place): DraftBuilder {
  const { participant, standIn } = place
  const { name } = participant
  const seated = seat(graph, { participant, once: true, tell: onlyInput })
  if (place.onFailure === 'fail') return seated
  const [lost, done] = [`lost-${name}`, lastNodeOf(place)]
  const withLost = seated
    .node(lost, {
      input: REJECTION,
      output: z.unknown(),
      tools: [],
      run: (message, ctx) => {
        // Parsed by the schema of the node.
        const { code, reason } = message as z.output<typeof REJECTION>
        ctx.write({ absences: { participant: name, code, reason } })
        if (place.onFailure === 'value')
          ctx.write({ transcript: entryAfter(transcriptOf(ctx.state), name, place.value) })
        return null
      },
    })
    .node(done, { input: z.unknown(), output: z.unknown(), tools: [], run: () => name })
    .edge(name, done)
    .onFailed(name, lost)
  if (!standIn) return withLost.edge(lost, done)
  return seat(withLost, { participant: standIn, once: true, tell: onlyInput })
    .edge(lost, standIn.name)
    .edge(standIn.name, done)
}

/** The node that sends exactly one message to the fan-in, whoever answered. */
function lastNodeOf({ participant, onFailure }: Place): string {
  return onFailure === 'fail' ? participant.name : `done-${participant.name}`
}

/** Work side by side is independent: nobody is told what another said. */
function onlyInput({ transcript }: TurnView): readonly Entry[] {
  return transcript.filter((entry) => entry.speaker === 'user')
}

function gathering(plan: Plan): Parameters<DraftBuilder['node']>[1] {
  return {
    input: z.array(z.unknown()),
    output: GATHERED,
    tools: [],
    run: (_message, ctx): { way: Way } => {
      const contributions = contributionsOf(plan.places, ctx.state)
      if (contributions.length < plan.atLeast) {
        const reason = `${contributions.length} of at least ${plan.atLeast} contributions came`
        ctx.write({ halt: { by: 'too_few', reason } })
        return { way: 'close' }
      }
      const conflicts = plan.conflict?.detect(contributions) ?? []
      ctx.write({ conflicts: [...conflicts] })
      if (conflicts.length === 0) return { way: 'aggregate' }
      const resolve = plan.conflict?.resolve
      if (typeof resolve !== 'function') return { way: 'ask' }
      return settle(ctx, conflicts, resolve(conflicts, contributions))
    },
  }
}

/** Keeps the resolutions; a conflict that none of them names stops the run. */
function settle(ctx: AnyNodeCtx, conflicts: readonly Conflict[], resolutions: readonly Resolution[]): { way: Way } {
  ctx.write({ resolutions: [...resolutions] })
  const open = openConflicts(conflicts, resolutions)
  if (open.length === 0) return { way: 'aggregate' }
  ctx.write({ halt: { by: 'unresolved', reason: `nothing settles: ${open.join(', ')}` } })
  return { way: 'close' }
}

function goes(wanted: Way): (message: JsonValue) => boolean {
  // Parsed by the output schema of the node that decides.
  return (message) => (message as z.output<typeof GATHERED>).way === wanted
}

function asksPerson(plan: Plan): boolean {
  return plan.conflict !== null && typeof plan.conflict.resolve !== 'function'
}

/** The person who settles conflicts, where one is declared. */
function addPerson(graph: DraftBuilder, plan: Plan): DraftBuilder {
  const resolve = plan.conflict?.resolve
  if (resolve === undefined || typeof resolve === 'function') return graph
  const { deadlineSeconds } = resolve.person
  const [request, response] = [CONFLICT_REQUEST, CONFLICT_ANSWER]
  return graph
    .node('show-conflicts', {
      input: z.unknown(),
      output: request,
      tools: [],
      run: (_message, ctx) => ({ conflicts: conflictsOf(ctx.state), answers: answersOf(plan, ctx.state) }),
    })
    .port('settle', port({ name: 'settle', request, response, deadlineSeconds }))
    .node('weigh', {
      input: response,
      output: GATHERED,
      tools: [],
      run: (message, ctx) => {
        // Parsed by the schema of the node.
        const answer = message as z.output<typeof CONFLICT_ANSWER>
        if (answer.decision === 'resolve') return settle(ctx, conflictsOf(ctx.state), answer.resolutions)
        ctx.write({ halt: { by: 'reviewer', reason: answer.reason } })
        return { way: 'close' }
      },
    })
    .node('unanswered', {
      input: REJECTION,
      output: z.unknown(),
      tools: [],
      run: (message, ctx) => {
        ctx.write({ halt: { by: 'deadline', reason: (message as z.output<typeof REJECTION>).reason } })
        return null
      },
    })
    .edge('show-conflicts', 'settle')
    .edge('settle', 'weigh')
    .switch('weigh', [{ when: goes('aggregate'), to: aggregatorName(plan) }], 'close')
    .onRejected('settle', 'unanswered')
    .edge('unanswered', 'close')
}

function aggregatorName({ aggregate }: Plan): string {
  return aggregate === null || typeof aggregate === 'function' ? 'aggregate' : participantOf(aggregate).name
}

function addAggregator(graph: DraftBuilder, plan: Plan): DraftBuilder {
  const { aggregate } = plan
  if (aggregate !== null && typeof aggregate !== 'function')
    return seat(graph, {
      participant: participantOf(aggregate),
      once: true,
      preface: (_turn, state) => notes(plan, state),
    })
  const make: Aggregate<unknown> =
    aggregate ?? ((list) => list.map(({ participant, answer }) => ({ participant, answer })))
  return graph.node('aggregate', {
    input: z.unknown(),
    output: plan.output,
    tools: [],
    run: (_message, ctx) => make(contributionsOf(plan.places, ctx.state), resolutionsOf(ctx.state)),
  })
}

/** What an aggregating participant must know beside the answers. */
function notes(plan: Plan, state: State): string {
  const skipped = skippedOf(plan.places, state).map(
    ({ participant, code }) => `${participant} gave no answer (${code}).`,
  )
  const resolved = resolutionsOf(state).map((one) => `Settled: ${textOf(one)}`)
  return [...skipped, ...resolved].join('\n')
}

function closing(plan: Plan): Parameters<DraftBuilder['node']>[1] {
  return {
    input: z.unknown(),
    output: resultSchema(plan.output),
    tools: [],
    run: (message, { state }) => {
      const skipped = skippedOf(plan.places, state)
      if (state.halt !== undefined)
        return {
          status: 'stopped',
          // Every write of the field was parsed by its schema.
          ...(state.halt as z.output<typeof HALT>),
          partial: answersOf(plan, state),
          skipped,
          leftUndone: [...skipped.map((one) => one.participant), aggregatorName(plan)],
        }
      const contributions = contributionsOf(plan.places, state).map(({ answer: _, ...who }) => who)
      return { status: 'completed', output: message, contributions, skipped, resolved: resolutionsOf(state) }
    },
  }
}

function answersOf(plan: Plan, state: State): { participant: string; answer: JsonValue }[] {
  return contributionsOf(plan.places, state).map(({ participant, answer }) => ({ participant, answer }))
}

// Every write of the two fields was parsed by its schema.
function conflictsOf(state: State): readonly Conflict[] {
  return (state.conflicts ?? []) as unknown as readonly Conflict[]
}

function resolutionsOf(state: State): readonly Resolution[] {
  return (state.resolutions ?? []) as unknown as readonly Resolution[]
}

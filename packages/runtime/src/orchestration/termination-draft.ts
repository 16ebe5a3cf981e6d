import { toJsonValue } from '../base/json.ts'
import type { BarrierView, TerminationSpec } from '../contracts/ending.ts'
import { shapeOf } from '../contracts/shape.ts'
import type { Shape } from '../contracts/workflow.ts'
import type { Draft, TerminationDraft } from './draft.ts'
import { DEFAULT_LOOP, ESCALATION, escalationsOf } from './termination.ts'

/** Checks a declared termination contract and makes it what the engine judges by. */

/** What an escalation sends. */
export const ESCALATED: Shape = shapeOf(ESCALATION)

/** The nodes that a contract may escalate to, each once. */
export function escalatesTo({ termination }: Pick<Draft, 'termination'>): readonly string[] {
  return [...new Set(escalationsOf(specOf(termination, false)).map(({ to }) => to))]
}

/** The contract of a draft. `hasLoop` says whether its graph has one: only then can a run repeat itself. */
export function terminationSpec({ termination }: Pick<Draft, 'termination'>, hasLoop: boolean): TerminationSpec {
  return specOf(termination, hasLoop)
}

function specOf(given: TerminationDraft, hasLoop: boolean): TerminationSpec {
  const { until, timeoutSeconds, quality, partial, leftUndone, stops } = given
  return {
    until: until ?? null,
    timeoutSeconds: timeoutSeconds ?? null,
    loop: loopOf(given.loop, hasLoop),
    quality: quality ? qualityOf(quality) : null,
    partial: partial ? (state) => toJsonValue(partial(state), 'the partial result') : null,
    leftUndone: leftUndone ?? null,
    ...(stops ? { stops } : {}),
  }
}

function qualityOf({
  name,
  failures,
  check,
  escalateTo,
}: NonNullable<TerminationDraft['quality']>): TerminationSpec['quality'] {
  return { name, failures, escalateTo: escalateTo ?? null, check }
}

function loopOf(given: TerminationDraft['loop'], hasLoop: boolean): TerminationSpec['loop'] {
  if (given === false) return null
  if (given === undefined) return hasLoop ? { ...DEFAULT_LOOP, of: null, escalateTo: null, declared: false } : null
  const { repeats, window = DEFAULT_LOOP.window, of, escalateTo = null } = given
  const counted = of ? (view: BarrierView) => toJsonValue(of(view), 'what `termination.loop.of` gives') : null
  return { repeats, window, of: counted, escalateTo, declared: true }
}

/** Errors in a termination contract: numbers, functions, the nodes that it escalates to. */
export function checkTermination(draft: Draft): string[] {
  const { termination } = draft
  const errors: string[] = []
  const whole = (value: unknown, what: string, least: number): void => {
    if (!(typeof value === 'number' && Number.isSafeInteger(value) && value >= least))
      errors.push(`\`termination.${what}\` must be a whole number, at least ${least}`)
  }
  const { maxTurns, timeoutSeconds, loop, quality } = termination
  if (maxTurns !== undefined) whole(maxTurns, 'maxTurns', 1)
  if (timeoutSeconds !== undefined && !(Number.isFinite(timeoutSeconds) && timeoutSeconds > 0))
    errors.push('`termination.timeoutSeconds` must be a number of seconds above 0')
  if (loop) {
    whole(loop.repeats, 'loop.repeats', 2)
    if (loop.window !== undefined) whole(loop.window, 'loop.window', 1)
  }
  if (quality) {
    whole(quality.failures, 'quality.failures', 1)
    // Callers without types may leave it out.
    if (typeof quality.name !== 'string' || quality.name.trim() === '')
      errors.push('`termination.quality.name` is empty; say what is checked')
  }
  return [...errors, ...functionFaults(termination), ...targetFaults(draft)]
}

function functionFaults({ until, loop, quality, partial, leftUndone }: TerminationDraft): string[] {
  const given = {
    until,
    'loop.of': loop ? loop.of : undefined,
    'quality.check': quality ? quality.check : undefined,
    partial,
    leftUndone,
  }
  return Object.entries(given)
    .filter(
      ([name, value]) => typeof value !== 'function' && (value !== undefined || (name === 'quality.check' && quality)),
    )
    .map(([name]) => `\`termination.${name}\` must be a function`)
}

function targetFaults(draft: Draft): string[] {
  const nodes = new Set(draft.nodes.map((node) => node.name))
  return escalatesTo(draft)
    .filter((to) => !nodes.has(to))
    .map((to) => `the termination contract escalates to \`${to}\`, which is not a node`)
}

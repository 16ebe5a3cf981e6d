import type { Budget } from '../types.ts'
import { DEFAULT_BUDGET, isCount } from './options.ts'

/** What a pattern that chooses its own steps demands: nobody can tell beforehand how many there will be (invariant 6). */

// The keys of a budget are those of the default one.
const LIMITS = Object.keys(DEFAULT_BUDGET) as (keyof Budget)[]

/**
 * The declared limits, and one sentence that names those that are missing. What is missing is filled in only so that
 * everything else of the graph can be checked too; a workflow with a fault is never built.
 */
export function demandedBudget(
  pattern: string,
  given: Partial<Budget> | undefined,
): { readonly budget: Budget; readonly faults: readonly string[] } {
  const declared: Partial<Budget> = given ?? {}
  const missing = LIMITS.filter((name) => declared[name] === undefined).map((name) => `\`budget.${name}\``)
  const budget = { ...DEFAULT_BUDGET, ...withoutUndefined(declared) }
  if (missing.length === 0) return { budget, faults: [] }
  return { budget, faults: [`${pattern} demands hard limits; declare ${missing.join(', ')}`] }
}

function withoutUndefined(budget: Partial<Budget>): Partial<Budget> {
  return Object.fromEntries(Object.entries(budget).filter(([, value]) => value !== undefined))
}

/** One sentence for each count that is not a whole number of at least `least`. */
export function countFaults(counts: Readonly<Record<string, unknown>>, least: number): string[] {
  return Object.entries(counts)
    .filter(([, value]) => !isCount(value, least))
    .map(
      ([name, value]) =>
        `\`${name}\` is ${JSON.stringify(value) ?? 'missing'}, but must be a whole number of at least ${least}`,
    )
}

import type { FinalState } from './final.ts'
import type { WorldOptions } from './world.ts'

/** What one seed does, before anything is simulated: its runs, what the operator does, its faults, its expected end. */
export interface SeedPlan {
  readonly world: WorldOptions
  /** Null where the end cannot be compared with that of the undisturbed world. */
  readonly expected: FinalState | null
}

/** Says whether a smaller plan still fails in the same way; null when it does not. */
export type StillFails = (plan: SeedPlan) => Promise<{ readonly plan: SeedPlan; readonly message: string } | null>

/**
 * Takes faults, acts of the operator and runs away, one at a time, for as long as the plan still fails in the same way.
 * What is left cannot be made smaller by taking away any single thing.
 */
export async function shrink(
  plan: SeedPlan,
  stillFails: StillFails,
): Promise<SeedPlan & { readonly message: string | null }> {
  let smallest: SeedPlan & { readonly message: string | null } = { ...plan, message: null }
  for (let changed = true; changed; ) {
    changed = false
    for (const smaller of smallerPlans(smallest)) {
      const failed = await stillFails(smaller)
      if (!failed) continue
      smallest = { ...failed.plan, message: failed.message }
      changed = true
      break
    }
  }
  return smallest
}

function* smallerPlans({ world, expected }: SeedPlan): Generator<SeedPlan> {
  for (const i of world.faults.keys()) yield { world: { ...world, faults: without(world.faults, i) }, expected }
  for (const i of world.acts.keys()) yield { world: { ...world, acts: without(world.acts, i) }, expected }
  // Operators name runs by their place: only the last one can go.
  if (world.runs.length > 1) yield { world: { ...world, runs: world.runs.slice(0, -1) }, expected }
}

function without<T>(items: readonly T[], i: number): readonly T[] {
  return items.filter((_, at) => at !== i)
}

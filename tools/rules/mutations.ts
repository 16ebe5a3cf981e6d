import { EFFECTS } from './broken/effects.ts'
import { FUNCTIONS } from './broken/functions.ts'
import { REPLAY } from './broken/replay.ts'
import { SCOPES } from './broken/scopes.ts'
import { STORAGE } from './broken/storage.ts'
import { TIME } from './broken/time.ts'
import type { Mutation } from './mutation.ts'

/** All wrong changes. Those of one test file stand together: it is loaded once. */
export const MUTATIONS: readonly Mutation[] = [...REPLAY, ...FUNCTIONS, ...SCOPES, ...EFFECTS, ...TIME, ...STORAGE]

/** One change for each rule, the first of the list: what `npm test` tries. The full test tries them all. */
export function sampleOf(mutations: readonly Mutation[]): readonly Mutation[] {
  const rules = new Set<string>()
  return mutations.filter(({ rule }) => !rules.has(rule) && rules.add(rule))
}

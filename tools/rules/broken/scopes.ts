import type { Mutation } from '../mutation.ts'

const ENGINE = 'runtime/src/engine'
const DOOR = 'runtime/src/engine/door'

/** Nested scopes: how they are entered, go on and end. */
export const SCOPES: readonly Mutation[] = [
  {
    rule: 'R20',
    breaks: 'an open scope is entered a second time instead of going on',
    file: `${DOOR}/perform.ts`,
    find: 'if (intent?.opens) return RESUMED_SCOPE',
    replace: 'if (intent === undefined) return RESUMED_SCOPE',
    noticed: 'SCP-002',
    test: `${ENGINE}/nested.test.ts`,
  },
  {
    rule: 'R5',
    breaks: 'effects of a scope that has ended are forgotten',
    file: `${DOOR}/family.ts`,
    find: 'for (const id of scope.effects) used.add(id)',
    replace: 'for (const id of scope.adopted) used.add(id)',
    noticed: 'SCP-047',
    test: `${ENGINE}/nested-ends.test.ts`,
  },
  {
    rule: 'R5',
    breaks: 'a new attempt of the node around a scope numbers the attempts in it anew',
    file: 'runtime/src/reliability/fold.ts',
    find: 'entry.floor = Math.max(entry.floor, entry.beneath)',
    replace: 'entry.floor = Math.min(entry.floor, entry.beneath)',
    noticed: 'SCP-041',
    test: `${ENGINE}/nested-ends.test.ts`,
  },
  {
    rule: 'R19',
    breaks: 'a scope is closed before what is open in it',
    file: `${ENGINE}/finish.ts`,
    find: 'depthOf(b.scope) - depthOf(a.scope)',
    replace: 'depthOf(a.scope) - depthOf(b.scope)',
    noticed: 'SCP-033',
    test: `${ENGINE}/nested-ports.test.ts`,
  },
  {
    rule: 'R6',
    breaks: 'agents with effects in them run at once in a batch',
    file: `${DOOR}/reserve.ts`,
    find: "return spec !== undefined && toolsWithin(spec).some((tool) => tool.effect !== 'none')",
    replace: "return spec === undefined || toolsWithin(spec).some((tool) => tool.effect === 'reversible')",
    noticed: 'SCP-013',
    test: `${ENGINE}/nested-agents.test.ts`,
  },
]

import type { Mutation } from '../mutation.ts'

const ENGINE = 'runtime/src/engine'
const DOOR = 'runtime/src/engine/door'

/** Durable functions: steps, requests and what their end takes back. */
export const FUNCTIONS: readonly Mutation[] = [
  {
    rule: 'R1',
    breaks: 'attempts of a step are counted anew after a crash',
    file: `${DOOR}/step.ts`,
    find: 'const attempt = failures.length + 1',
    replace: 'const attempt = 1',
    noticed: 'FLW-004',
    test: `${ENGINE}/flow.test.ts`,
  },
  {
    rule: 'R1',
    breaks: 'what a step failed with is told as its result',
    file: 'runtime/src/orchestration/asking.ts',
    find: "if (end.status === 'succeeded') return end.output as R",
    replace: "if (end.status !== 'cancelled') return end.output as R",
    noticed: 'FLW-003',
    test: `${ENGINE}/flow.test.ts`,
  },
  {
    rule: 'R6',
    breaks: 'an answer that was given too late counts',
    file: `${ENGINE}/answers.ts`,
    find: ' || given.createdAt >= timeOf(request.opened.request.deadline)',
    replace: ' || given.createdAt < 0 * timeOf(request.opened.request.deadline)',
    noticed: 'FLW-012',
    test: `${ENGINE}/flow-request.test.ts`,
  },
  {
    rule: 'R6',
    breaks: 'a second answer takes the place of the first',
    file: `${ENGINE}/answers.ts`,
    find: 'if (!request || request.answered || ',
    replace: 'if (!request || ',
    noticed: 'FLW-017',
    test: `${ENGINE}/flow-request.test.ts`,
  },
  {
    rule: 'R13',
    breaks: 'a restore takes back a request that was open at its point',
    file: 'runtime/src/reliability/fold-scopes.ts',
    find: 'return [...ofPorts, ...ofHandlers]',
    replace: 'return ofHandlers.length < 0 ? ofHandlers : ofPorts',
    noticed: 'FLW-013',
    test: `${ENGINE}/flow-request.test.ts`,
  },
]

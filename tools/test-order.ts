/**
 * The order in which test files start: the slow ones first, so that none of them runs alone at the end. A fresh clone
 * has no times of its own to sort by.
 */
import { relative } from 'node:path'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** The files that take longest, longest first. A file that is missing here only starts later. */
export const SLOW_FIRST: readonly string[] = [
  'examples/payables/test/payables.kill.test.ts',
  'packages/cli/test/runbooks.e2e.test.ts',
  'packages/console/test/pages.e2e.test.ts',
  'packages/cli/test/dev.e2e.test.ts',
  'tools/rules/rules.e2e.test.ts',
  'packages/cli/test/exercises.e2e.test.ts',
  'examples/quickstart/test/drill.kill.test.ts',
  'tools/packaging.e2e.test.ts',
  'examples/payables/test/planted.kill.test.ts',
  'examples/payables/test/desk.e2e.test.ts',
  'packages/cli/test/schedule.e2e.test.ts',
  'examples/flow/test/drill.kill.test.ts',
  'packages/console/test/behaviour.e2e.test.ts',
  'packages/cli/test/bad-input.e2e.test.ts',
  'packages/cli/test/drill.e2e.test.ts',
  'packages/console/test/record.e2e.test.ts',
  'packages/cli/test/commands.e2e.test.ts',
  'packages/console/test/real.e2e.test.ts',
  'packages/cli/test/upgrade.e2e.test.ts',
  'packages/cli/test/store.e2e.test.ts',
  'packages/console/test/inbox.e2e.test.ts',
  'packages/runtime/src/engine/door/holes.test.ts',
  'examples/magentic/test/drill.kill.test.ts',
  'packages/runtime/src/engine/flow-replay.test.ts',
  'packages/cli/test/policy-guide.e2e.test.ts',
  'packages/server/test/hung.kill.test.ts',
  'packages/runtime/test/family.kill.test.ts',
  'examples/sequential/test/drill.kill.test.ts',
  'examples/group-chat/test/drill.kill.test.ts',
  'examples/concurrent/test/drill.kill.test.ts',
  'packages/runtime/src/testing/sim/simulate.test.ts',
  'packages/console/test/policy.e2e.test.ts',
  'packages/server/test/kill-drill.kill.test.ts',
  'packages/cli/test/policy-life.e2e.test.ts',
  'bench/src/self-check.e2e.test.ts',
  'examples/handoff/test/drill.kill.test.ts',
  'packages/runtime/src/testing/sim/planted.test.ts',
  'packages/runtime/src/engine/matrix.test.ts',
  'tools/matrix/matrix.e2e.test.ts',
  'examples/payables/test/compensate.kill.test.ts',
  'packages/server/test/incident.kill.test.ts',
  'tools/gates/run.e2e.test.ts',
  'examples/payables/test/flushed.kill.test.ts',
  'packages/server/test/long-turn.kill.test.ts',
  'packages/runtime/test/deploy.kill.test.ts',
]

/** Files that need modules of their own, because they put others in the place of some. */
export const ALONE: readonly string[] = ['tools/golden-traces.test.ts']

/** Sorts by `SLOW_FIRST`; the other files keep the order that vitest gives them. */
export class SlowFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId, project }: TestSpecification): number => {
      const found = SLOW_FIRST.indexOf(relative(project.vitest.config.root, moduleId))
      return found < 0 ? SLOW_FIRST.length : found
    }
    return (await super.sort(files)).toSorted((a, b) => groupOf(a) - groupOf(b) || place(a) - place(b))
  }
}

const groupOf = ({ project }: TestSpecification): number => project.config.sequence.groupOrder

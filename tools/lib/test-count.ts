/** Counts test results for the one plain line at the end, and finds skips that nobody permitted. */
import type { SkipEntry } from './skip-list.ts'

/** One test as the reporter saw it. `name` is `path > suite > title`. */
export interface TestSeen {
  readonly name: string
  readonly state: 'passed' | 'failed' | 'skipped' | 'pending'
}

/** Totals of a run. */
export interface TestCount {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

/** A message from the reporter to the process that started it. */
export interface CountMessage extends TestCount {
  readonly kind: 'signalbox.test-count'
}

/**
 * Counts. A skip outside the list counts as failed, and so does a test that never ended; `unlisted` names the skips.
 * With `filtered` (someone asked for tests by name) the others are skipped on purpose and need no entry.
 */
export function countTests(
  tests: readonly TestSeen[],
  permitted: readonly SkipEntry[],
  filtered: boolean,
): TestCount & { readonly unlisted: readonly string[] } {
  const excused = new Set(permitted.map((entry) => entry.test))
  const skipped = tests.filter((test) => test.state === 'skipped')
  const unlisted = filtered ? [] : skipped.filter((test) => !excused.has(test.name)).map((test) => test.name)
  return {
    passed: tests.filter((test) => test.state === 'passed').length,
    failed: tests.filter((test) => test.state === 'failed' || test.state === 'pending').length + unlisted.length,
    skipped: skipped.length - unlisted.length,
    unlisted,
  }
}

/** The plain line that ends every test run. */
export function plainLine({ passed, failed, skipped }: TestCount): string {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`
}

/** `value` when it is the reporter's message. */
export function asCountMessage(value: unknown): CountMessage | undefined {
  if (typeof value !== 'object' || value === null || Reflect.get(value, 'kind') !== 'signalbox.test-count')
    return undefined
  const [passed, failed, skipped] = ['passed', 'failed', 'skipped'].map((key): unknown => Reflect.get(value, key))
  if (typeof passed !== 'number' || typeof failed !== 'number' || typeof skipped !== 'number') return undefined
  return { kind: 'signalbox.test-count', passed, failed, skipped }
}

/**
 * The vitest reporter behind `npm test`.
 *
 * Ends the output with one plain line, `N passed, N failed, N skipped`, and fails the run when a test was skipped that
 * tools/skip-list.json does not name. Started by tools/test.ts it sends the counts to it instead, so that the gates are
 * in the same line.
 */
import { readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { Reporter, SerializedError, TestCase, TestModule, Vitest } from 'vitest/node'
import { parseSkipList, SKIP_LIST } from './lib/skip-list.ts'
import { type CountMessage, countTests, plainLine, type TestSeen } from './lib/test-count.ts'

/** See the file's head. Construct without arguments; vitest calls the rest. */
export class PlainReporter implements Reporter {
  private root = process.cwd()
  private filtered = false

  onInit(vitest: Vitest): void {
    this.root = vitest.config.root
    this.filtered = vitest.config.testNamePattern !== undefined
  }

  onTestRunEnd(modules: ReadonlyArray<TestModule>, unhandled: ReadonlyArray<SerializedError>): void {
    const tests = [...modules.flatMap(testsOf), ...unhandled.map(unhandledOf)]
    const permitted = parseSkipList(readFileSync(join(this.root, SKIP_LIST), 'utf8'))
    const count = countTests(tests, permitted, this.filtered)
    if (count.failed > 0) process.exitCode = 1
    for (const name of count.unlisted) {
      writeSync(1, `skipped without permission: ${name} (make it run, or list it in ${SKIP_LIST})\n`)
    }
    const message: CountMessage = { kind: 'signalbox.test-count', ...count }
    if (process.send) process.send(message)
    // At exit, because the other reporters print their own summaries after this.
    else process.once('exit', () => writeSync(1, `${plainLine(count)}\n`))
  }
}

function testsOf(module: TestModule): TestSeen[] {
  const tests = [...module.children.allTests()].map((test) => seen(module, test))
  // A file that fails before its first test has no test that could say so.
  const broken = module
    .errors()
    .map((error): TestSeen => ({ name: `${module.relativeModuleId}: ${error.message}`, state: 'failed' }))
  return [...tests, ...broken]
}

function seen(module: TestModule, test: TestCase): TestSeen {
  return { name: `${module.relativeModuleId} > ${test.fullName}`, state: test.result().state }
}

function unhandledOf(error: SerializedError): TestSeen {
  return { name: `unhandled error: ${error.message}`, state: 'failed' }
}

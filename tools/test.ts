/**
 * `npm test [vitest filters…]`: all gates, then all tests, then one plain line in which each gate counts as one test.
 *
 * The tests run even when a gate fails, so that one run tells everything. Exits 1 when anything failed.
 */
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { runGates } from './lib/gate-runner.ts'
import { asCountMessage, plainLine, type TestCount } from './lib/test-count.ts'

const root = fileURLToPath(new URL('..', import.meta.url))

/** Runs vitest and returns its counts; a run that ends without any counts as one failure. */
function runTests(args: readonly string[]): Promise<TestCount> {
  return new Promise((resolve) => {
    const program = fileURLToPath(new URL('../node_modules/vitest/vitest.mjs', import.meta.url))
    const child = spawn(process.execPath, [program, 'run', ...args], {
      cwd: root,
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    let count: TestCount | undefined
    child.on('message', (message) => {
      count = asCountMessage(message) ?? count
    })
    child.on('error', (error) => console.error(error.message))
    child.on('close', (code) => {
      const counted = count ?? { passed: 0, failed: 0, skipped: 0 }
      const silentFailure = code !== 0 && counted.failed === 0 ? 1 : 0
      const nothingRan = count === undefined && code === 0 ? 1 : 0
      resolve({ ...counted, failed: counted.failed + silentFailure + nothingRan })
    })
  })
}

const gates = await runGates(root, [], console.log)
const tests = await runTests(process.argv.slice(2))
const total = { passed: gates.passed + tests.passed, failed: gates.failed + tests.failed, skipped: tests.skipped }
console.log(plainLine(total))
process.exitCode = total.failed > 0 ? 1 : 0

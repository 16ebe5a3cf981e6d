/**
 * `npm test [vitest filters…]`: all gates, then all tests, then one plain line in which each gate counts as one test.
 *
 * The tests run even when a gate fails, so that one run tells everything. Exits 1 when anything failed.
 */
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { reportAges } from './gates/reports.ts'
import { useQuickStart } from './lib/quick-start.ts'
import { runGates } from './lib/gate-runner.ts'
import { loadTree } from './lib/source.ts'
import { asCountMessage, plainLine, type TestCount } from './lib/test-count.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
useQuickStart(root)

// A test that leaves a process behind can hold vitest open for ever; a hung run must end and say so.
const RUN_LIMIT_MS = 40 * 60_000
const EXIT_LIMIT_MS = 30_000

/** Runs vitest and returns its counts; a run that ends without any, or does not end, counts as a failure. */
function runTests(args: readonly string[]): Promise<TestCount> {
  return new Promise((resolve) => {
    const program = fileURLToPath(new URL('../node_modules/vitest/vitest.mjs', import.meta.url))
    const child = spawn(process.execPath, [program, 'run', ...args], {
      cwd: root,
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    let count: TestCount | undefined
    const end = (why: string) => {
      console.error(why)
      child.kill('SIGKILL')
    }
    let limit = setTimeout(() => end(`the tests did not end within ${RUN_LIMIT_MS / 60_000} minutes`), RUN_LIMIT_MS)
    child.on('message', (message) => {
      count = asCountMessage(message) ?? count
      clearTimeout(limit)
      limit = setTimeout(() => end('a test left a process or connection open: end it in `afterEach`'), EXIT_LIMIT_MS)
    })
    child.on('error', (error) => console.error(error.message))
    child.on('close', (code) => {
      clearTimeout(limit)
      const counted = count ?? { passed: 0, failed: 0, skipped: 0 }
      const silentFailure = code !== 0 && counted.failed === 0 ? 1 : 0
      const nothingRan = count === undefined && code === 0 ? 1 : 0
      resolve({ ...counted, failed: counted.failed + silentFailure + nothingRan })
    })
  })
}

const gates = await runGates(root, [], console.log)
for (const line of reportAges(loadTree(root), Date.now())) console.log(line)
const tests = await runTests(process.argv.slice(2))
const total = { passed: gates.passed + tests.passed, failed: gates.failed + tests.failed, skipped: tests.skipped }
console.log(plainLine(total))
process.exitCode = total.failed > 0 ? 1 : 0

/**
 * `node tools/simulate.ts --seeds 0..499 [--scenario NAME] [--json FILE] [--most-failures N]`: the default scenarios of
 * the simulator under the faults of these seeds. Prints each failing seed with the least that still fails, writes the
 * report as JSON when asked, and exits 1 when any seed failed, 2 when it was called wrongly.
 */
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { failureText, SIM_SCENARIOS, simulate } from '../packages/runtime/src/testing/index.ts'

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '0..499' },
    scenario: { type: 'string' },
    json: { type: 'string' },
    'most-failures': { type: 'string', default: '5' },
  },
})

const range = /^(\d+)\.\.(\d+)$/.exec(values.seeds)
const scenarios = SIM_SCENARIOS.filter((one) => values.scenario === undefined || one.name === values.scenario)
const [from, to] = [Number(range?.[1]), Number(range?.[2])]

if (!range || from > to || scenarios.length === 0) {
  const names = SIM_SCENARIOS.map((one) => one.name).join(', ')
  console.error(`use --seeds A..B with A at most B, and --scenario with one of: ${names}`)
  process.exitCode = 2
} else {
  const report = await simulate({ scenarios, seeds: { from, to }, mostFailures: Number(values['most-failures']) })
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(report, null, 2)}\n`)
  for (const failure of report.failures) console.log(failureText(failure))
  const done = Object.values(report.scenarios).reduce((sum, count) => sum + count, 0)
  const faults = Object.values(report.faults).reduce((sum, count) => sum + count, 0)
  const each = (report.duration_ms / Math.max(1, done)).toFixed(1)
  console.log(`${done} seeds, ${faults} faults, ${report.failures.length} failures, ${each} ms a seed`)
  process.exitCode = report.failures.length > 0 ? 1 : 0
}

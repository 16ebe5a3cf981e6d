/**
 * `npm run bench`: measures and prints; `--save <file>` writes the JSON too, `--quick` measures less, `--self-check`
 * plants faults instead. Exit code 1 when a check fails; missed aims are told and do not fail.
 */
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { keepAlive } from 'signalbox'
import { honestStore } from './box.ts'
import type { Check } from './checks.ts'
import { canTrace } from './flushes.ts'
import { measure, type Plan } from './measure.ts'
import { loadNow, reportOf, table } from './report.ts'
import { selfCheck } from './self-check.ts'

const FULL: Plan = { rounds: 15, steps: 500, runs: 64, stepsEach: 40, turnPairs: 15 }
const QUICK: Plan = { rounds: 3, steps: 200, runs: 64, stepsEach: 15, turnPairs: 3 }

const { values } = parseArgs({
  options: {
    'self-check': { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    save: { type: 'string' },
  },
})

async function bench(): Promise<readonly Check[]> {
  const before = loadNow()
  const report = reportOf(await measure(honestStore, values.quick ? QUICK : FULL), before)
  console.log(table(report))
  if (values.save) writeFileSync(values.save, `${JSON.stringify(report, null, 2)}\n`)
  return report.checks
}

async function check(): Promise<readonly Check[]> {
  const checks = await selfCheck()
  for (const { ok, name, found } of checks) console.log(`${ok ? 'ok    ' : 'FAILED'} ${name} (${found})`)
  if (!canTrace()) console.log('skipped: flushes are counted with strace, which cannot be run here')
  return checks
}

const release = keepAlive()
const checks = await (values['self-check'] ? check() : bench())
process.exitCode = checks.every(({ ok }) => ok) ? 0 : 1
release()

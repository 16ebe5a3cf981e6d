/**
 * `npm run bench`: measures and prints; `--save <file>` writes the JSON too, `--quick` measures less, `--turns`
 * only agent turns and streaming, `--policy` only decisions of the policy, `--endpoints` only the API over 100,000
 * runs, `--telemetry` only what telemetry costs, `--self-check` plants faults instead. `npm run bench:peers` installs other products first. Exit code 1 when a check fails; missed
 * aims are told and do not fail.
 */
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { keepAlive } from 'signalbox'
import { honestStore } from './box.ts'
import type { Check } from './checks.ts'
import { type DecisionPlan, decisionAims, decisionTable, measureDecisions } from './decision.ts'
import { endpoints, endpointTable, wholeTable } from './endpoints.ts'
import { canTrace } from './flushes.ts'
import { measure, type Plan } from './measure.ts'
import {
  measureOverhead,
  type Overhead,
  type OverheadPlan,
  overheadAims,
  overheadChecks,
  overheadTable,
} from './overhead.ts'
import { installedPeers } from './peers.ts'
import { loadNow, machineOf, reportOf } from './report.ts'
import { selfCheck } from './self-check.ts'
import { table } from './table.ts'

const FULL: Plan = {
  rounds: 9,
  work: {
    steps: [
      { runs: 1, each: 300 },
      { runs: 64, each: 40 },
      { runs: 512, each: 8 },
    ],
    turns: [
      { runs: 1, each: 100 },
      { runs: 64, each: 8 },
      { runs: 512, each: 2 },
    ],
    agent: [{ runs: 1, each: 20 }],
    chunks: [{ runs: 1, each: 2_000 }],
  },
  turnMarks: [10, 500, 1_000, 2_500, 5_000],
  turnPairs: 9,
  peerMarks: [10, 30, 100, 120, 480, 501],
  restore: { checkpoints: [10, 10_000], runs: [10, 100_000], warm: 8, cold: 7 },
  flushes: true,
}
const QUICK: Plan = {
  rounds: 3,
  work: {
    steps: [
      { runs: 1, each: 100 },
      { runs: 64, each: 15 },
      { runs: 512, each: 4 },
    ],
    turns: [
      { runs: 1, each: 30 },
      { runs: 64, each: 3 },
    ],
    agent: [{ runs: 1, each: 20 }],
    chunks: [{ runs: 1, each: 2_000 }],
  },
  turnMarks: [10, 500],
  turnPairs: 3,
  peerMarks: [10, 20, 90, 101],
  restore: { checkpoints: [10, 1_000], runs: [10, 1_000], warm: 4, cold: 3 },
  flushes: true,
}
/** Only what the runtime adds to a model. */
const TURNS: Plan = {
  ...QUICK,
  rounds: 9,
  work: { steps: [], turns: [], agent: [{ runs: 1, each: 20 }], chunks: [{ runs: 1, each: 2_000 }] },
  turnMarks: [],
  restore: null,
  flushes: false,
}

const DECISIONS: DecisionPlan = { sizes: [50, 500], each: 1_000 }
const QUICK_DECISIONS: DecisionPlan = { sizes: [50, 500], each: 200 }

const OVERHEAD: readonly OverheadPlan[] = [
  { starts: 2, pairs: 10, warm: 6, runs: 16, each: 25 },
  { starts: 2, pairs: 10, warm: 4, runs: 1, each: 200 },
]
const QUICK_OVERHEAD: readonly OverheadPlan[] = [{ starts: 1, pairs: 8, warm: 8, runs: 16, each: 25 }]

const { values } = parseArgs({
  options: {
    'self-check': { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    turns: { type: 'boolean', default: false },
    policy: { type: 'boolean', default: false },
    endpoints: { type: 'boolean', default: false },
    telemetry: { type: 'boolean', default: false },
    save: { type: 'string' },
  },
})

async function bench(): Promise<readonly Check[]> {
  const before = loadNow()
  const plan = values.turns ? TURNS : values.quick ? QUICK : FULL
  const measured = await measure(honestStore, plan, installedPeers(), (text) => process.stderr.write(`${text}\n`))
  const report = reportOf(measured, before)
  console.log(table(report))
  if (values.save) writeFileSync(values.save, `${JSON.stringify(report, null, 2)}\n`)
  return values.turns ? report.checks : [...report.checks, ...(await telemetry(undefined))]
}

/** Decisions of the policy by themselves: no run, no store. */
function decisions(): readonly Check[] {
  const before = loadNow()
  const { times, checks } = measureDecisions(values.quick ? QUICK_DECISIONS : DECISIONS)
  console.log(decisionTable(times))
  for (const { ok, name, found } of decisionAims(times)) console.log(`${ok ? 'met    ' : 'missed '} ${name} (${found})`)
  for (const { ok, name, found } of checks) console.log(`${ok ? 'ok     ' : 'FAILED '} ${name} (${found})`)
  if (values.save) {
    const report = { machine: before, times, aims: decisionAims(times), checks }
    writeFileSync(values.save, `${JSON.stringify(report, null, 2)}\n`)
  }
  return checks
}

/** The API over a store with many runs; `--quick` over a smaller one. */
async function api(): Promise<readonly Check[]> {
  const before = loadNow()
  const plan = values.quick ? { runs: 2_000, rounds: 10 } : { runs: 100_000, rounds: 20 }
  const { times, whole, checks } = await endpoints(plan, (line) => process.stderr.write(`${line}\n`))
  console.log(`${endpointTable(times)}\n\n${wholeTable(whole)}`)
  for (const { ok, name, found } of checks) if (!ok) console.log(`FAILED ${name} (${found})`)
  if (values.save)
    writeFileSync(values.save, `${JSON.stringify({ machine: before, ...plan, times, whole }, null, 2)}\n`)
  return checks
}

/** What telemetry costs; written to a file where one is named. */
async function telemetry(save: string | undefined): Promise<readonly Check[]> {
  const load = loadNow()
  const all: Overhead[] = []
  for (const plan of values.quick ? QUICK_OVERHEAD : OVERHEAD)
    all.push(await measureOverhead(plan, (line) => process.stderr.write(`telemetry, ${line}\n`)))
  const checks = all.flatMap(overheadChecks)
  const aims = all.flatMap(overheadAims)
  console.log(`\n${overheadTable(all)}`)
  for (const { ok, name, found } of aims) console.log(`${ok ? 'ok    ' : 'MISSED'} ${name}: ${found}`)
  for (const { ok, name, found } of checks) console.log(`${ok ? 'ok    ' : 'FAILED'} ${name}: ${found}`)
  if (save) writeFileSync(save, `${JSON.stringify({ machine: machineOf(load), all, aims, checks }, null, 2)}\n`)
  return checks
}

async function check(): Promise<readonly Check[]> {
  const checks = await selfCheck()
  for (const { ok, name, found } of checks) console.log(`${ok ? 'ok    ' : 'FAILED'} ${name} (${found})`)
  if (!canTrace()) console.log('skipped: flushes are counted with strace, which cannot be run here')
  return checks
}

const release = keepAlive()
const checks = await (values['self-check']
  ? check()
  : values.telemetry
    ? telemetry(values.save)
    : values.endpoints
      ? api()
      : values.policy
        ? decisions()
        : bench())
process.exitCode = checks.every(({ ok }) => ok) ? 0 : 1
release()

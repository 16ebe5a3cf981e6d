/** Plants each fault and sees whether the checks find it. */
import { honestStore, type OpenStore } from './box.ts'
import { type Check, checksOf, flushCheck } from './checks.ts'
import { canTrace, countFlushes, OURS_TRACED } from './flushes.ts'
import { measure, type Plan } from './measure.ts'
import { measureOverhead, type OverheadPlan, overheadAims, overheadChecks, overheadOf } from './overhead.ts'
import { installedPeers, type PeerSpec } from './peers.ts'
import { acknowledgesOnly, historySized, readsHistory } from './plants.ts'

/** Small enough for a few seconds: the checks are about counts, not about time. */
const RATES: Plan = {
  rounds: 1,
  work: {
    steps: [
      { runs: 1, each: 20 },
      { runs: 8, each: 5 },
    ],
    turns: [{ runs: 2, each: 3 }],
    agent: [{ runs: 1, each: 3 }],
    chunks: [{ runs: 1, each: 50 }],
  },
  turnMarks: [],
  turnPairs: 1,
  peerMarks: [],
  restore: null,
  flushes: false,
}
const NO_RATES = { rounds: 0, work: { steps: [{ runs: 1, each: 2 }], turns: [] } } as const
// Of one block the checkpoint of the log tells as much as the turns do: the middle one of five is compared.
const TURNS: Plan = { ...RATES, ...NO_RATES, turnMarks: [10, 150], turnPairs: 5 }
const RESTORES: Plan = { ...RATES, ...NO_RATES, restore: { checkpoints: [10, 100], runs: [10, 20], warm: 1, cold: 0 } }

/** Every measurement once, small. */
export const ALL_SMALL: Plan = {
  ...RATES,
  turnMarks: TURNS.turnMarks,
  turnPairs: TURNS.turnPairs,
  restore: RESTORES.restore,
}

/** Each planted fault, what has to be measured to see it, and how the check begins that must fail. */
export const PLANTED: readonly {
  readonly fault: string
  readonly open: OpenStore
  readonly plan: Plan
  readonly check: string
}[] = [
  { fault: 'a commit is acknowledged and not stored', open: acknowledgesOnly, plan: RATES, check: 'every superstep' },
  { fault: 'a checkpoint holds its history', open: historySized, plan: TURNS, check: 'bytes a turn' },
  { fault: 'a restore reads the whole history', open: readsHistory, plan: RESTORES, check: 'a restore reads' },
]

/** Measures a little on this store; gives the checks that failed, each with what it found. */
export async function failedChecks(open: OpenStore, plan: Plan): Promise<readonly string[]> {
  const checks = checksOf(await measure(open, plan, []))
  return checks.filter(({ ok }) => !ok).map(({ name, found: what }) => `${name}: ${what}`)
}

/** Runs the checks on the honest store and on each planted fault; a line is not ok when a fault was not found. */
export async function selfCheck(): Promise<readonly Check[]> {
  const honest = await failedChecks(honestStore, ALL_SMALL)
  const lines: Check[] = [found('honest store: no check fails', honest.length === 0, honest)]
  for (const { fault, open, plan, check } of PLANTED) {
    const failed = await failedChecks(open, plan)
    const ok = failed.some((name) => name.startsWith(check))
    lines.push(found(`planted: ${fault}`, ok, failed))
  }
  lines.push(...(await overheadLines()))
  if (canTrace())
    for (const spec of [OURS_TRACED, ...installedPeers().filter(({ keepsSteps }) => keepsSteps)])
      lines.push(...(await flushChecks(spec)))
  return lines
}

/** A few blocks: a fault of this size shows in each. */
const OVERHEAD: OverheadPlan = { starts: 1, pairs: 3, warm: 2, runs: 8, each: 15 }

/** Telemetry arrives whole; what does not arrive is found by the count, and an exporter that is slow by the CPU time. */
async function overheadLines(): Promise<readonly Check[]> {
  const named = (checks: readonly Check[]): string[] => checks.filter(({ ok }) => !ok).map(({ name }) => name)
  const honest = await measureOverhead(OVERHEAD)
  const lost = await measureOverhead({ ...OVERHEAD, pairs: 1, warm: 0 }, undefined, 'loses_outcomes')
  const slow = await measureOverhead(OVERHEAD, undefined, 'projects_ten_times')
  const [usual, more] = [overheadOf(honest).median, overheadOf(slow).median]
  const line = found(
    'honest exporter: all telemetry arrives',
    honest.faults.length === 0,
    named(overheadChecks(honest)),
  )
  const missed = [...named(overheadChecks(lost))]
  return [
    line,
    found('planted: the exporter loses outcomes', missed.length > 0, missed),
    {
      name: 'planted: the exporter projects each record ten times',
      ok: more > usual && named(overheadAims(slow)).length > 0,
      found: `${(more * 100).toFixed(0)} % of the CPU time of a turn, ${(usual * 100).toFixed(0)} % without`,
    },
  ]
}

function found(name: string, ok: boolean, names: readonly string[]): Check {
  return { name, ok, found: names.length === 0 ? 'no check failed' : `failed: ${names.join('; ')}` }
}

/** Flushes counted from outside, with and without the planted fault. Needs `strace`. */
export async function flushChecks(spec: PeerSpec): Promise<readonly Check[]> {
  const honest = flushCheck(await countFlushes(spec))
  const planted = flushCheck(await countFlushes(spec, 'off'))
  return [honest, { name: `planted: ${spec.name} does not flush`, ok: !planted.ok, found: planted.found }]
}

/**
 * `npm run test:full [-- --seeds 0..19999 --kills 320 --graphs 1000 --minutes 75]`: the long test, over all examples.
 * Simulation seeds, then random graphs, and kills of real workers run side by side, in slices that a file remembers: a second call goes on where the first one
 * ended, as long as the source is the same. Then the checks of `full/checks.ts`, one after another. Writes
 * `reports/restore-drill.json`, `reports/simulation.json` and `reports/checks.json`, signed.
 * Exits 1 when anything was found, 3 when the time was over before everything was done.
 */
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { fileURLToPath } from 'node:url'
import {
  buildIdentity,
  chosenDrills,
  type DrillOfProject,
  loadProject,
  type Project,
  projectIdentity,
  type RestoreDrillResult,
  restoreDrill,
  restoreReport,
  STAGE_NAMES,
  signedReport,
  writeReport,
} from '../packages/server/src/index.ts'
import {
  isoTime,
  loadAuditKey,
  signingKey,
  systemHost,
  verifierKeyOf,
  verifierKeyText,
} from '../packages/runtime/src/index.ts'
import { CHECKS, checkResult, checksReport } from './full/checks.ts'
import { useQuickStart } from './lib/quick-start.ts'
import { mergedDrill, missingKills, simulationReport } from './full/reports.ts'
import {
  type DrilledExample,
  exampleConfigs,
  type Extent,
  type GraphResult,
  type GraphSlice,
  graphSlices,
  type KillSlice,
  killSlices,
  readWork,
  type SeedResult,
  type SeedSlice,
  seedSlices,
  type WorkDone,
  writeWork,
} from './full/work.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
useQuickStart(root)
const WORK = join(root, 'test-results', 'full.json')

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '0..19999' },
    kills: { type: 'string', default: '320' },
    graphs: { type: 'string', default: '1000' },
    minutes: { type: 'string', default: '75' },
  },
})
const [, from = '0', to = '19999'] = /^(\d+)\.\.(\d+)$/.exec(values.seeds) ?? []
const extent: Extent = {
  seeds: { from: Number(from), to: Number(to) },
  kills: Number(values.kills),
  graphs: Number(values.graphs),
}
const until = Date.now() + Number(values.minutes) * 60_000

const projects = new Map<string, Project>()
for (const config of exampleConfigs(root)) projects.set(config, await loadProject(join(root, config)))
const examples = [...projects].flatMap(([config, project]) =>
  chosenDrills(project, null).map(({ workflow }): DrilledExample => ({ config, workflow })),
)
const [main] = projects.values()
if (!main) throw new Error('there are no examples')
const build = buildIdentity(main, join(root, 'signalbox.config.ts'))
let work: WorkDone = readWork(WORK, build.treeHash)

function remember(change: Partial<WorkDone>): void {
  work = { ...work, ...change }
  writeWork(WORK, work)
}

/** Runs a check in a process of its own that writes its report to the file after `--json`. */
async function reported<T>(args: readonly string[]): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'signalbox-full-'))
  const file = join(folder, 'report.json')
  const child = spawn(process.execPath, ['--conditions=signalbox-source', ...args, '--json', file], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  await new Promise((resolve) => child.once('close', resolve))
  try {
    // The check's own report.
    return JSON.parse(readFileSync(file, 'utf8')) as T
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** The checks that are one command each, one after another. */
async function allChecks(): Promise<void> {
  for (const { name, args } of CHECKS) {
    if (work.checks[name] || Date.now() > until) continue
    const [begun, out] = [performance.now(), { text: '' }]
    const child = spawn(process.execPath, ['--conditions=signalbox-source', ...args], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    child.stdout.on('data', (chunk: Buffer) => (out.text += chunk.toString('utf8')))
    const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
    const result = checkResult(code, out.text, performance.now() - begun)
    if (!result.passed) console.log(out.text)
    remember({ checks: { ...work.checks, [name]: result } })
    told(`${name}: ${result.told}`)
  }
}

function drilled({ config, workflow, kills, seed }: KillSlice): Promise<RestoreDrillResult> {
  return restoreDrill({ configPath: join(root, config), workflow, kills, seed })
}

const told = (what: string): void => console.log(`${new Date().toISOString().slice(11, 19)}  ${what}`)

async function allSeeds(slices: readonly SeedSlice[]): Promise<void> {
  for (const [i, slice] of slices.entries()) {
    if (work.seeds[slice.id] || Date.now() > until) continue
    const result = await reported<SeedResult>(['tools/simulate.ts', '--seeds', `${slice.from}..${slice.to}`])
    remember({ seeds: { ...work.seeds, [slice.id]: result } })
    told(`seeds ${slice.id}: ${result.failures.length} failures (${i + 1} of ${slices.length})`)
  }
}

async function allGraphs(slices: readonly GraphSlice[]): Promise<void> {
  const many = 'packages/runtime/test/graphs/many.ts'
  for (const [i, slice] of slices.entries()) {
    if (work.graphs[slice.id] || Date.now() > until) continue
    const { graphs, seed } = slice
    const result = await reported<GraphResult>([many, '--graphs', `${graphs}`, '--seed', `${seed}`])
    remember({ graphs: { ...work.graphs, [slice.id]: result } })
    told(
      `graphs, seed ${seed}: ${result.failure == null ? 'all the same' : 'a difference'} (${i + 1} of ${slices.length})`,
    )
  }
}

/** Several drills at a time: each mostly waits for leases to run out. */
const DRILLS_AT_ONCE = 4

async function allKills(slices: readonly KillSlice[]): Promise<void> {
  const left = slices.filter((slice) => !work.kills[slice.id])
  const take = async (): Promise<void> => {
    for (let slice = left.shift(); slice && Date.now() < until; slice = left.shift()) {
      const result = await drilled(slice)
      remember({ kills: { ...work.kills, [slice.id]: result } })
      const found = `${result.kills.length} killed, ${result.findings.length} findings`
      told(
        `kills ${slice.workflow}, seed ${slice.seed}: ${found} (${Object.keys(work.kills).length} of ${slices.length})`,
      )
      for (const { kind, detail } of result.findings) told(`  ${kind}  ${detail}`)
    }
  }
  await Promise.all(Array.from({ length: DRILLS_AT_ONCE }, take))
}

/** Writes the reports, and gives everything that is wrong. */
function write(seeds: readonly SeedSlice[], graphs: readonly GraphSlice[], kills: readonly KillSlice[]): string[] {
  const drills = examples.flatMap(({ config, workflow }): DrillOfProject[] => {
    const results = kills.flatMap((slice) =>
      slice.config === config && slice.workflow === workflow ? (work.kills[slice.id] ?? []) : [],
    )
    const [result, project] = [mergedDrill(results), projects.get(config)]
    return result && project ? [{ identity: projectIdentity(project), result }] : []
  })
  const simulation = simulationReport(
    seeds.flatMap((slice) => work.seeds[slice.id] ?? []),
    graphs.flatMap((slice) => work.graphs[slice.id] ?? []),
    build,
    isoTime(systemHost.now()),
  )
  const restore = restoreReport(build, drills, { seed: 1, atMs: systemHost.now() })
  const key = signingKey(
    loadAuditKey({ dir: join(root, '.signalbox'), env: process.env, mode: 'development', host: systemHost }),
  )
  mkdirSync(join(root, 'reports'), { recursive: true })
  writeFileSync(join(root, 'reports', 'audit.pub'), `${verifierKeyText(verifierKeyOf(key.publicKey))}\n`)
  writeReport(join(root, 'reports', 'restore-drill.json'), signedReport(restore, key))
  writeReport(join(root, 'reports', 'simulation.json'), signedReport(simulation, key))
  const checks = checksReport(work.checks, build, isoTime(systemHost.now()))
  writeReport(join(root, 'reports', 'checks.json'), signedReport(checks, key))
  const { p50, p95 } = restore.mttr_ms
  told(
    `${restore.kills} kills: ${restore.lost} lost, ${restore.doubled} doubled, ${restore.budgets_refilled} budgets refilled; recovered in ${p50} ms (half of them), ${p95} ms (95 of 100)`,
  )
  told(`${simulation.seeds.count} seeds, ${simulation.graphs.count} graphs: ${simulation.failures.length} failures`)
  return [
    ...missingKills(drills, extent.kills, STAGE_NAMES),
    ...(restore.result === 'failed' ? ['a restore drill failed: see reports/restore-drill.json'] : []),
    ...(simulation.result === 'failed' ? ['the simulation failed: see reports/simulation.json'] : []),
    ...(checks.result === 'failed' ? ['a check failed: see reports/checks.json'] : []),
  ]
}

const [seeds, graphs, kills] = [seedSlices(extent), graphSlices(extent), killSlices(extent, examples)]
const before = [work.seeds, work.graphs, work.kills, work.checks].reduce(
  (sum, done) => sum + Object.keys(done).length,
  0,
)
if (before > 0) told(`going on: ${before} slices of this source are done already`)
await Promise.all([allSeeds(seeds).then(() => allGraphs(graphs)), allKills(kills)])
await allChecks()
const left =
  seeds.filter(({ id }) => !work.seeds[id]).length +
  graphs.filter(({ id }) => !work.graphs[id]).length +
  kills.filter(({ id }) => !work.kills[id]).length +
  CHECKS.filter(({ name }) => !work.checks[name]).length
if (left > 0) {
  told(`the time is over, ${left} slices are left: call again to go on`)
  process.exitCode = 3
} else {
  const wrong = write(seeds, graphs, kills)
  for (const each of wrong) told(each)
  process.exitCode = wrong.length > 0 ? 1 : 0
}

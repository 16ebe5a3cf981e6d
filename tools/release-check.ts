/**
 * `npm run release:check [-- --max-age-days 7]`: what must hold before anything is published. The drill's gate of every
 * example, with the key of `reports/audit.pub`, what moved since each example's last release, and the reports of
 * the simulation and of the checks, of this very source. Exits 1 when closed.
 */
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { fileURLToPath } from 'node:url'
import { readVerifierKey, systemHost } from '../packages/runtime/src/index.ts'
import {
  buildIdentity,
  chosenDrills,
  loadProject,
  readReport,
  releaseCheck,
  restoreGate,
} from '../packages/server/src/index.ts'
import { checksGate } from './full/checks.ts'
import { simulationGate } from './full/simulation-gate.ts'
import { exampleConfigs } from './full/work.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const { values } = parseArgs({ options: { 'max-age-days': { type: 'string', default: '7' } } })
const maxAgeDays = Number(values['max-age-days'])
const nowMs = Date.now()
const trusted = readVerifierKey(readFileSync(join(root, 'reports', 'audit.pub'), 'utf8'))

const failures: string[] = []
const configs = exampleConfigs(root)
for (const config of configs) {
  const project = await loadProject(join(root, config))
  const path = join(root, 'reports', 'restore-drill.json')
  const build = buildIdentity(project, join(root, dirname(config), 'signalbox.config.ts'))
  const drilled = chosenDrills(project, null).map((drill) => drill.workflow)
  const { failures: found } = restoreGate({
    text: readReport(path),
    path: 'reports/restore-drill.json',
    build,
    drilled,
    trusted,
    nowMs,
    maxAgeDays,
  })
  failures.push(...found.map((each) => `${project.name}: ${each}`))
  // What moved since the last release of the example; its reports are those above.
  const place = { configPath: join(root, config), dataDir: root, env: {}, host: systemHost }
  const moved = await releaseCheck({ ...place, maxAgeDays, publicKey: null, reports: false })
  failures.push(...moved.failures.map((each) => `${project.name}: ${each}`))
  if (config === configs[0]) {
    const text = readReport(join(root, 'reports', 'simulation.json'))
    failures.push(...simulationGate({ text, build, trusted, nowMs, maxAgeDays }))
    const checks = readReport(join(root, 'reports', 'checks.json'))
    failures.push(...checksGate({ text: checks, build, trusted, nowMs, maxAgeDays }))
  }
}
for (const each of failures) console.log(each)
console.log(
  failures.length === 0
    ? 'the release gate is open'
    : `the release gate is closed: ${failures.length} reasons; \`npm run test:full\` writes the reports`,
)
process.exitCode = failures.length > 0 ? 1 : 0

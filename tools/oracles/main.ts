/**
 * `npm run oracles [-- --save] [--sample N]`: plays outside cases against the start policy and simple ones, prints the
 * numbers, and with `--save` writes them to `bench/results/outside-cases.json`. Exit code 1 when an attack succeeds or
 * the cases were not played whole, 3 when the cases are not there.
 */
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { keepAlive } from '../../packages/runtime/src/index.ts'
import { bundleHash } from './bundles.ts'
import { casesFolder, inputHashes, readSuites } from './cases.ts'
import { measureAll } from './measure.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const { values } = parseArgs({ options: { save: { type: 'boolean', default: false }, sample: { type: 'string' } } })
const folder = casesFolder(root, process.env)
if (folder === null) {
  console.log('SKIPPED: the outside cases are not here; set SIGNALBOX_ORACLES to their folder. Nothing was shown.')
  process.exit(3)
}
const release = keepAlive()
const started = Date.now()
const { lines, faults } = await measureAll(readSuites(folder), {
  sample: values.sample === undefined ? null : Number(values.sample),
  say: (line) => console.log(line),
})
for (const fault of faults) console.log(`FAILED ${fault}`)
console.log(`${faults.length === 0 ? 'ok' : 'FAILED'}: ${Math.round((Date.now() - started) / 1_000)} s`)
if (values.save) {
  const result = { bundle_hash: bundleHash(), inputs: inputHashes(folder), faults, results: lines }
  writeFileSync(`${root}/bench/results/outside-cases.json`, `${JSON.stringify(result, null, 2)}\n`)
}
process.exitCode = faults.length === 0 ? 0 : 1
release()

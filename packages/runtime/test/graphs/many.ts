/**
 * Many random graphs: their calls are answered in different orders, and they are broken off after their records.
 *
 *     node packages/runtime/test/graphs/many.ts [--graphs 1000] [--seed 1] [--orders 3] [--crashes 10|all] [--json FILE]
 *
 * Exits 0 when all came to the same, 1 when one did not (the smallest that fails is printed), 2 when called wrongly.
 */
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { checkGraphs } from './check.ts'

const { values } = parseArgs({
  options: {
    graphs: { type: 'string', default: '1000' },
    seed: { type: 'string', default: '1' },
    orders: { type: 'string', default: '3' },
    crashes: { type: 'string', default: '10' },
    json: { type: 'string' },
  },
})
const whole = (text: string): number => (/^\d+$/.test(text) ? Number(text) : Number.NaN)
const extent = {
  graphs: whole(values.graphs),
  seed: whole(values.seed),
  orders: whole(values.orders),
  crashes: values.crashes === 'all' ? null : whole(values.crashes),
}
if (Object.values(extent).some((value) => Number.isNaN(value))) {
  console.error(
    'usage: node packages/runtime/test/graphs/many.ts [--graphs N] [--seed N] [--orders N] [--crashes N|all] [--json FILE]',
  )
  process.exit(2)
}
// Nothing in a run keeps a process alive.
const awake = setInterval(() => undefined, 1_000)
const report = await checkGraphs(extent)
clearInterval(awake)
if (values.json) writeFileSync(values.json, `${JSON.stringify({ ...extent, ...report }, null, 2)}\n`)
if (report.failure) console.error(JSON.stringify(report.failure, null, 1))
console.log(`${report.graphs} graphs, ${report.orders} other orders, ${report.crashes} crashes`)
process.exit(report.failure ? 1 : 0)

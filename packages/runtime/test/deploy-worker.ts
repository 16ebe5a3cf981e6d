/** A worker process with some versions of a workflow: `node deploy-worker.ts <path> <which> <ms>`. It ends when it is killed. */
import { writeSync } from 'node:fs'
import { type Deployed, deployed } from './deploy-flow.ts'

const [path = '', which = '', adoptAfterMs = ''] = process.argv.slice(2)
// The test names one of the definitions.
const box = await deployed(path, which as Deployed)
box.work({ pollMs: 10, leaseMs: 1_000, adoptAfterMs: Number(adoptAfterMs) })
writeSync(1, 'ready\n')
setInterval(() => undefined, 60_000)

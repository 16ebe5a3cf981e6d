/** Makes a data folder with runs of the first build and prints it: `node make-runs.ts <ended> <waiting>`. */
import { storedRuns } from './claims.ts'

const [ended = 1, waiting = 0] = process.argv.slice(2).map(Number)
console.log(JSON.stringify(await storedRuns({ ended, waiting })))

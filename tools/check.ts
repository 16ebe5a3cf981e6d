/** `npm run check [gate…]`: runs the gates, one line for each, and exits 1 when any fails. */
import { fileURLToPath } from 'node:url'
import { runGates } from './lib/gate-runner.ts'

const { failed } = await runGates(fileURLToPath(new URL('..', import.meta.url)), process.argv.slice(2), console.log)
process.exitCode = failed > 0 ? 1 : 0

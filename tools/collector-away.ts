/** `node --conditions=signalbox-source tools/collector-away.ts [runs]`: the same as the test, for a thousand runs. */
import { collectorAway } from '../packages/server/test/collector-away.ts'

const { runs, spans, effects, missing, foreign, before } = await collectorAway(Number(process.argv[2] ?? '1000'))
const ok = missing.length === 0 && foreign.length === 0
console.log(
  `${ok ? 'passed' : 'FAILED'}: ${spans} spans and ${effects} effect hashes of ${runs} runs, ${missing.length} missing, ${foreign.length} foreign, ${before} requests before the kill`,
)
process.exitCode = ok ? 0 : 1

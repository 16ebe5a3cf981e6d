/**
 * A process that goes on committing records of a run with a sound chain, until it is killed: `node chain-writer.ts <path>
 * <run>`. After each acknowledged commit it writes a line `ack <sequence>`.
 */
import { writeSync } from 'node:fs'
import { systemHost } from '../src/base/host.ts'
import { openSqliteStore } from '../src/stores/index.ts'
import { commitChain } from './chained.ts'

const [path = '', runId = ''] = process.argv.slice(2)
const store = await openSqliteStore({ path, host: systemHost })
await commitChain(store, runId, Number.POSITIVE_INFINITY, new Uint8Array(700), (seq) => writeSync(1, `ack ${seq}\n`))

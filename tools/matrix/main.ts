/**
 * `node --conditions=signalbox-source tools/matrix/main.ts [gate …]`: plays every cell of the matrix, then takes each gate
 * out of the source and shows that the matrix finds it. Exit code 1 when a cell leaks or a removal is not found.
 */
import { startPeer } from '../../packages/runtime/src/testing/matrix/outside.ts'
import { CELLS, playAll } from '../../packages/runtime/src/testing/matrix/play.ts'
import { RuleRunner } from '../rules/runner.ts'
import { REMOVALS } from './removals.ts'

const MOST_TRIES = 3
const wanted = process.argv.slice(2)
let leaks = 0
if (wanted.length === 0) {
  const peer = await startPeer()
  const played = await playAll(peer, CELLS)
  await peer.close()
  for (const { cell, leaked, before, after } of played) {
    const silent = cell.includes(', open, ') && after.payments <= before.payments
    if (leaked || silent) leaks += 1
    if (leaked || silent) console.log(`${leaked ? 'LEAKS ' : 'SILENT'}  ${cell}`)
  }
  console.log(`${played.length - leaks} of ${played.length} cells hold`)
}
const chosen = REMOVALS.filter(({ rule }) => wanted.length === 0 || wanted.includes(rule))
let unnoticed = 0
const runner = await RuleRunner.open(process.cwd())
try {
  for (const removal of chosen) {
    const honest = await runner.honest(removal.test, removal.noticed)
    const green = honest.passed > 0 && honest.failed === 0
    let noticed = false
    // A lost lease is also noticed by the heartbeat, which may break the call off before it leaves the process.
    for (let n = 0; green && !noticed && n < MOST_TRIES; n++)
      noticed = (await runner.broken(removal, honest)).failed > 0
    if (!noticed) unnoticed += 1
    console.log(`${noticed ? 'noticed  ' : green ? 'UNNOTICED' : 'NOT GREEN'}  ${removal.rule}`)
  }
} finally {
  await runner.close()
}
console.log(`${leaks} leaks; ${chosen.length - unnoticed} of ${chosen.length} removals noticed`)
process.exit(leaks + unnoticed === 0 ? 0 : 1)

import { keepAlive } from 'signalbox'
import { honestStore } from './box.ts'
import { measure } from './measure.ts'
import { ratios, spread } from './stats.ts'

const release = keepAlive()
const m = await measure(honestStore, {
  rounds: Number(process.argv[2] ?? 8),
  steps: 300,
  runs: 64,
  stepsEach: 16,
  turnPairs: 5,
})
const r = m.rounds
console.log(m.onRecord, m.acknowledged, m.turnBytes)
console.log(
  'raw',
  spread(
    r.map((x) => x.rawSingle),
    0,
  ),
  'one',
  spread(
    r.map((x) => x.one.rate),
    0,
  ),
  'rawShared',
  spread(
    r.map((x) => x.rawShared),
    0,
  ),
  'many',
  spread(
    r.map((x) => x.many.rate),
    0,
  ),
)
console.log(
  'one/raw',
  spread(
    ratios(
      r.map((x) => x.one.rate),
      r.map((x) => x.rawSingle),
    ),
  ),
  'many/raw',
  spread(
    ratios(
      r.map((x) => x.many.rate),
      r.map((x) => x.rawSingle),
    ),
  ),
)
console.log(
  'turn',
  spread(m.turns.map((t) => t.late / t.early)),
  m.turns,
  r.map((x) => x.many.commits),
)
release()

/** A process that runs supersteps and nothing else, to be traced: `node traced.ts <path> honest|without-flush`. */
import { keepAlive } from 'signalbox'
import { honestStore } from './box.ts'
import { TRACED_STEPS } from './flushes.ts'
import { withoutFlush } from './plants.ts'
import { StepsBox } from './steps.ts'

const [path = '', store = ''] = process.argv.slice(2)
const release = keepAlive()
const box = new StepsBox(await (store === 'honest' ? honestStore : withoutFlush)(path))
await box.round(1, TRACED_STEPS)
await box.close()
release()

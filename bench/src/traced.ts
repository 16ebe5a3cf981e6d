/** This runtime behind the protocol of the peers, so that its flushes are counted as theirs are: `<folder> full|off`. */
import { keepAlive } from 'signalbox'
import { serve } from '../peers/src/serve.ts'
import { honestStore } from './box.ts'
import { Ours } from './ours.ts'
import { withoutFlush } from './plants.ts'

const [folder = '', sync = 'full'] = process.argv.slice(2)
const release = keepAlive()
const ours = await Ours.start(sync === 'off' ? withoutFlush : honestStore, folder)
serve({
  steps: async (runs, each) => {
    await ours.rate('steps', runs, each)
  },
  turns: async (runs, each) => {
    await ours.rate('turns', runs, each)
  },
  bytes: () => 0,
  close: async () => {
    await ours.close()
    release()
  },
})

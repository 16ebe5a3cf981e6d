/**
 * The frozen workflow of the golden databases as a project: what `signalbox upgrade check --golden` replays them with.
 * The library does not know the server, so that the mark of a project is written out.
 */
import { fileURLToPath } from 'node:url'
import { goldenDesk } from './desk.ts'

export default {
  kind: 'signalbox.project',
  name: 'golden databases',
  workflows: [goldenDesk([])],
  bundleDir: fileURLToPath(new URL('./policy', import.meta.url)),
  models: () => ({
    resolve: (id: string) => {
      throw new Error(`a replay asks no model, and \`${id}\` was asked for`)
    },
  }),
  mode: 'production',
}

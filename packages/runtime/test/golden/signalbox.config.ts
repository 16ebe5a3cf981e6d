/** The frozen workflow of the golden databases as a project: what `signalbox upgrade check --golden` replays them with. */
import { fileURLToPath } from 'node:url'
import { defineProject } from '@signalbox/server'
import { goldenDesk } from './desk.ts'

export default defineProject({
  name: 'golden databases',
  workflows: [goldenDesk([])],
  bundleDir: fileURLToPath(new URL('./policy', import.meta.url)),
  models: () => ({
    resolve: (id) => {
      throw new Error(`a replay asks no model, and \`${id}\` was asked for`)
    },
  }),
  mode: 'production',
})

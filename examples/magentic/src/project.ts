/** The example as a project: what `signalbox dev` starts and `signalbox drill` exercises. */
import { fileURLToPath } from 'node:url'
import { defineProject } from '@signalbox/server'
import { FLEET_URL, startFleet } from './fleet.ts'
import { incident } from './incident.ts'
import { EVA, LEO, SYMPTOM } from './main.ts'
import { incidentModels } from './models.ts'

export default defineProject({
  name: 'incident',
  workflows: [incident],
  bundleDir: fileURLToPath(new URL('../policy', import.meta.url)),
  models: incidentModels,
  outsideWorld: async () => {
    const { url, stop } = await startFleet()
    return { env: { [FLEET_URL]: url }, stop }
  },
  drills: [
    {
      workflow: 'incident',
      inputs: [{ name: 'orders', input: SYMPTOM }],
      principal: EVA,
      person: { by: LEO, respond: () => ({ decision: 'approve' }) },
      recorded: ['releases.roll_back'],
      world: async () => {
        const { url, done, stop } = await startFleet()
        return { env: { [FLEET_URL]: url }, effects: async () => done, stop }
      },
    },
  ],
})

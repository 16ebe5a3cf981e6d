/** The example as a project: what `signalbox dev` starts and `signalbox drill` exercises. */
import { fileURLToPath } from 'node:url'
import { defineProject } from '@signalbox/server'
import { board } from './board.ts'
import { CALENDAR_URL, startCalendar } from './calendar.ts'
import { EVA, MIA } from './main.ts'
import { boardModels } from './models.ts'

export default defineProject({
  name: 'change-board',
  workflows: [board],
  bundleDir: fileURLToPath(new URL('../policy', import.meta.url)),
  models: boardModels,
  outsideWorld: async () => {
    const { url, stop } = await startCalendar()
    return { env: { [CALENDAR_URL]: url }, stop }
  },
  drills: [
    {
      workflow: 'change-board',
      inputs: ['CHG-7', 'CHG-8'].map((change) => ({ name: change, input: { change } })),
      principal: EVA,
      person: { by: MIA },
      recorded: ['changes.schedule'],
      world: async () => {
        const { url, booked, stop } = await startCalendar()
        return { env: { [CALENDAR_URL]: url }, effects: async () => booked, stop }
      },
    },
  ],
})

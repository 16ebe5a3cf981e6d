/** The example as a project: what `signalbox dev` starts and `signalbox drill` exercises. */
import { fileURLToPath } from 'node:url'
import { defineProject } from '@signalbox/server'
import { IDA, MAX, noModels } from './main.ts'
import { OFFICE_URL, startOffice } from './office.ts'
import { reminders } from './reminders.ts'

export default defineProject({
  name: 'reminders',
  workflows: [reminders],
  bundleDir: fileURLToPath(new URL('../policy', import.meta.url)),
  models: noModels,
  outsideWorld: async () => {
    const { url, stop } = await startOffice()
    return { env: { [OFFICE_URL]: url }, stop }
  },
  drills: [
    {
      workflow: 'reminders',
      inputs: ['ada', 'bob'].map((customer) => ({
        name: customer,
        input: { customer, month: '2026-11', graceSeconds: 0.2 },
      })),
      principal: IDA,
      person: { by: MAX, respond: () => ({ waive: false, why: 'it is long overdue' }) },
      recorded: ['letters.send'],
      world: async () => {
        const { url, sent, stop } = await startOffice()
        return { env: { [OFFICE_URL]: url }, effects: async () => sent, stop }
      },
    },
  ],
})

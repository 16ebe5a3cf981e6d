/** The example as a project: what `signalbox dev` starts and `signalbox drill` exercises. */
import { fileURLToPath } from 'node:url'
import { defineProject } from '@signalbox/server'
import { startService, worldOf } from 'signalbox/testing'
import { PAYMENTS } from './claims.ts'
import { accountant, example } from './main.ts'

export default defineProject({
  name: 'expense-claims',
  workflows: [example.workflow],
  bundleDir: fileURLToPath(example.policy),
  models: example.models,
  outsideWorld: () => startService(PAYMENTS),
  drills: [
    {
      workflow: 'expense-claims',
      inputs: ['E-1', 'E-2', 'E-3'].map((claim) => ({ name: claim, input: { claim } })),
      principal: example.principal,
      person: { by: example.person, respond: accountant },
      recorded: ['claims.pay'],
      world: () => worldOf(PAYMENTS),
    },
  ],
})

/** The example as a project: what `signalbox dev` starts and `signalbox drill` exercises. */
import { fileURLToPath } from 'node:url'
import { defineProject } from '@signalbox/server'
import { startService, worldOf } from 'signalbox/testing'
import { example, press } from './main.ts'
import { LETTERS } from './newsletter.ts'

export default defineProject({
  name: 'newsletter',
  workflows: [example.workflow],
  bundleDir: fileURLToPath(example.policy),
  models: example.models,
  outsideWorld: () => startService(LETTERS),
  drills: [
    {
      workflow: 'newsletter',
      inputs: ['v2-4', 'v2-5'].map((release) => ({ name: release, input: { release } })),
      principal: example.principal,
      person: { by: example.person, respond: press },
      recorded: ['letters.send'],
      world: () => worldOf(LETTERS),
    },
  ],
})

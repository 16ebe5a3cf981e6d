/** The example as a project: what `signalbox dev` starts and `signalbox drill` exercises. */
import { fileURLToPath } from 'node:url'
import { defineProject } from '@signalbox/server'
import { startService, worldOf } from 'signalbox/testing'
import { REFUNDS } from './desk.ts'
import { example, people } from './main.ts'

const conversations = [
  'My lamp came broken, I want my money back.',
  'Where is my order 1002?',
  'I want my money back for order 1003.',
]

export default defineProject({
  name: 'support-desk',
  workflows: [example.workflow],
  bundleDir: fileURLToPath(example.policy),
  models: example.models,
  outsideWorld: () => startService(REFUNDS),
  drills: [
    {
      workflow: 'support-desk',
      inputs: conversations.map((words) => ({ name: words, input: words })),
      principal: example.principal,
      person: { by: example.person, respond: people },
      recorded: ['payments.refund'],
      world: () => worldOf(REFUNDS),
    },
  ],
})

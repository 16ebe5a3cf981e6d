import { readFile } from 'node:fs/promises'
import { agent, type GroupView, groupChat, tool } from 'signalbox'
import { z } from 'zod'
import { calendarHosts, findSlot, Slot, schedule } from './calendar.ts'
import { contract } from './contract.ts'

const Change = z.object({ change: z.string().regex(/^CHG-\d+$/) })
const Decision = z.object({ decision: z.enum(['scheduled', 'declined']), why: z.string() })

const readChange = tool({
  name: 'changes.read',
  class: 'records.read',
  effect: 'none',
  input: Change,
  output: z.string(),
  execute: ({ change }) => readFile(new URL(`../data/${change}.md`, import.meta.url), 'utf8'),
})

const scheduleChange = tool({
  name: 'changes.schedule',
  class: 'changes.write', // a change manager approves each, says the policy
  effect: 'irreversible',
  input: Slot,
  output: Slot,
  effectKey: ({ change }) => ({ scope: 'tenant', key: change }), // once for a change, whoever asks again
  preview: async ({ change, window }) => ({
    summary: `Schedule ${change} for ${window}`,
    target: { type: 'change', id: change, version: '1' },
    impact: {},
    rollback: 'Take it out of the calendar before its window.',
  }),
  hosts: calendarHosts,
  timeoutSeconds: 8,
  settleAfterSeconds: 1,
  execute: schedule,
  reconcile: findSlot,
})

const member = (name: string, instructions: string, description: string) => ({
  description,
  does: agent({
    name,
    model: process.env.SIGNALBOX_MODEL ?? `scripted/${name}`,
    instructions: `${instructions} Begin with \`approve:\`, \`concern:\` or, once the author has answered, \`object:\`.`,
    maxOutputTokens: 400,
    tools: [readChange],
    input: Change,
    output: z.string(),
  }),
})
const judges = [
  member('operations', 'You judge whether the window is safe.', 'keeps the systems running'),
  member('security', 'You judge whether secrets and rights stay safe.', 'knows what must not leak'),
  member('product', 'You judge whether users are safe: rollback and check.', 'speaks for the users'),
]
const author = member('author', 'You wrote the change; answer concerns from its text.', 'answers for the change')

const registrar = agent({
  name: 'registrar',
  model: process.env.SIGNALBOX_MODEL ?? 'scripted/registrar',
  instructions: 'Schedule the change in its window when every judge has approved in the end; else decline it.',
  maxOutputTokens: 400,
  tools: [scheduleChange],
  input: Change,
  output: Decision,
})

/** Every judge once; after a concern the author, and then the same judge again; nobody when all have made up their mind. */
function nextSpeaker({ transcript, participants }: GroupView): string | null {
  const silent = participants.find(({ name }) => name !== 'author' && !transcript.some((one) => one.speaker === name))
  const [before, last] = transcript.slice(-2)
  if (last?.text.startsWith('concern:')) return 'author'
  if (last?.speaker === 'author' && before) return before.speaker
  return silent?.name ?? null
}

// #region board
export const board = groupChat({
  name: 'change-board',
  version: '1.0.0',
  input: Change,
  output: Decision,
  contract,
  budget: { maxTurns: 24, maxToolCalls: 8, maxRuntimeSeconds: 60, maxTokens: 200_000, maxCostUsd: '0.50' },
  participants: [...judges, author],
  select: nextSpeaker, // or an agent: it answers with a name and a reason
  until: ({ transcript }) => transcript.some((one) => one.text.startsWith('object:')), // one objection is enough
  maxRounds: 9,
  conclude: registrar,
})
// #endregion board

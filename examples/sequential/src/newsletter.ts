import { readFile } from 'node:fs/promises'
import { agent, sequential, tool } from 'signalbox'
import { z } from 'zod'
import { posts } from 'signalbox/testing'
import { contract } from './contract.ts'

const Release = z.object({ release: z.string().regex(/^v\d+-\d+$/) })
const Letter = z.object({ release: z.string(), text: z.string() })

/** What the mailing service accepts: one letter a release. */
export const LETTERS = { tool: 'letters.send', body: Letter, subject: ({ release }: z.infer<typeof Letter>) => release }

const readChanges = tool({
  name: 'changes.read',
  class: 'records.read',
  effect: 'none',
  input: Release,
  output: z.string(),
  execute: ({ release }) => readFile(new URL(`../data/${release}.md`, import.meta.url), 'utf8'),
})

const sendLetter = tool({
  name: 'letters.send',
  class: 'customers.write', // the press office approves each, says the policy
  effect: 'irreversible',
  input: Letter,
  output: Letter,
  effectKey: ({ release }) => ({ scope: 'tenant', key: release }), // one letter a release, whoever asks again
  preview: async ({ release, text }) => ({
    summary: `Send the letter about ${release} to all customers: ${text}`,
    target: { type: 'release', id: release, version: '1' },
    impact: {},
    rollback: 'A letter that was sent cannot be taken back.',
  }),
  ...posts(LETTERS),
})

const step = (name: string, instructions: string, tools: Parameters<typeof agent>[0]['tools']) =>
  agent({
    name,
    model: process.env.SIGNALBOX_MODEL ?? `scripted/${name}`,
    instructions,
    maxOutputTokens: 600,
    tools,
    input: z.string(),
    output: z.string(),
  })

// #region sequence
export const newsletter = sequential({
  name: 'newsletter',
  version: '1.0.0',
  input: Release,
  participants: [
    step('drafter', 'Read the changes of the release and draft a letter to customers.', [readChanges]),
    step('editor', 'Rewrite the draft in at most three short sentences; follow feedback.', []),
    step('sender', 'Send the edited letter as it is, then say in one sentence what became of it.', [sendLetter]),
  ],
  pauseAfter: ['editor'], // a person approves, sends it back with feedback, or stops
  feedback: { maxRounds: 2 },
  contract,
  budget: { maxTurns: 12, maxToolCalls: 4, maxRuntimeSeconds: 60, maxTokens: 100_000, maxCostUsd: '0.20' },
})
// #endregion sequence

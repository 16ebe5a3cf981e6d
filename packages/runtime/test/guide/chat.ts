import { z } from 'zod'
import {
  agent,
  type ContextProvider,
  createModels,
  loadPrices,
  type ModelPort,
  port,
  tool,
  workflow,
} from '../../src/index.ts'

const Text = z.string()
const budget = { maxTurns: 60, maxToolCalls: 60, maxRuntimeSeconds: 600, maxTokens: 400_000, maxCostUsd: '2.00' }

// #region agent
const readNotes = tool({
  name: 'notes.read',
  class: 'records.read',
  effect: 'none',
  input: z.object({ customer: Text }),
  output: z.array(Text),
  labels: { integrity: 1, marks: ['personal'] },
  execute: async ({ customer }) => [`${customer} prefers to be called by her first name`],
})

const notes: ContextProvider = {
  name: 'notes',
  reads: { tool: readNotes, args: () => ({ customer: 'ana' }) },
  text: (_view, found) => (Array.isArray(found) ? found.join('\n') : null),
  maxBytes: 2_000,
  onFailure: 'skip',
}

const helper = agent({
  name: 'helper',
  model: 'openai/gpt-5.2',
  fallback: ['anthropic/claude-sonnet-4-5'],
  instructions: 'You help customers of a bank. Answer in one or two sentences.',
  maxOutputTokens: 1_000,
  tools: [],
  context: [notes],
  compaction: {
    aboveTokens: 30_000,
    steps: [
      { kind: 'shorten_results', maxBytes: 1_000 },
      { kind: 'summary', keepGroups: 12 },
      { kind: 'sliding_window', keepGroups: 12 },
    ],
  },
  maxRepeatedCalls: 3,
  input: Text,
  output: Text,
})
// #endregion agent

// #region chat
export const chat = workflow({ name: 'chat', version: '1.0.0', input: Text, output: Text, budget })
  .agent('talk', helper, { prompt: (text) => text, session: 'kept' })
  .port('customer', port({ name: 'customer', request: Text, response: Text, deadlineSeconds: 86_400 }))
  .node('close', { input: Text, output: Text, run: (text) => text })
  .start('talk')
  .edge('talk', 'customer')
  .switch('customer', [{ when: (text) => text === '/end', to: 'close' }], 'talk')
  .output('close')
  .build()
// #endregion chat

/** The models of the guide, with how patiently each provider is called. */
export function models(env: Readonly<Record<string, string | undefined>>): ModelPort {
  // #region providers
  return createModels({
    env,
    prices: loadPrices(),
    providers: {
      openai: { attempts: 4, maxWaitSeconds: 30, concurrency: 16, circuitFailures: 5, circuitSeconds: 20 },
    },
  })
  // #endregion providers
}

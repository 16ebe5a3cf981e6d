/** A project whose agent needs a provider's key. */
import { fileURLToPath } from 'node:url'
import { agent, createModels, loadPrices, workflow } from 'signalbox'
import { z } from 'zod'
import { defineProject } from '@signalbox/server'

const writer = agent({
  name: 'writer',
  model: 'openai/gpt-5',
  instructions: 'Write one line.',
  maxOutputTokens: 50,
  tools: [],
  input: z.string(),
  output: z.string(),
})

const letter = workflow({
  name: 'letter',
  version: '1.0.0',
  input: z.string(),
  output: z.string(),
  budget: { maxTurns: 2, maxToolCalls: 1, maxRuntimeSeconds: 30, maxTokens: 10_000, maxCostUsd: '0.10' },
  state: {},
})
  .agent('writer', writer, { prompt: (text) => text })
  .start('writer')
  .output('writer')
  .build()

export default defineProject({
  name: 'keyless',
  workflows: [letter],
  bundleDir: fileURLToPath(new URL('./policy', import.meta.url)),
  models: (env) => createModels({ env, prices: loadPrices() }),
})

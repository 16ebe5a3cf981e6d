/** A small project for tests: a transfer that a person has to approve above 100, and a workflow that fails. */
import { appendFileSync, existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  agent,
  createModels,
  type Listing,
  listingPageSchema,
  listingRequestSchema,
  loadPrices,
  port,
  SignalboxError,
  tool,
  workflow,
} from 'signalbox'
import { z } from 'zod'
import { type AlertsDef, defineProject, type NotificationsDef, secretFromEnv } from '@signalbox/server'
import { moreSchedules, schedules } from './schedules.ts'

/** What is transferred. */
export const Transfer = z.object({ to: z.string(), amount: z.int().positive() })
const budget = { maxTurns: 2, maxToolCalls: 4, maxRuntimeSeconds: 30, maxTokens: 20_000, maxCostUsd: '0.10' }

/** Every line of the book. The book keeps no times: all of it is as old as its last line. */
const list = tool({
  name: 'transfer.list',
  class: 'payments.read',
  effect: 'none',
  input: listingRequestSchema,
  output: listingPageSchema,
  execute: async () => {
    const path = process.env.SAMPLE_BOOK ?? ''
    const lines = existsSync(path) ? readFileSync(path, 'utf8').split('\n') : []
    const at = (existsSync(path) ? statSync(path).mtime : new Date()).toISOString()
    const entries = lines.filter(Boolean).map((line, i) => {
      const [key = '', to = '', amount = ''] = line.split(' ')
      return { key, ref: `line-${i + 1}`, object: null, at, what: { to, amount: Number(amount) } }
    })
    return { entries, next: null }
  },
})
type Sent = z.output<typeof Transfer>
const listed: Listing<Sent, unknown> = { tool: list, expect: ({ to, amount }) => ({ to, amount }) }

/** Takes a transfer back, with a line of its own. */
const back = tool({
  name: 'transfer.back',
  listed: { tool: list, expect: ({ to, amount }) => ({ to, amount: -amount }) },
  class: 'payments.write',
  effect: 'irreversible',
  input: Transfer,
  output: z.object({ line: z.string() }),
  preview: async ({ to, amount }) => ({
    summary: `Take ${amount} back from ${to}`,
    target: { type: 'account', id: to, version: '1' },
    impact: { money: { minor: amount * 100, currency: 'EUR' } },
    rollback: 'Send it again',
  }),
  execute: async ({ to, amount }, ctx) => {
    const line = `${ctx.idempotencyKey} ${to} -${amount}\n`
    appendFileSync(process.env.SAMPLE_BOOK ?? '', line)
    return { line }
  },
})

/** Writes a line into the book. */
export const send = tool({
  name: 'transfer.send',
  listed,
  class: 'payments.write',
  effect: 'irreversible',
  input: Transfer,
  output: z.object({ line: z.string() }),
  undo: { tool: back, args: (transfer) => transfer },
  effectKey: ({ to, amount }) => ({ scope: 'run', key: `${to}/${amount}` }),
  preview: async ({ to, amount }) => ({
    summary: `Send ${amount} to ${to}`,
    target: { type: 'account', id: to, version: '1' },
    impact: { money: { minor: amount * 100, currency: 'EUR' } },
    rollback: 'Ask for it back',
  }),
  execute: async ({ to, amount }, ctx) => {
    const line = `${ctx.idempotencyKey} ${to} ${amount}\n`
    appendFileSync(process.env.SAMPLE_BOOK ?? '', line)
    return { line }
  },
})

const transfer = workflow({
  name: 'transfer',
  version: '1.0.0',
  input: Transfer,
  output: z.string(),
  budget,
  state: {},
  tools: [send],
})
  .node('pay', {
    input: Transfer,
    output: z.string(),
    run: async (input, ctx) => {
      const end = await ctx.call(send, input)
      return end.status
    },
  })
  .start('pay')
  .output('pay')
  .build()

/** Books, then loses the answer: nobody knows, and it cannot be looked up. */
const murky = tool({
  name: 'transfer.murky',
  listed,
  class: 'payments.write',
  effect: 'irreversible',
  input: Transfer,
  output: z.object({ line: z.string() }),
  timeoutSeconds: 1,
  settleAfterSeconds: 0,
  execute: async ({ to, amount }, ctx) => {
    appendFileSync(process.env.SAMPLE_BOOK ?? '', `${ctx.idempotencyKey} ${to} ${amount}\n`)
    throw new Error('the connection was lost')
  },
})

const lost = workflow({
  name: 'lost',
  version: '1.0.0',
  input: Transfer,
  output: z.string(),
  budget,
  state: {},
  tools: [murky],
})
  .node('pay', {
    input: Transfer,
    output: z.string(),
    run: async (input, ctx) => {
      const end = await ctx.call(murky, input)
      return end.status
    },
  })
  .start('pay')
  .output('pay')
  .build()

const writer = agent({
  name: 'writer',
  model: 'scripted/writer',
  instructions: 'Write a line.',
  maxOutputTokens: 50,
  tools: [],
  input: z.string(),
  output: z.object({ line: z.string() }),
})

const letter = workflow({
  name: 'letter',
  version: '1.0.0',
  input: Transfer,
  output: z.object({ line: z.string() }),
  budget,
  state: {},
  tools: [send],
})
  .node('pay', {
    input: Transfer,
    output: z.string(),
    run: async (input, ctx) => {
      const end = await ctx.call(send, input)
      return end.status
    },
  })
  .agent('write', writer, { prompt: (status) => `It ${status}.` })
  .start('pay')
  .edge('pay', 'write')
  .output('write')
  .build()

/** Asks a person, and ends with the answer. */
const asking = workflow({
  name: 'asking',
  version: '1.0.0',
  input: Transfer,
  output: z.object({ ok: z.boolean(), note: z.string() }),
  budget,
  state: {},
})
  .port(
    'review',
    port({
      name: 'review',
      request: Transfer,
      response: z.object({ ok: z.boolean(), note: z.string() }),
      deadlineSeconds: 3_600,
    }),
  )
  .start('review')
  .output('review')
  .build()

const failing = workflow({
  name: 'failing',
  version: '1.0.0',
  input: z.string(),
  output: z.string(),
  budget,
  state: {},
})
  .node('fails', {
    input: z.string(),
    output: z.string(),
    run: async () => {
      throw new SignalboxError('NODE_FAILED', 'as asked')
    },
  })
  .start('fails')
  .output('fails')
  .build()

/** A channel to a receiver of a test, with one attempt for each message. */
function pager(url: string): NotificationsDef {
  const shared = { name: 'pager', kinds: ['question.*'], attempts: 1, privateHosts: [new URL(url).host] }
  return { channels: [{ kind: 'webhook', url, secrets: [secretFromEnv('SAMPLE_HOOK_SECRET')], ...shared }] }
}

/** An unknown effect is told at once. */
const quickAlerts: AlertsDef = { everySeconds: 0.2, kinds: { 'effect.unknown': { limits: { olderThanSeconds: 0 } } } }

export default defineProject({
  name: 'sample',
  workflows: [transfer, letter, lost, failing, asking],
  bundleDir: process.env.SAMPLE_POLICY ?? fileURLToPath(new URL('./policy', import.meta.url)),
  ...(process.env.SAMPLE_BUDGETS === '1' ? { budgets: [{ scope: 'tenant', per: 'day', maxRuns: 1_000 }] } : {}),
  ...(process.env.SAMPLE_HOOK ? { notifications: pager(process.env.SAMPLE_HOOK) } : {}),
  ...(process.env.SAMPLE_ALERTS === '1' ? { alerts: quickAlerts } : {}),
  retention: [{ olderThanDays: 30, keep: 'metadata' }],
  mode: process.env.SAMPLE_MODE === 'production' ? 'production' : 'development',
  models: (env) =>
    createModels({
      env,
      prices: loadPrices(),
      scripted: { writer: () => ({ text: '{"line":"it was sent as asked"}' }) },
    }),
  outsideWorld: async ({ dataDir }) => ({
    env: { SAMPLE_BOOK: process.env.SAMPLE_BOOK ?? join(dataDir, 'book.txt') },
    stop: async () => undefined,
  }),
  ...(process.env.SAMPLE_SCHEDULES === '1' ? { schedules: [...schedules, ...moreSchedules] } : {}),
  seed: async ({ signalbox, people }) => {
    const { rita } = people
    if (rita && process.env.SAMPLE_SEED === '1')
      await signalbox.runs.start({
        workflow: 'transfer',
        input: { to: 'seed', amount: 5 },
        principal: rita,
        requestId: 'seed',
      })
  },
})

/** The sample project with a workflow that is drilled: two transfers each, of which a person approves the second. */
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { defineProject, type RecordedEffect, type WorkflowDrill } from '@signalbox/server'
import { workflow } from 'signalbox'
import { z } from 'zod'
import sample, { send, Transfer } from './signalbox.config.ts'

const twice = workflow({
  name: 'twice',
  version: '1.0.0',
  input: Transfer,
  output: z.string(),
  budget: { maxTurns: 2, maxToolCalls: 4, maxRuntimeSeconds: 60, maxTokens: 20_000, maxCostUsd: '0.10' },
  state: {},
  tools: [send],
})
  .node('pay', {
    input: Transfer,
    output: z.string(),
    run: async ({ to, amount }, ctx) => {
      const first = await ctx.call(send, { to, amount })
      const second = await ctx.call(send, { to, amount: amount + 200 })
      return `${first.status} ${second.status}`
    },
  })
  .start('pay')
  .output('pay')
  .build()

/** Lines of the book: `<key> <to> <amount>`. */
function booked(path: string): RecordedEffect[] {
  if (!existsSync(path)) return []
  const lines = readFileSync(path, 'utf8').split('\n')
  return lines
    .filter((line) => line !== '')
    .map((line) => ({ tool: 'transfer.send', subject: line, key: line.split(' ')[0] ?? '', runId: null }))
}

const drill: WorkflowDrill = {
  workflow: 'twice',
  inputs: Array.from({ length: 12 }, (_, n) => ({ name: `transfer ${n}`, input: { to: `acc-${n}`, amount: n + 1 } })),
  principal: { id: 'user:rita', kind: 'user', tenant: 'dev', roles: ['requester'] },
  recorded: ['transfer.send'],
  person: { by: { id: 'user:paul', kind: 'user', tenant: 'dev', roles: ['approver'] } },
  world: async ({ folder }) => {
    mkdirSync(folder, { recursive: true })
    const book = join(folder, 'book.txt')
    return { env: { SAMPLE_BOOK: book }, effects: async () => booked(book), stop: async () => undefined }
  },
}

export default defineProject({
  ...sample,
  workflows: [...sample.workflows, twice],
  drills: [drill],
  schedules: [{ name: 'weekly-drill', every: { days: 7 }, do: { job: 'drill.backup' } }],
})

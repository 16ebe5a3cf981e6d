/** What the observability plane makes of histories that the engine itself wrote. */
import { afterEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { RunRecord } from '../contracts/records.ts'
import {
  agent,
  createSignalbox,
  keyVault,
  memoryStore,
  type Principal,
  type Signalbox,
  systemHost,
  tool,
  workflow,
} from '../index.ts'
import { scriptedModel } from '../testing/scripted-model.ts'
import { needsApproval, scriptedPolicy } from '../testing/scripted-policy.ts'
import { auditRun } from './audit.ts'
import { checkTelemetry } from './checker.ts'
import { costOf } from './cost.ts'
import { explain } from './explain.ts'
import { renderExplanation } from './render.ts'
import { lineageGaps } from './gaps.ts'
import { lineageOf } from './lineage.ts'
import { projectRecords } from './project.ts'

const ana: Principal = { id: 'user:ana', kind: 'user', tenant: 'acme', roles: ['requester'] }
const paul: Principal = { id: 'user:paul', kind: 'user', tenant: 'acme', roles: ['approver'] }
const budget = { maxTurns: 6, maxToolCalls: 6, maxRuntimeSeconds: 30, maxTokens: 20_000, maxCostUsd: '1' }
const TOOLS = {
  'pay.send': { class: 'payments.write', effect: 'irreversible' },
  'records.get': { class: 'records.read', effect: 'none' },
  'records.drop': { class: 'records.delete', effect: 'irreversible' },
} as const

const get = tool({
  name: 'records.get',
  class: 'records.read',
  effect: 'none',
  input: z.object({ id: z.string() }),
  output: z.object({ id: z.string() }),
  execute: async ({ id }) => ({ id }),
})
const pay = tool({
  name: 'pay.send',
  class: 'payments.write',
  effect: 'irreversible',
  input: z.object({ to: z.string() }),
  output: z.object({ id: z.string() }),
  preview: async ({ to }) => ({
    summary: `pay ${to}`,
    target: { type: 'account', id: to, version: '1' },
    impact: { text: 'one' },
    rollback: 'none',
  }),
  execute: async ({ to }) => ({ id: to }),
})
const drop = tool({
  name: 'records.drop',
  class: 'records.delete',
  effect: 'irreversible',
  input: z.object({ id: z.string() }),
  output: z.object({ id: z.string() }),
  execute: async ({ id }) => ({ id }),
})

const SCRIPT: readonly { tool: string; args: { id?: string; to?: string } }[][] = [
  [
    { tool: 'records.get', args: { id: '7' } },
    { tool: 'records.drop', args: { id: '7' } },
  ],
  [{ tool: 'pay.send', args: { to: 'bob' } }],
]

function desk() {
  const clerk = agent({
    name: 'clerk',
    model: 'scripted/clerk',
    instructions: 'pay the secret vendor',
    maxOutputTokens: 200,
    tools: [get, pay, drop],
    input: z.string(),
    output: z.object({ done: z.boolean() }),
  })
  return workflow({
    name: 'desk',
    version: '1.0.0',
    input: z.string(),
    output: z.object({ done: z.boolean() }),
    budget,
    state: {},
    tools: [get],
  })
    .node('look', {
      input: z.string(),
      output: z.string(),
      run: async (id, ctx) => {
        await ctx.call(get, { id })
        return id
      },
    })
    .agent('decide', clerk, { prompt: (text: string) => text })
    .start('look')
    .edge('look', 'decide')
    .output('decide')
    .build()
}

describe('histories that the engine wrote', () => {
  const open: Signalbox[] = []
  afterEach(async () => {
    for (const one of open.splice(0)) await one.close()
  })

  async function paidRun() {
    const host = systemHost
    const store = memoryStore(host)
    const vault = keyVault({ store, host, masterKey: new Uint8Array(32) })
    const clerk = scriptedModel('clerk', ({ messages }) => {
      const turn = messages.filter((message) => message.role === 'assistant').length
      const calls = SCRIPT[turn]
      return calls ? { calls } : '{"done":true}'
    })
    const policy = scriptedPolicy({
      tools: TOOLS,
      decide: (request) => {
        if (request.action.name === 'pay.send') return needsApproval(request, 'approver')
        return request.action.name === 'records.drop'
          ? { verdict: 'deny', reason_code: 'NO_PERMIT', policies: [] }
          : undefined
      },
    })
    const box = createSignalbox({ store, vault, policy, models: { resolve: () => clerk }, workflows: [desk()] })
    open.push(box)
    const worker = box.work({ pollMs: 5 })
    const waiting = await box.run({ workflow: 'desk', input: 'invoice of the secret vendor', principal: ana })
    expect(waiting.status).toBe('waiting')
    const [asked] = await box.runs.requests({ tenant: 'acme', state: 'open', limit: 5 })
    const request = await box.runs.request('acme', asked?.id ?? '')
    await box.runs.decide({
      approvalId: request.row.id,
      answer: 'approved',
      by: paul,
      reason: 'fine by me',
      seen: request.packetHash,
    })
    const result = await box.runs.wait('acme', waiting.runId)
    await worker.stop()
    const records: readonly RunRecord[] = await box.runs.records('acme', result.runId)
    return { box, store, result, records }
  }

  it('OBS-060: have no lineage gap, verify, keep the telemetry contract, and tell their effects', async () => {
    const { store, result, records } = await paidRun()
    expect(result.status).toBe('completed')
    expect(lineageGaps(records)).toEqual([])
    const row = await store.run('acme', result.runId)
    const stored = await store.records('acme', result.runId)
    expect(auditRun(stored, { seq: row?.seq ?? 0, head: row?.head ?? '' }).findings).toEqual([])
    const telemetry = projectRecords(null, records)
    expect(checkTelemetry(telemetry)).toEqual([])
    expect(JSON.stringify([telemetry.spans, telemetry.logs, telemetry.metrics])).not.toMatch(/secret|bob|fine by me/)
    expect(lineageOf(records).map((effect) => [effect.tool, effect.status, effect.approval?.by ?? null])).toEqual([
      ['records.drop', 'denied', null],
      ['pay.send', 'succeeded', 'user:paul'],
    ])
    expect(costOf(records).spent.cost_nano_usd).toBe(row?.costNanoUsd)
    const text = renderExplanation(explain(records, { now: 0 }))
    expect(text).toContain('`pay.send` (payments.write, irreversible) succeeded')
    expect(text).toContain("A read for the reviewer's preview of `pay.send` succeeded; nothing was changed by it.")
    expect(text.match(/`pay\.send` \(payments\.write\) succeeded/g)).toHaveLength(1)
    expect(costOf(records).byTool.map((line) => [line.name, line.calls])).toEqual([
      ['pay.send', 1],
      ['records.drop', 1],
      ['records.get', 2],
    ])
    expect(text).not.toMatch(/secret|fine by me/)
  })

  it('OBS-061: each prefix of them can be audited and explained, and has no gap', async () => {
    const { records } = await paidRun()
    for (let end = 1; end <= records.length; end++) {
      const prefix = records.slice(0, end)
      expect(lineageGaps(prefix), `after ${records[end - 1]?.type}`).toEqual([])
      expect(checkTelemetry(projectRecords(null, prefix))).toEqual([])
      expect(renderExplanation(explain(prefix, { now: 0 })).length).toBeGreaterThan(100)
    }
  })
})

import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { tool } from '../tools/index.ts'
import { describeDifference } from './difference.ts'
import { decisionRecord, flow, type FlowDef, port, reviewWorkflow, toMermaid } from './index.ts'

const read = tool({
  name: 'records.get',
  class: 'records.read',
  effect: 'none',
  input: z.object({ id: z.string() }),
  output: z.string(),
  execute: async ({ id }) => id,
})
const review = port({ name: 'review', request: z.string(), response: z.boolean(), deadlineSeconds: 60 })
const budget = { maxTurns: 1, maxToolCalls: 1, maxRuntimeSeconds: 1, maxTokens: 1, maxCostUsd: '1' }

function made(changes: Partial<FlowDef<z.ZodString, z.ZodString, { n: number }>> = {}) {
  return flow<z.ZodString, z.ZodString, { n: number }>({
    name: 'job',
    version: '1.0.0',
    input: z.string(),
    output: z.string(),
    budget,
    run: async (text) => text,
    ...changes,
  })
}

describe('the definition of a function', () => {
  it('FLW-025: tells every fault at once', () => {
    const twin = port({ name: 'review', request: z.string(), response: z.string(), deadlineSeconds: 5 })
    const own = port({ name: 'job', request: z.string(), response: z.string(), deadlineSeconds: 0 })
    const wrong = () => made({ name: 'job', budget: { ...budget, maxTurns: 0 }, ports: [review, twin, own] })
    expect(wrong).toThrow('has 4 errors')
    expect(wrong).toThrow('two different ports are named `review`')
    expect(wrong).toThrow('port `job` has the name of a node')
    expect(wrong).toThrow('port `job`: `deadlineSeconds` must be above 0')
    expect(() => made({ name: 'Job' })).toThrow('the node name `Job`')
  })

  it('FLW-025: signs what it may use, and tells a change of it', () => {
    const plain = made()
    const asking = made({ ports: [review], tools: [read] })
    const saving = made({ checkpoint: z.object({ n: z.number() }) })
    expect(new Set([plain, asking, saving, made({ ports: [review] })].map(({ spec }) => spec.signature)).size).toBe(4)
    expect(made().spec.signature).toBe(plain.spec.signature)
    const changes = describeDifference(made({ ports: [review] }).spec.description, plain.spec.description).join('\n')
    expect(changes).toContain('node `job`')
    expect(changes).toContain('review')
  })

  it('FLW-026: is drawn, reviewed and recorded with what it asks and where it saves', () => {
    const { spec } = made({ ports: [review], tools: [read], checkpoint: z.object({ n: z.number() }) })
    expect(toMermaid(spec)).toContain('asks review')
    const record = decisionRecord(spec)
    expect(record).toContain('function, asks review and waits 60 s at most')
    expect(record).toContain('each checkpoint')
    expect(reviewWorkflow(spec).missing.length).toBeGreaterThan(5)
  })
})

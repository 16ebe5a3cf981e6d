import { afterEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { agent, type ModelHandle, parseNano, readPrices, type RunRecord, SignalboxError, workflow } from '../index.ts'
import { ANA, benchSet, WIDE_BUDGET } from '../testing/bench-box.ts'
import { scriptedModel } from '../testing/scripted-model.ts'
import { auditRun, costOf, explain, lineageGaps } from './index.ts'
import { COST_RECORDS, CostTally, recomputedCost, runCostOf } from './run-cost.ts'

const set = benchSet()
afterEach(() => set.close())

const clerk = agent({
  name: 'clerk',
  model: 'scripted/clerk',
  instructions: 'answer',
  maxOutputTokens: 100,
  tools: [],
  input: z.string(),
  output: z.string(),
})
const flow = workflow({
  name: 'priced',
  version: '1.0.0',
  input: z.string(),
  output: z.string(),
  budget: WIDE_BUDGET,
  state: {},
})
  .agent('first', clerk, { prompt: (text) => text, retry: { attempts: 3, backoffSeconds: 0.01 } })
  .agent('second', clerk, { prompt: (text) => text })
  .start('first')
  .edge('first', 'second')
  .output('second')
  .build()

/** A model whose first call fails after it was sent, as far as anybody knows. */
function flaky(): ModelHandle {
  const model = scriptedModel('clerk', () => 'done')
  let calls = 0
  return {
    ...model,
    call: (request, options) => {
      calls += 1
      if (calls > 1) return model.call(request, options)
      return Promise.reject(new SignalboxError('MODEL_FAILED', 'the line broke'))
    },
  }
}

async function ran(model: ModelHandle) {
  const box = set.box({ workflows: [flow], models: [model] })
  box.work()
  const runId = await box.start('priced', 'go')
  const { status } = await box.ended(runId)
  expect(status).toBe('completed')
  return { box, runId, records: await box.sb.runs.records('acme', runId) }
}

const table = (output: string) =>
  readPrices(
    JSON.stringify({
      date: '2026-05-01',
      note: 'for a test',
      models: { 'scripted/*': { input: '1.00', cache_read: '0.10', cache_write: '1.25', output } },
    }),
  )

/** What is kept up record by record. */
function tallied(records: readonly RunRecord[]) {
  const [started] = records
  if (started?.type !== 'run.started') throw new Error('a run begins with its start')
  const tally = new CostTally(started)
  for (const record of records) tally.next(record)
  return tally.costs().lines
}

/** The same from all records at once. */
function summed(records: readonly RunRecord[]) {
  const { attempts } = runCostOf(records)
  return [...Map.groupBy(attempts, ({ model, agent: by }) => `${model} ${by ?? ''}`).values()].map((own) => ({
    model: own[0]?.model,
    agent: own[0]?.agent ?? '',
    calls: own.length,
    estimateNanoUsd: own.reduce((sum, each) => sum + each.estimateNanoUsd, 0n),
    actualNanoUsd: own.reduce((sum, each) => sum + (each.actualNanoUsd ?? 0n), 0n),
    estimatedNanoUsd: own.reduce(
      (sum, each) => sum + (each.source === 'estimated' ? (each.actualNanoUsd ?? 0n) : 0n),
      0n,
    ),
  }))
}

describe('cost of a run', () => {
  it('CST-040, CST-041: attempts with estimate and cost, summed by model, node and agent, agree with the budget', async () => {
    const { box, runId, records } = await ran(flaky())
    const cost = runCostOf(records)
    expect(cost.attempts.map(({ node, status, source, why }) => ({ node, status, source, why }))).toEqual([
      { node: 'first', status: 'failed', source: 'estimated', why: 'no_answer' },
      { node: 'first', status: 'succeeded', source: 'local', why: null },
      { node: 'second', status: 'succeeded', source: 'local', why: null },
    ])
    const [lost] = cost.attempts
    expect([lost?.actualNanoUsd, lost?.leastNanoUsd]).toEqual([lost?.estimateNanoUsd, 0n])
    expect(cost.total.estimatedNanoUsd).toBe(lost?.actualNanoUsd)
    expect(cost.total.actualNanoUsd).toBe(parseNano(costOf(records).spent.cost_nano_usd))
    expect(cost.total.estimateNanoUsd).toBeGreaterThan(cost.total.actualNanoUsd)
    expect(cost.byNode.map(({ name, calls }) => [name, calls])).toEqual([
      ['first', 2],
      ['second', 1],
    ])
    expect(cost.byAgent.map(({ name }) => name)).toEqual(['clerk'])
    const few = await box.sb.runs.records('acme', runId, { types: COST_RECORDS })
    expect(runCostOf(few)).toEqual(cost)
    expect(lineageGaps(records)).toEqual([])
  })

  it('CST-043: what is kept up record by record is after each record what the records tell', async () => {
    const { records } = await ran(flaky())
    for (let count = 1; count <= records.length; count++)
      expect(tallied(records.slice(0, count))).toEqual(summed(records.slice(0, count)))
    expect(tallied(records)).toHaveLength(1)
  })

  it('CST-042, CST-043: an attempt whose worker died is charged its reservation and told as lost, in the sums as in the budget', async () => {
    const { records } = await ran(scriptedModel('clerk', () => 'done'))
    // The history as it would be had the worker died after its intent: asked again, under the same key.
    const intent = records.find((record) => record.type === 'activity.intent')
    if (!intent) throw new Error('a run with a model has an intent')
    const twice = records.flatMap((record) => (record === intent ? [intent, intent] : [record]))
    const cost = runCostOf(twice)
    expect(cost.attempts[0]).toMatchObject({ status: 'lost', source: 'estimated', why: 'lost', attempt: 1 })
    expect(cost.attempts[1]).toMatchObject({ status: 'succeeded', attempt: 2 })
    expect(cost.total.actualNanoUsd).toBe(parseNano(costOf(twice).spent.cost_nano_usd))
    expect(tallied(twice)).toEqual(summed(twice))
    const open = runCostOf(records.slice(0, records.indexOf(intent) + 1))
    expect(open).toMatchObject({ heldNanoUsd: parseNano(intent.reserved.cost_nano_usd), total: { actualNanoUsd: 0n } })
    // Left behind by a restore: charged as well.
    const branch = { ...intent, type: 'branch.started' as const }
    const leftBehind = [...records.slice(0, records.indexOf(intent) + 1), branch as unknown as (typeof records)[number]] // only its type is read
    const left = runCostOf(leftBehind)
    expect(tallied(leftBehind)).toEqual(summed(leftBehind))
    expect(left.total.actualNanoUsd).toBe(parseNano(intent.reserved.cost_nano_usd))
  })

  it('CST-050: costs are computed again from told usage alone; what was assumed and what has no price is left out', async () => {
    const { records } = await ran(flaky())
    const { attempts } = runCostOf(records)
    const dearer = recomputedCost(attempts, ({ model }) => table('8.00').lookup(model))
    // A busy machine may lose a lease, and with it an attempt more.
    const told = attempts.filter(({ status }) => status === 'succeeded')
    expect(attempts[0]?.status).toBe('failed')
    expect(dearer.lines.map(({ seq }) => seq)).toEqual(told.map(({ outcomeSeq }) => outcomeSeq))
    for (const line of dearer.lines)
      expect(parseNano(line.corrected_nano_usd)).toBeGreaterThan(parseNano(line.settled_nano_usd))
    expect(recomputedCost(attempts, ({ model }) => table('4.00').lookup(model)).lines).toEqual([])
    expect(recomputedCost(attempts, () => null)).toEqual({ lines: [], unpriced: ['scripted/clerk'] })
  })

  it('CST-051: a correction is on record with who and why; what was settled stays, no budget is refilled, it can be corrected again', async () => {
    const { box, runId, records } = await ran(scriptedModel('clerk', () => 'done'))
    const before = runCostOf(records)
    const order = async (output: string) => {
      const { attempts } = runCostOf(await box.sb.runs.records('acme', runId))
      const { lines } = recomputedCost(attempts, ({ model }) => table(output).lookup(model))
      const plain = lines.map(({ model: _, ...line }) => line)
      await box.sb.runs.correctCost({ runId, table: table(output).id, lines: plain, by: ANA, reason: 'new contract' })
      return lines.length
    }
    expect(await order('8.00')).toBe(2)
    const after = await box.sb.runs.records('acme', runId)
    expect(after.at(-1)).toMatchObject({ type: 'cost.corrected', table: table('8.00').id, by: ANA })
    const cost = runCostOf(after)
    expect(cost.total).toEqual(before.total)
    expect(cost.correctedNanoUsd).toBeGreaterThan(cost.total.actualNanoUsd)
    expect(costOf(after).spent).toEqual(costOf(records).spent)
    expect((await box.sb.runs.get('acme', runId)).costNanoUsd).toBe(before.total.actualNanoUsd.toString())
    // Back to what was settled: a later correction takes the place of the first.
    expect(await order('4.00')).toBe(2)
    expect(runCostOf(await box.sb.runs.records('acme', runId)).correctedNanoUsd).toBe(before.total.actualNanoUsd)
    expect(await order('4.00')).toBe(0)
    const row = await box.sb.runs.get('acme', runId)
    expect(auditRun(await box.store.records('acme', runId), row)).toMatchObject({ verified: true })
    const all = await box.sb.runs.records('acme', runId)
    expect(lineageGaps(all)).toEqual([])
    expect(explain(all, { now: box.host.now() }).story.at(-2)?.text).toContain('computed the cost of 2 calls again')
  })

  it('CST-052: a run that has not ended is not corrected', async () => {
    const box = set.box({ workflows: [flow], models: [scriptedModel('clerk', () => 'done')] })
    const runId = await box.start('priced', 'go')
    await expect(
      box.sb.runs.correctCost({ runId, table: 't', lines: [], by: ANA, reason: 'why not' }),
    ).rejects.toMatchObject({
      code: 'RUN_STATE',
    })
    expect((await box.sb.runs.records('acme', runId)).some(({ type }) => type === 'cost.corrected')).toBe(false)
  })
})

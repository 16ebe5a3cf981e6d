import { benchSet } from '../testing/bench-box.ts'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { RunRecord } from '../contracts/records.ts'
import { clerkFlow, clerkModel } from '../testing/agent-kit.ts'
import { KIT_TOOLS, payTool, readTool } from '../testing/engine-kit.ts'
import { scriptedPolicy } from '../testing/scripted-policy.ts'

const set = benchSet()
const { box, bank } = set
afterEach(() => set.close())

const turns = [
  [{ tool: 'pay.send', args: { to: 'bob', amount: 1 } }],
  [{ tool: 'pay.send', args: { to: 'eve', amount: 2 } }],
]

describe('streams', () => {
  const kinds = (records: readonly RunRecord[]) => records.map((record) => record.type)

  it('ENG-140: deltas are shown without ids while a model answers, and none when a rule is in force at the output', async () => {
    for (const rule of [false, true]) {
      const { model } = clerkModel([[{ tool: 'get.one', args: { n: 1 } }]], 'a long enough answer in several parts')
      const one = box({
        workflows: [clerkFlow([readTool((n) => n)])],
        models: [model],
        policy: scriptedPolicy({ tools: KIT_TOOLS, ...(rule ? { points: ['output' as const] } : {}) }),
      })
      const deltas: string[] = []
      one.sb.onItem((item) => {
        if (item.kind === 'delta') deltas.push('delta' in item.delta ? item.delta.delta : '')
      })
      one.work()
      const { output } = await one.run('clerks', 'go')
      expect(output).toBe('a long enough answer in several parts')
      expect(deltas.join('')).toBe(rule ? '' : 'a long enough answer in several parts')
    }
  })

  it('BEN-010: an answer in many pieces is not a look into the store for each of them', async () => {
    const { model } = clerkModel([], 'done')
    const slow: typeof model = {
      ...model,
      call: async (request, options) => {
        for (let i = 0; i < 100; i++) {
          options.onDelta({ type: 'text-delta', id: '0', delta: 'x' })
          await new Promise((resolve) => setImmediate(resolve))
        }
        return model.call(request, { ...options, onDelta: () => undefined })
      },
    }
    const one = box({ workflows: [clerkFlow([])], models: [slow] })
    const looks = vi.spyOn(one.store, 'run')
    const runId = await one.start('clerks', 'go')
    const pieces: string[] = []
    const reader = (async () => {
      for await (const item of one.sb.runs.stream('acme', runId))
        if (item.kind === 'delta' && 'delta' in item.delta) pieces.push(item.delta.delta)
    })()
    one.work()
    await reader
    expect(pieces.join('')).toBe('x'.repeat(100))
    expect(looks.mock.calls.length).toBeLessThan(30)
  })

  it('ENG-141: an output that a rule denies is of nobody: the run stops and its result is empty', async () => {
    const { model } = clerkModel([], 'leak')
    const one = box({
      workflows: [clerkFlow([])],
      models: [model],
      policy: scriptedPolicy({
        tools: KIT_TOOLS,
        points: ['output'],
        decide: (request) => (request.point === 'output' ? { verdict: 'deny', reason_code: 'LEAK' } : undefined),
      }),
    })
    one.work()
    expect(await one.run('clerks', 'go')).toMatchObject({
      status: 'stopped',
      output: null,
      reason: { kind: 'denied', code: 'POLICY_DENIED' },
    })
  })

  it('ENG-142: a slow reader, one that leaves and one that comes back by sequence change nothing and miss nothing', async () => {
    const outside = await bank()
    const play = async (watch: boolean) => {
      const { model } = clerkModel(turns)
      const one = box({ workflows: [clerkFlow([payTool(outside)])], models: [model] })
      one.work()
      const runId = await one.start('clerks', 'go')
      const seen: number[] = []
      if (watch) {
        for await (const item of one.sb.runs.stream('acme', runId)) {
          if (item.kind === 'record') seen.push(item.record.seq)
          if (seen.length === 3) break
        }
        for await (const item of one.sb.runs.stream('acme', runId, { after: seen.at(-1) ?? 0 })) {
          if (item.kind === 'record') seen.push(item.record.seq)
          for (let n = 0; n < 5; n++) await one.host.macrotask()
        }
      }
      await one.ended(runId)
      const records = await one.records(runId)
      if (watch) expect(seen).toEqual(records.map((record) => record.seq))
      return kinds(records)
    }
    expect(await play(true)).toEqual(await play(false))
  })
})

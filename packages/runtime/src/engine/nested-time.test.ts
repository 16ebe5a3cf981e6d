import { afterEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { workflow } from '../orchestration/index.ts'
import { lineageGaps } from '../observability/index.ts'
import { benchSet, WIDE_BUDGET } from '../testing/bench-box.ts'
import { readTool } from '../testing/engine-kit.ts'

const set = benchSet()
const { box } = set
afterEach(() => set.close())

const LONG_LEASE = { leaseMs: 10_000_000 }
const number = z.number()

/** A workflow with two steps that read, as a tool of a node around it. */
function nested(read: ReturnType<typeof readTool>, limits: { readonly timeoutSeconds?: number } = {}) {
  const def = { version: '1.0.0', input: number, output: number, budget: WIDE_BUDGET, state: {} }
  const step = {
    input: number,
    output: number,
    tools: [read],
    retry: { attempts: 5, backoffSeconds: 1_000 },
    run: async (n: number, ctx: { call: (tool: typeof read, args: { n: number }) => Promise<unknown> }) => {
      await ctx.call(read, { n })
      return n + 1
    },
  }
  const inner = workflow({ name: 'inner', ...def })
    .timer('rest', { message: number, seconds: 1_000 })
    .node('first', step)
    .node('second', step)
    .start('rest')
    .edge('rest', 'first')
    .edge('first', 'second')
    .output('second')
    .build()
  return workflow({ name: 'outer', ...def })
    .workflow('enter', inner, limits)
    .start('enter')
    .output('enter')
    .build()
}

function latch() {
  let open: () => void = () => undefined
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { open: () => open(), opened }
}

describe('time inside a nested workflow', () => {
  it('TIM-027: is time of the node that entered it, without what waits there; its limit ends the nodes there at once', async () => {
    const hold = latch()
    let reads = 0
    const read = readTool(async (n) => {
      reads += 1
      if (reads === 2) await hold.opened
      return n
    })
    const one = box({ workflows: [nested(read, { timeoutSeconds: 20 })] })
    one.work(LONG_LEASE)
    const runId = await one.start('outer', 1)
    await one.until(async () => ((await one.row(runId)).status === 'waiting' ? true : null), 'the timer inside')
    await one.host.advance(1_000_000)
    await one.until(() => (reads === 2 ? true : null), 'the second read')
    await one.until(async () => {
      await one.host.advance(1_000)
      return (await one.row(runId)).status === 'stopped' ? true : null
    }, 'the end')
    expect((await one.ended(runId)).reason?.code).toBe('NODE_TIMEOUT')
    const failures = await one.of(runId, 'activation.failed')
    expect(failures.map(({ code, retry_at }) => [code, retry_at])).toEqual([
      ['NODE_TIMEOUT', null],
      ['NODE_TIMEOUT', null],
    ])
    expect(lineageGaps(await one.records(runId))).toEqual([])
    hold.open()
  })

  it('TIM-063: is left at its next barrier when the worker is stopped, and goes on in another', async () => {
    const hold = latch()
    const seen: number[] = []
    const read = readTool(async (n) => {
      seen.push(n)
      if (n === 1) await hold.opened
      return n
    })
    const one = box({ workflows: [nested(read)] })
    const worker = one.work(LONG_LEASE)
    const runId = await one.start('outer', 1)
    await one.until(async () => ((await one.row(runId)).status === 'waiting' ? true : null), 'the timer inside')
    await one.host.advance(1_000_000)
    await one.until(() => (seen.length === 1 ? true : null), 'the first read')
    const stopped = worker.stop(100_000)
    hold.open()
    await stopped
    expect(seen).toEqual([1])
    const left = await one.row(runId)
    expect([left.status, left.leaseOwner]).toEqual(['running', null])
    const two = one.another()
    two.work()
    expect((await two.ended(runId)).output).toBe(3)
    expect(seen).toEqual([1, 2])
  })
})

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { agent } from '../agents/index.ts'
import { sleep, systemHost } from '../base/host.ts'
import { SignalboxError } from '../base/errors.ts'
import type { RunCommit, Store } from '../contracts/store.ts'
import { workflow } from '../orchestration/index.ts'
import { memoryStore, openSqliteStore } from '../stores/index.ts'
import { type BenchBox, benchSet, WIDE_BUDGET } from '../testing/bench-box.ts'
import { oneNode, payTool, readTool } from '../testing/engine-kit.ts'
import { type FaultPlan, faultStore } from '../testing/fault-store.ts'
import { storeWith } from '../testing/store-with.ts'
import { scriptedModel } from '../testing/scripted-model.ts'

const set = benchSet()
const { box, bank } = set
afterEach(() => set.close())

/** A memory store that writes down what each commit held. */
function counted(): { store: Store; commits: (readonly string[])[] } {
  const inner = memoryStore()
  const commits: (readonly string[])[] = []
  const commit = async (all: readonly RunCommit[]) => {
    const result = await inner.commit(all)
    for (const [i, one] of all.entries())
      if (result[i]?.status === 'committed') commits.push(one.records.map((record) => record.type))
    return result
  }
  return { commits, store: storeWith(inner, { commit }) }
}

describe('flushes', () => {
  it('ENG-010: a turn with an effect makes two flushes, a turn without one', async () => {
    const outside = await bank()
    const pay = payTool(outside)
    const clerk = agent({
      name: 'clerk',
      model: 'scripted/clerk',
      instructions: 'pay',
      maxOutputTokens: 50,
      tools: [pay],
      input: z.string(),
      output: z.string(),
    })
    const flow = workflow({
      name: 'clerks',
      version: '1.0.0',
      input: z.string(),
      output: z.string(),
      budget: WIDE_BUDGET,
      state: {},
    })
      .agent('clerk', clerk, { prompt: (text) => text })
      .start('clerk')
      .output('clerk')
      .build()
    async function flushes(turns: number): Promise<number> {
      const model = scriptedModel('clerk', ({ messages }) => {
        const turn = messages.filter((message) => message.role === 'assistant').length
        return turn < turns ? { calls: [{ tool: 'pay.send', args: { to: 'bob', amount: turn } }] } : 'paid'
      })
      const { store, commits } = counted()
      const one = box({ workflows: [flow], store, models: [model] })
      one.work()
      expect(await one.run('clerks', 'go')).toMatchObject({ status: 'completed' })
      return commits.length
    }
    const none = await flushes(0)
    expect((await flushes(5)) - none).toBe(10)
    // The intent of the model and the end of the run with its barrier.
    expect(none).toBeLessThanOrEqual(3)
  })

  it('ENG-011: a read makes no flush of its own', async () => {
    const read = readTool((n) => n)
    const flow = oneNode(
      async (count, ctx) => {
        for (let n = 0; n < Number(count); n++) await ctx.call(read, { n })
        return null
      },
      { tools: [read] },
    )
    async function flushes(reads: number): Promise<number> {
      const { store, commits } = counted()
      const one = box({ workflows: [flow], store })
      one.work()
      await one.run('one', reads)
      return commits.length
    }
    expect(await flushes(20)).toBe(await flushes(0))
  })

  it('ENG-012: when an effect arrives outside, its intent and everything before it are durable', async () => {
    const outside = await bank()
    const pay = payTool(outside)
    const read = readTool((n) => n)
    const flow = oneNode(
      async (_input, ctx) => {
        for (let n = 0; n < 3; n++) await ctx.call(read, { n })
        return (await ctx.call(pay, { to: 'bob', amount: 5 })).status
      },
      { tools: [pay, read] },
    )
    // Each commit takes longer than the way to the target.
    const inner = memoryStore()
    const commit: Store['commit'] = async (commits) => {
      await sleep(systemHost, 40)
      return inner.commit(commits)
    }
    const one = box({ workflows: [flow], store: storeWith(inner, { commit }) })
    let atSend: string[] = []
    let runId = ''
    outside.onPayment(async () => {
      atSend = (await one.records(runId)).map((record) => record.type)
    })
    one.work()
    runId = await one.start('one', null)
    expect((await one.ended(runId)).output).toBe('succeeded')
    const read1 = ['activity.intent', 'activity.outcome']
    expect(atSend).toEqual(['run.started', 'segment.started', ...read1, ...read1, ...read1, 'activity.intent'])
  })
})

describe('commits', () => {
  const failing = (plan: FaultPlan): Store => faultStore(memoryStore(), plan)

  it.each(['after_commit_lost_ack', 'before_commit', 'disk_full'] as const)(
    'ENG-013: a commit that ends in `%s` is neither lost nor doubled, and the run goes on',
    async (point) => {
      const outside = await bank()
      const pay = payTool(outside)
      for (const n of [1, 2, 3, 4]) {
        const store = failing((call) => (call.op === 'commit' && call.n === n ? { point } : null))
        const one = box({
          workflows: [
            oneNode(async (_input, ctx) => (await ctx.call(pay, { to: `n${n}`, amount: n })).status, { tools: [pay] }),
          ],
          store,
        })
        one.work()
        expect(await one.run('one', null)).toMatchObject({ status: 'completed', output: 'succeeded' })
        const types = (await one.records(await only(one))).map((record) => record.type)
        expect(types.filter((type) => type === 'activity.intent')).toHaveLength(1)
        expect(outside.booked.filter((booking) => booking.to === `n${n}`)).toHaveLength(1)
      }
    },
  )

  it('ENG-014: while the disk is full the run stays where it was, and goes on by itself when there is room', async () => {
    let full = false
    let times = 0
    const store = failing((call) => (full && call.op === 'commit' ? { point: 'disk_full' } : null))
    const outside = await bank()
    const pay = payTool(outside)
    const one = box({
      workflows: [
        oneNode(
          async (_input, ctx) => {
            await ctx.call(pay, { to: 'bob', amount: 1 })
            times += 1
            if (times === 1) full = true
            return (await ctx.call(pay, { to: 'eve', amount: 2 })).status
          },
          { tools: [pay] },
        ),
      ],
      store,
    })
    const troubles: string[] = []
    one.work({ onTrouble: (error) => troubles.push(error instanceof SignalboxError ? error.code : error.message) })
    const runId = await one.start('one', null)
    await one.until(() => (full ? true : null), 'a full disk')
    const { seq } = await one.row(runId)
    await one.until(() => (troubles.includes('STORE_FULL') ? true : null), 'a worker that gives up')
    expect(await one.row(runId)).toMatchObject({ seq, status: 'running' })
    expect(outside.booked.map((booking) => booking.to)).toEqual(['bob'])
    full = false
    const end = await one.settle(async () => {
      if ((await one.open('question')).length > 0) await one.answer('happened')
      const { status } = await one.row(runId)
      return status === 'completed' ? status : null
    }, 'the end')
    expect(end).toBe('completed')
    expect(outside.booked.map((booking) => booking.to)).toEqual(['bob', 'eve'])
  })

  it('ENG-015: a worker that lost its lease writes and sends nothing more', async () => {
    const outside = await bank()
    const pay = payTool(outside)
    for (const n of [1, 2, 3]) {
      let fences = 0
      const store = failing((call) => {
        if (call.op !== 'commit' || call.n !== n) return null
        fences += 1
        return { point: 'fence' }
      })
      const one = box({
        workflows: [
          oneNode(async (_input, ctx) => (await ctx.call(pay, { to: `n${n}`, amount: 1 })).status, { tools: [pay] }),
        ],
        store,
      })
      one.work()
      const runId = await one.start('one', null)
      // Fenced at the outcome, the effect is unknown to the next worker: it asks, and does not send again.
      const state = await one.settle(async () => {
        const { status } = await one.row(runId)
        return status === 'completed' || (await one.open('question')).length > 0 ? status : null
      }, 'the end or a question')
      if (state !== 'completed') {
        await one.answer('happened')
        await one.ended(runId)
      }
      expect(fences).toBe(1)
      expect((await one.row(runId)).epoch).toBeGreaterThan(1)
      expect(outside.booked.filter((booking) => booking.to === `n${n}`)).toHaveLength(1)
    }
  })

  it.each(['in memory', 'on one file'])('ENG-016: two workers on one store %s run every run once', async (where) => {
    const outside = await bank()
    const pay = payTool(outside)
    const flow = oneNode(async (input, ctx) => (await ctx.call(pay, { to: String(input), amount: 1 })).status, {
      tools: [pay],
    })
    const folder = mkdtempSync(join(tmpdir(), 'signalbox-engine-'))
    const open = () => openSqliteStore({ path: join(folder, 'runs.db'), host: systemHost })
    const one = box({ workflows: [flow], ...(where === 'in memory' ? {} : { store: await open() }) })
    const two = one.another(where === 'in memory' ? {} : { store: await open() })
    one.work({ concurrency: 3 })
    two.work({ concurrency: 3 })
    const runs = await Promise.all(Array.from({ length: 20 }, (_, n) => one.start('one', `n${n}`)))
    const ends = await Promise.all(runs.map((runId) => one.ended(runId)))
    expect(ends.every((end) => end.output === 'succeeded')).toBe(true)
    expect(outside.booked.map((booking) => booking.to).sort()).toEqual(runs.map((_, n) => `n${n}`).sort())
    const workers = await Promise.all(runs.map(async (runId) => (await one.of(runId, 'segment.started'))[0]?.worker))
    expect(new Set(workers).size).toBe(2)
    await set.close()
    if (where !== 'in memory') await two.sb.close()
    rmSync(folder, { recursive: true, force: true })
  })
})

async function only(one: BenchBox): Promise<string> {
  const [row] = await one.store.runs({ tenant: 'acme', limit: 1 })
  return row?.runId ?? ''
}

import { afterEach, describe, expect, it } from 'vitest'
import { SignalboxError } from '../base/errors.ts'
import { sleep, systemHost } from '../base/host.ts'
import { lineageGaps } from '../observability/gaps.ts'
import { memoryStore } from '../stores/index.ts'
import { clerkFlow } from '../testing/agent-kit.ts'
import { benchSet, PAUL } from '../testing/bench-box.ts'
import { oneNode, payTool } from '../testing/engine-kit.ts'
import { sampleCommit, sampleRun } from '../testing/conformance/samples.ts'
import { faultStore, type StoreOperation } from '../testing/fault-store.ts'
import { scriptedModel } from '../testing/scripted-model.ts'
import { SimRandom } from '../testing/sim/random.ts'
import { SIM_SCENARIOS } from '../testing/sim/scenarios/index.ts'
import { simulateWorld } from '../testing/sim/world.ts'
import { skewedHost } from '../testing/skewed-host.ts'
import { storeWith } from '../testing/store-with.ts'
import { Committer, type Committing } from './committer.ts'

const set = benchSet()
const { box, bank } = set
afterEach(() => set.close())

describe('trouble that passes', () => {
  it.each<readonly [StoreOperation, number]>([
    ['effects', 1],
    ['switchBook', 3],
  ])(
    'ENG-190: a store that once does not answer `%s` neither parks the run nor makes it wait for a person, and nothing is sent twice',
    async (op, nth) => {
      const outside = await bank()
      const pay = payTool(outside)
      const flow = oneNode(
        async (_input, ctx) => {
          const end = await ctx.call(pay, { to: 'bob', amount: 5 })
          if (end.status !== 'succeeded') throw new Error(end.status)
          return end.output
        },
        { tools: [pay], retry: { attempts: 2, backoffSeconds: 0.01 } },
      )
      const troubles: string[] = []
      const store = faultStore(memoryStore(), (call) =>
        call.op === op && call.n === nth ? { point: 'before_commit' } : null,
      )
      const one = box({ workflows: [flow], store, switches: { leaseSeconds: op === 'switchBook' ? 0.5 : 3 } })
      one.work({ onTrouble: (error) => troubles.push(error.message) })
      const runId = await one.start('one', null)
      await one.settle(
        async () => ((await one.row(runId)).status === 'completed' ? true : null),
        `the end of the run (${op})`,
      )
      expect(outside.booked).toHaveLength(1)
      expect(await one.of(runId, 'run.parked')).toEqual([])
      expect(await one.of(runId, 'question.asked')).toEqual([])
      if (op === 'effects') expect(troubles.join()).toContain('did not answer')
    },
  )

  it.each([
    ['its clock went on', 0],
    ['its wall clock was set back an hour', -3_600_000],
  ])('ENG-191, ENG-194: a process that stood still right before a send does not send (%s)', async (_, back) => {
    const outside = await bank()
    const pay = payTool(outside, { timeoutSeconds: 5 })
    const flow = oneNode(async (_input, ctx) => (await ctx.call(pay, { to: 'bob', amount: 5 })).status, {
      tools: [pay],
    })
    let stoodStill = 0
    let wall = 0
    const real = skewedHost()
    const host = {
      ...real,
      now: () => real.now() + stoodStill + wall,
      monotonicMs: () => real.monotonicMs() + stoodStill,
    }
    const one = box({
      workflows: [flow],
      store: memoryStore(host),
      host,
      fault: (point) => {
        // Right before the send: the time until which the intent may be sent passes meanwhile.
        if (point === 'intent_durable') [stoodStill, wall] = [6_000, back]
      },
    })
    one.work({ leaseMs: 60_000 })
    expect(await one.run('one', null)).toMatchObject({ status: 'completed', output: 'not_sent' })
    expect(outside.requests).toEqual([])
  })

  it('ENG-195: a run whose last wait ends while a slow store is asked for answers goes on, and does not wait for nothing', async () => {
    const scenario = SIM_SCENARIOS.find(({ name }) => name === 'unanswered')
    if (!scenario) throw new Error('there is no scenario `unanswered`')
    const cut = { kind: 'power_cut', point: 'intent_durable', n: 1 } as const
    let slow = 0
    for (let n = 1; n <= 6; n++)
      for (let seed = 0; seed < 10; seed++) {
        const faults = [cut, { kind: 'slow', point: 'store.inbox', n } as const]
        const runs = scenario.runs(new SimRandom('runs'))
        const end = await simulateWorld({ scenario, runs, acts: [], seed: `inbox ${seed}`, faults })
        expect(end.violation, `slow at ${n}, seed ${seed}`).toBeNull()
        slow += end.fired.length - 1
      }
    expect(slow).toBeGreaterThan(30)
  })

  it('ENG-192: a model call that a crash cut off has its end on record, and its reservation charged, when the run is cancelled', async () => {
    const model = scriptedModel('clerk', () => new Promise<string>(() => undefined))
    const one = box({ workflows: [clerkFlow([])], models: [model] })
    one.work()
    const runId = await one.start('clerks', 'go')
    const intents = await one.until(async () => {
      const found = await one.of(runId, 'activity.intent')
      return found.length > 0 ? found : null
    }, 'the intent')
    await one.killAndExpire()
    await one.sb.runs.cancel({ runId, by: PAUL, reason: 'not needed' })
    one.work()
    expect(await one.ended(runId)).toMatchObject({ status: 'cancelled' })
    const outcomes = await one.of(runId, 'activity.outcome')
    expect(outcomes.at(-1)).toMatchObject({ status: 'cancelled', settled: intents.at(-1)?.reserved })
    expect((await one.row(runId)).costNanoUsd).not.toBe('0')
    expect(lineageGaps(await one.records(runId))).toEqual([])
  })

  it.each(['at once', 'after an error'])(
    'ENG-193: what is asked to be committed at any moment after a commit (%s) is committed, and by itself',
    async (how) => {
      const inner = memoryStore()
      await inner.create(sampleRun('run_a'))
      const [row] = await inner.claim({ worker: 'w', now: 1, leaseUntil: 9, limit: 1, signatures: null })
      if (!row) throw new Error('the run was not claimed')
      for (let microtasks = 0; microtasks < 12; microtasks++) {
        let commits = 0
        let failed = how === 'at once'
        const store = storeWith(inner, {
          commit: async (all) => {
            if (!failed) {
              failed = true
              throw new SignalboxError('STORE_UNAVAILABLE', 'not now')
            }
            commits += 1
            return all.map(() => ({ status: 'committed' as const }))
          },
        })
        const committer = new Committer(store, { ...systemHost, after: (_ms, fn) => systemHost.after(0, fn) })
        let left = 2
        const run: Committing = {
          dead: false,
          row,
          takeCommit: () => (left-- > 0 ? sampleCommit(row) : null),
          onCommitted: () => {
            let ready = Promise.resolve()
            for (let i = 0; i < microtasks; i++) ready = ready.then(() => undefined)
            ready.then(() => committer.request(run))
          },
          onInboxNotEmpty: () => undefined,
          onLost: () => undefined,
        }
        committer.request(run)
        for (let i = 0; i < 50 && commits < 2; i++) await sleep(systemHost, 1)
        expect(commits, `after ${microtasks} microtasks`).toBe(2)
      }
    },
  )
})

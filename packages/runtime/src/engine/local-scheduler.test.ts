import { afterEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { systemHost } from '../base/host.ts'
import type { RunKey, Scheduler } from '../contracts/scheduler.ts'
import { createSignalbox, type Signalbox, workflow } from '../index.ts'
import { keyVault, memoryStore } from '../stores/index.ts'
import { scriptedPolicy } from '../testing/scripted-policy.ts'
import { LocalScheduler } from './local-scheduler.ts'

const ana = { id: 'user:ana', kind: 'user', tenant: 'acme', roles: [] } as const
const run: RunKey = { tenant: 'acme', runId: 'run_1' }
const text = z.string()
const budget = { maxTurns: 1, maxToolCalls: 1, maxRuntimeSeconds: 60, maxTokens: 1, maxCostUsd: '1' }

/** Fails once, so that its second attempt waits for a timer. */
function flaky() {
  let attempts = 0
  return workflow({ name: 'flaky', version: '1.0.0', input: text, output: text, budget, state: {} })
    .node('try', {
      input: text,
      output: text,
      retry: { attempts: 2, backoffSeconds: 0.05 },
      run: async (said) => {
        attempts += 1
        if (attempts === 1) throw new Error('not yet')
        return said
      },
    })
    .start('try')
    .output('try')
    .build()
}

const open: Signalbox[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((one) => one.close()))
})

function compose(scheduler?: Scheduler): Signalbox {
  const store = memoryStore(systemHost)
  const models = {
    resolve: (id: string): never => {
      throw new Error(`no model ${id} here`)
    },
  }
  const box = createSignalbox({
    store,
    vault: keyVault({ store, host: systemHost, masterKey: new Uint8Array(32) }),
    policy: scriptedPolicy({ tools: {} }),
    models,
    workflows: [flaky()],
    ...(scheduler ? { scheduler } : {}),
  })
  open.push(box)
  return box
}

async function play(box: Signalbox, pollMs: number) {
  const worker = box.work({ pollMs })
  const { runId } = await box.runs.start({ workflow: 'flaky', input: 'hello', principal: ana })
  const done = await box.runs.wait('acme', runId)
  await worker.stop()
  return done
}

describe('scheduler', () => {
  it('ENG-177: start, wake and wakeAt alone bring a run to its end, when no worker looks by itself', async () => {
    expect(await play(compose(), 3_600_000)).toMatchObject({ status: 'completed', output: 'hello' })
  })

  it('ENG-178: a scheduler that loses every call harms nothing: workers find what is due in the store', async () => {
    const lossy: Scheduler = {
      start: () => undefined,
      wake: () => undefined,
      wakeAt: () => undefined,
      cancel: () => undefined,
      serve: () => () => undefined,
    }
    expect(await play(compose(lossy), 5)).toMatchObject({ status: 'completed', output: 'hello' })
  })

  it('ENG-179: a wait is told once at its time, not after a cancel, and far ones hold no timer', async () => {
    let now = 1_000
    const timers: { at: number; fn: () => void }[] = []
    const host = {
      ...systemHost,
      now: () => now,
      after: (ms: number, fn: () => void) => {
        const timer = { at: now + ms, fn }
        timers.push(timer)
        return () => void timers.splice(timers.indexOf(timer), timers.includes(timer) ? 1 : 0)
      },
    }
    const pass = (ms: number): void => {
      now += ms
      for (const timer of timers.filter(({ at }) => at <= now)) {
        timers.splice(timers.indexOf(timer), 1)
        timer.fn()
      }
    }
    const scheduler = new LocalScheduler(host)
    const told: RunKey[] = []
    const stop = scheduler.serve((key) => told.push(key))
    scheduler.wakeAt(run, 2_000)
    scheduler.wakeAt(run, 3_000)
    pass(1_500)
    expect(told).toEqual([])
    pass(500)
    expect(told).toEqual([run])
    scheduler.wakeAt(run, 4_000)
    scheduler.cancel(run)
    pass(5_000)
    expect(told).toEqual([run])
    scheduler.wakeAt(run, now + 86_400_000)
    expect(scheduler.waiting).toBe(0)
    stop()
    scheduler.start(run)
    expect(told).toEqual([run])
  })
})

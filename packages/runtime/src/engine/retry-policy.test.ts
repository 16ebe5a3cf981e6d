import { afterEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { SignalboxError } from '../base/errors.ts'
import { timeOf } from '../base/time.ts'
import { workflow } from '../orchestration/index.ts'
import type { RetryOptions, TimeLimits } from '../orchestration/types.ts'
import { benchSet, WIDE_BUDGET } from '../testing/bench-box.ts'
import { oneNode } from '../testing/engine-kit.ts'
import { backoffMs } from './retry.ts'

const set = benchSet()
const { box } = set
afterEach(() => set.close())

const text = z.string()

function declared(retry: RetryOptions | undefined, limits: TimeLimits = {}) {
  const def = { name: 'tries', version: '1.0.0', input: text, output: text, budget: WIDE_BUDGET, state: {} }
  return workflow(def)
    .node('only', { input: text, output: text, run: (m) => m, ...limits, ...(retry ? { retry } : {}) })
    .start('only')
    .output('only')
}

describe('a retry policy', () => {
  it.each([
    ['all', {}, 'TOOL_FAILED', 3],
    ['all', {}, 'POLICY_DENIED', 1],
    ['those of `on`', { on: ['TOOL_FAILED', 'NODE_TIMEOUT'] }, 'TOOL_FAILED', 3],
    ['those of `on`', { on: ['NODE_TIMEOUT'] }, 'TOOL_FAILED', 1],
    ['all but those of `except`', { except: ['TOOL_FAILED'] }, 'TOOL_FAILED', 1],
    ['all but those of `except`', { except: ['NODE_FAILED'] }, 'TOOL_FAILED', 3],
    ['no more than `on` without `except`', { on: ['TOOL_FAILED'], except: ['TOOL_FAILED'] }, 'TOOL_FAILED', 1],
  ] as const)('TIM-030: tries again after %s (%j, %s: %i)', async (_what, policy, code, attempts) => {
    const flow = oneNode(
      () => {
        throw new SignalboxError(code, 'it went wrong')
      },
      { retry: { attempts: 3, backoffSeconds: 0, ...policy } },
    )
    const one = box({ workflows: [flow] })
    one.work()
    const runId = await one.start('one', null)
    expect((await one.ended(runId)).reason?.code).toBe(code)
    expect(await one.of(runId, 'activation.failed')).toHaveLength(attempts)
  })

  it('TIM-031: waits grow by the factor up to the cap, with a jitter that depends on nothing but the run', async () => {
    const policy = { attempts: 9, backoffSeconds: 2, factor: 3, maxBackoffSeconds: 30 }
    const waits = [1, 2, 3, 4, 5].map((attempt) => backoffMs(policy, attempt, 'seed'))
    for (const [i, full] of [2, 6, 18, 30, 30].entries()) {
      expect(waits[i]).toBeGreaterThanOrEqual(full * 500)
      expect(waits[i]).toBeLessThanOrEqual(full * 1_000)
    }
    expect([1, 2, 3, 4, 5].map((attempt) => backoffMs(policy, attempt, 'seed'))).toEqual(waits)
    expect(backoffMs(policy, 1, 'another')).not.toBe(waits[0])
    let tries = 0
    const flow = oneNode(
      () => {
        tries += 1
        if (tries < 3) throw new SignalboxError('TOOL_FAILED', 'not yet')
        return 'done'
      },
      { retry: policy },
    )
    const one = box({ workflows: [flow] })
    one.work()
    const runId = await one.start('one', null)
    for (let n = 0; n < 2; n++) {
      const failed = await one.until(async () => (await one.of(runId, 'activation.failed'))[n] ?? null, 'a failure')
      expect(failed).toMatchObject({ code: 'TOOL_FAILED', attempt: n + 1 })
      const wait = timeOf(failed.retry_at ?? '') - timeOf(failed.at)
      expect(wait).toBeGreaterThanOrEqual((n === 0 ? 2 : 6) * 499)
      expect(wait).toBeLessThanOrEqual((n === 0 ? 2 : 6) * 1_000)
      await one.until(async () => ((await one.row(runId)).status === 'waiting' ? true : null), 'the wait')
      await one.host.advance(6_000)
    }
    expect((await one.ended(runId)).output).toBe('done')
  })

  it.each([
    [{ attempts: 2, on: ['SOON'] }, 'which is no error code'],
    [{ attempts: 2, except: ['SOON'] }, 'which is no error code'],
    [{ attempts: 2, on: ['BUDGET_EXHAUSTED'] }, 'which another attempt cannot mend'],
    [{ attempts: 2, on: ['REPLAY_DIVERGED'] }, 'which another attempt cannot mend'],
    [{ attempts: 2, factor: 0.5 }, '`retry.factor` must be 1 or more'],
    [{ attempts: 2, maxBackoffSeconds: -1 }, '`retry.maxBackoffSeconds` must be 0 or more'],
  ])('TIM-032: %j is an error of the definition', (retry, says) => {
    // What a caller without types may declare.
    const { errors } = declared(retry as RetryOptions).validate()
    expect(errors).toHaveLength(1)
    expect(errors[0]).toContain(says)
  })

  it('TIM-026: a time limit that is none is an error; declared, it is part of the signature, and left out it is not', () => {
    for (const limit of ['timeoutSeconds', 'idleTimeoutSeconds'] as const)
      for (const seconds of [0, -1, Number.NaN, Number.POSITIVE_INFINITY])
        expect(declared(undefined, { [limit]: seconds }).validate().errors).toEqual([
          `node \`only\`: \`${limit}\` must be a number of seconds above 0`,
        ])
    const plain = declared(undefined).build().spec
    expect(plain.description).toMatchObject({
      graph: { nodes: { only: { retry: { attempts: 1, backoff_seconds: 1 } } } },
    })
    expect(JSON.stringify(plain.description)).not.toMatch(/timeout|factor|except/)
    const changed = [
      declared(undefined, { timeoutSeconds: 5 }),
      declared(undefined, { idleTimeoutSeconds: 5 }),
      declared({ attempts: 1, factor: 3 }),
      declared({ attempts: 1, maxBackoffSeconds: 3 }),
      declared({ attempts: 1, on: ['TOOL_FAILED'] }),
      declared({ attempts: 1, except: ['TOOL_FAILED'] }),
    ].map((one) => one.build().spec.signature)
    expect(new Set([plain.signature, ...changed]).size).toBe(7)
    expect(declared({ attempts: 1 }).build().spec.signature).toBe(plain.signature)
  })
})

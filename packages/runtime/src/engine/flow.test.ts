import { afterEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { JsonValue } from '../base/json.ts'
import type { FlowCtx } from '../orchestration/index.ts'
import { benchSet } from '../testing/bench-box.ts'
import { payTool, readTool } from '../testing/engine-kit.ts'
import { job, parked } from '../testing/flow-kit.ts'

const set = benchSet()
const { box, bank } = set
afterEach(() => set.close())

describe('a durable function', () => {
  it('FLW-001: is a workflow of one node; its calls pass the door and its result is the output', async () => {
    const outside = await bank()
    const [pay, read] = [payTool(outside), readTool((n) => n * 2)]
    const work = job(
      async (input, f) => {
        const twice = await f.call(read, { n: Number(input) })
        const amount = twice.status === 'succeeded' ? twice.output : 0
        const fee = await f.step('fee', { amount }, (args) => args.amount + 1)
        const paid = await f.call(pay, { to: 'bob', amount: fee })
        return { fee, paid: paid.status }
      },
      { tools: [pay, read] },
    )
    expect([...work.spec.nodes.keys()]).toEqual(['job'])
    const one = box({ workflows: [work] })
    one.work()
    const result = await one.run('job', 20)
    expect(result.output).toEqual({ fee: 41, paid: 'succeeded' })
    expect(outside.booked.map(({ amount }) => amount)).toEqual([41])
    const outcomes = await one.of(result.runId, 'activity.outcome')
    expect(outcomes.map(({ kind, name }) => `${kind} ${name}`)).toEqual(['tool get.one', 'step fee', 'tool pay.send'])
    const spent = outcomes[1]?.settled
    expect(spent).toEqual({ turns: 0, tool_calls: 0, tokens: 0, cost_nano_usd: '0' })
  })

  it('FLW-002: computes a step once; after a crash the recorded result is given', async () => {
    const outside = await bank()
    const pay = payTool(outside)
    const computed: string[] = []
    const work = job(
      async (_input, f) => {
        const [a, b] = await Promise.all(
          ['a', 'b'].map((name) =>
            f.step(name, null, (_args, step) => {
              computed.push(name)
              return { at: step.now().getTime(), drawn: step.random(), run: step.runId }
            }),
          ),
        )
        await f.sleep(60)
        const paid = await f.call(pay, { to: 'bob', amount: 1 })
        return { a: a ?? null, b: b ?? null, paid: paid.status }
      },
      { tools: [pay] },
    )
    const one = box({ workflows: [work] })
    one.work()
    const { runId, status } = await one.run('job', null)
    expect(status).toBe('waiting')
    const contents = await one.sb.runs.contents('acme', runId)
    const results = (await one.of(runId, 'activity.outcome')).map(({ result }) => result)
    const first = await Promise.all(results.map((ref) => (ref ? contents.read(ref) : null)))
    await one.kill()
    const next = one.another()
    next.work()
    await next.host.advance(61_000)
    const ended = await next.ended(runId)
    expect(ended.output).toEqual({ a: first[0], b: first[1], paid: 'succeeded' })
    expect(computed).toEqual(['a', 'b'])
    expect(outside.booked).toHaveLength(1)
  })

  it('FLW-003: a step that throws is a recorded failure that the function can catch, the same in a replay', async () => {
    let calls = 0
    const work = job(async (_input, f) => {
      const said = await f
        .step('break', { n: 1 }, () => {
          calls += 1
          throw new Error(`broken ${calls}`)
        })
        .catch((thrown: unknown) => (thrown instanceof Error ? thrown.message : ''))
      await f.sleep(60)
      return said
    })
    const one = box({ workflows: [work] })
    one.work()
    const { runId } = await one.run('job', null)
    await one.host.advance(61_000)
    expect((await one.ended(runId)).output).toBe('step `break` failed: broken 1')
    expect(calls).toBe(1)
    const [outcome] = await one.of(runId, 'activity.outcome')
    expect([outcome?.status, outcome?.code]).toEqual(['failed', 'STEP_FAILED'])
  })

  it('FLW-003: a failure that nobody catches ends the run with its reason', async () => {
    const one = box({
      workflows: [job((_input, f) => f.step('break', null, () => Promise.reject(new Error('no more paper'))))],
    })
    one.work()
    const result = await one.run('job', null)
    expect([result.status, result.reason?.code]).toEqual(['stopped', 'STEP_FAILED'])
  })

  it('FLW-004: a step is tried again as often as it declares, counted over crashes, and waits outside memory', async () => {
    const attempts: number[] = []
    const work = job((_input, f) =>
      f.step(
        'flaky',
        null,
        (_args, step) => {
          attempts.push(step.attempt)
          if (step.attempt < 3) throw new Error('not yet')
          return 'done'
        },
        { retry: { attempts: 3, backoffSeconds: 30 } },
      ),
    )
    const one = box({ workflows: [work] })
    const worker = one.work()
    const { runId } = await one.run('job', null)
    await one.until(() => (worker.inMemory === 0 ? true : null), 'an empty memory')
    const waiting = (await one.of(runId, 'run.waiting')).at(-1)
    expect(waiting?.on.map(({ kind }) => kind)).toEqual(['retry'])
    await one.killAndExpire()
    const next = one.another()
    next.work()
    const output = await next.settle(async () => {
      const { status } = await next.row(runId)
      return status === 'completed' ? (await next.ended(runId)).output : null
    }, 'the third attempt')
    expect(output).toBe('done')
    expect(attempts).toEqual([1, 2, 3])
    expect((await next.of(runId, 'step.failed')).map(({ attempt, code }) => [attempt, code])).toEqual([
      [1, 'STEP_FAILED'],
      [2, 'STEP_FAILED'],
    ])
  })

  it('FLW-005: the body gets a copy of its arguments, and what it gives must be JSON', async () => {
    const given = { list: [1] }
    const work = job(async (_input, f) => {
      const first = await f.step('change', given, (args) => {
        args.list.push(2)
        return args
      })
      first.list.push(3)
      const bad = await f
        .step('bad', null, () => 10n)
        .then(
          () => 'taken',
          (thrown: unknown) => (thrown instanceof Error ? thrown.message : ''),
        )
      const name = await f.step('Bad name', null, () => 1).catch(() => 'refused')
      return { given, first, bad, name }
    })
    const one = box({ workflows: [work] })
    one.work()
    const { output } = await one.run('job', null)
    expect(output).toMatchObject({ given: { list: [1] }, first: { list: [1, 2, 3] }, name: 'refused' })
    expect(JSON.stringify(output)).toContain('step `bad`')
  })

  it('FLW-007: an attempt that takes too long is a failure of the step, and its signal is aborted', async () => {
    let aborted = false
    const work = job((_input, f) =>
      f
        .step(
          'slow',
          null,
          (_args, { signal }) =>
            new Promise<string>(() => {
              signal.addEventListener('abort', () => {
                aborted = true
              })
            }),
          { timeoutSeconds: 5 },
        )
        .catch((thrown: unknown) => (thrown instanceof Error ? thrown.message : '')),
    )
    const one = box({ workflows: [work] })
    one.work()
    const runId = await one.start('job', null)
    const output = await one.settle(async () => {
      const { status } = await one.row(runId)
      return status === 'completed' ? (await one.ended(runId)).output : null
    }, 'the end of the attempt')
    expect(output).toContain('no answer within 5 s')
    expect(aborted).toBe(true)
  })
})

describe('a function that asks for something else than is on record', () => {
  const before = (f: FlowCtx<never>) => f.step('first', { n: 1 }, () => 'one')

  async function replayed(run: (f: FlowCtx<never>) => Promise<JsonValue>): Promise<string> {
    const one = box({
      workflows: [
        job(async (_input, f) => {
          await before(f)
          await f.sleep(60)
          return null
        }),
      ],
    })
    one.work()
    const { runId } = await one.run('job', null)
    await one.kill()
    const next = one.another({ workflows: [job((_input, f) => run(f))] })
    next.work()
    await next.host.advance(61_000)
    return parked(next, runId)
  }

  it('FLW-020: parks and names both asks with their arguments', async () => {
    const said = await replayed(async (f) => {
      await f.step('first', { n: 2 }, () => 'one')
      return null
    })
    expect(said).toMatch(
      /^REPLAY_DIVERGED: ask 0 of `root\.0\.job\.0` is step `first` with arguments `\S{12}` now, and step `first` with arguments `\S{12}` is on record: the arguments differ;/,
    )
  })

  it('FLW-020: parks when another step stands in its place', async () => {
    const said = await replayed(async (f) => {
      await f.step('other', { n: 1 }, () => 'one')
      return null
    })
    expect(said).toContain('is step `other` with arguments')
    expect(said).toContain('and step `first` with arguments')
    expect(said).toContain('it is another call')
  })

  it('FLW-020: parks when what is on record is not asked again, and when it is asked beside', async () => {
    expect(await replayed(async () => null)).toContain('(step `first`) is on record and was not asked again')
    const said = await replayed(async (f) => {
      await before(f)
      await f.step('between', null, () => 1)
      return null
    })
    expect(said).toContain('ask 1 of `root.0.job.0` is step `between`')
    expect(said).toContain('timer `sleep`')
  })
})

describe('a function that goes on from a checkpoint', () => {
  it('FLW-023: starts there with its state, and replays nothing before it', async () => {
    const computed: number[] = []
    const work = job<{ next: number; sum: number }>(
      async (_input, f) => {
        let { next, sum } = f.from ?? { next: 0, sum: 0 }
        for (; next < 4; next++) {
          const n = next
          if (n === 3) await f.sleep(60)
          sum += await f.step('add', { n }, () => {
            computed.push(n)
            return n
          })
          await f.checkpoint({ next: next + 1, sum })
        }
        return { sum, from: f.from }
      },
      { checkpoint: z.object({ next: z.number(), sum: z.number() }) },
    )
    const one = box({ workflows: [work] })
    one.work()
    const { runId } = await one.run('job', null)
    await one.kill()
    const next = one.another()
    next.work()
    await next.host.advance(61_000)
    expect((await next.ended(runId)).output).toEqual({ sum: 6, from: { next: 3, sum: 3 } })
    expect(computed).toEqual([0, 1, 2, 3])
    const { asks } = { asks: (await next.of(runId, 'activity.outcome')).map(({ ask }) => ask.key) }
    expect(asks.at(-1)).toBe('root.0.job.0/3/1')
  })
})

describe('what a function does not wait for', () => {
  it('FLW-028: a step that fails beside it is on record, and neither it nor a sleep that is taken back ends the process', async () => {
    const later: string[] = []
    const work = job(async (_input, f) => {
      void f.step('beside', null, () => Promise.reject(new Error('nobody looks')))
      void f.sleep(60).then(() => later.push('slept'))
      return f.step('main', null, () => 'done')
    })
    const one = box({ workflows: [work] })
    one.work()
    const { runId, output } = await one.run('job', null)
    expect(output).toBe('done')
    const ends = (await one.of(runId, 'activity.outcome')).map(({ name, status }) => `${name} ${status}`)
    expect(ends.sort()).toEqual(['beside failed', 'main succeeded', 'sleep cancelled'])
    expect(later).toEqual([])
  })
})

describe('a checkpoint with something open', () => {
  it('FLW-027: parks the run: it would forget what was asked', async () => {
    const work = job<number>(
      async (_input, f) => {
        const open = f.sleep(60)
        await f.checkpoint(1)
        await open
        return null
      },
      { checkpoint: z.number() },
    )
    const one = box({ workflows: [work] })
    one.work()
    const runId = await one.start('job', null)
    expect(await parked(one, runId)).toContain('await it first')
    expect(await one.of(runId, 'position.saved')).toEqual([])
  })
})

describe('a step that calls out by itself', () => {
  it('FLW-006, HOL-015: is noticed; in development it is on record, in production it ends the run', async () => {
    const outside = await bank()
    const work = job((_input, f) =>
      f.step('sneak', null, async () => (await fetch(`http://${outside.host}/find?key=x`)).status),
    )
    const one = box({ workflows: [work] })
    one.work()
    const { runId, status } = await one.run('job', null)
    expect(status).toBe('completed')
    const calls = await one.of(runId, 'unmediated.call')
    expect(calls.map(({ where, host }) => [where, host])).toEqual([['step', outside.host]])
    const strict = box({ workflows: [work], mode: 'production' })
    strict.work()
    const stopped = await strict.run('job', null)
    expect([stopped.status, stopped.reason?.code]).toEqual(['stopped', 'UNMEDIATED_CALL'])
  })
})

import { APICallError } from '@ai-sdk/provider'
import { afterEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import {
  agent,
  createModels,
  createSignalbox,
  keyVault,
  loadPrices,
  memoryStore,
  type Principal,
  type ProviderOptions,
  type RunRecord,
  type Signalbox,
  type StreamItem,
  systemHost,
  workflow,
} from '../src/index.ts'
import { modelFailure } from '../src/agents/failure.ts'
import { costOf, explain, lineageGaps } from '../src/observability/index.ts'
import { checkHistory } from '../src/testing/check-history.ts'
import { scriptedPolicy } from '../src/testing/scripted-policy.ts'
import { type ModelPeer, openPeer, type PeerAnswer } from './model-peer.ts'

const ana: Principal = { id: 'user:ana', kind: 'user', tenant: 'acme', roles: ['requester'] }
const budget = { maxTurns: 5, maxToolCalls: 5, maxRuntimeSeconds: 30, maxTokens: 500_000, maxCostUsd: '10' }
const QUICK: ProviderOptions = { backoffSeconds: 0.005, circuitFailures: 50 }

const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close()
})

interface Desk {
  readonly box: Signalbox
  readonly peer: ModelPeer
  readonly items: StreamItem[]
  run(): Promise<{ runId: string; status: string; output: unknown; reason: unknown; records: readonly RunRecord[] }>
}

async function desk(
  answers: readonly PeerAnswer[],
  options: {
    provider?: ProviderOptions
    fallback?: readonly string[]
    deny?: string
    retry?: number
    limits?: { modelTimeoutSeconds: number }
  } = {},
): Promise<Desk> {
  const peer = await openPeer(...answers)
  open.push(peer)
  const { provider = QUICK, fallback, deny, limits } = options
  const clerk = agent({
    name: 'clerk',
    model: 'openai-compatible/llama3',
    ...(fallback ? { fallback } : {}),
    instructions: 'Answer.',
    maxOutputTokens: 200,
    tools: [],
    input: z.string(),
    output: z.string(),
  })
  const flow = workflow({ name: 'desk', version: '1', input: z.string(), output: z.string(), budget, state: {} })
    .agent('clerk', clerk, { prompt: (text) => text })
    .start('clerk')
    .output('clerk')
    .build()
  const store = memoryStore(systemHost)
  const env = { SIGNALBOX_MODEL_BASE_URL: peer.url }
  const box = createSignalbox({
    store,
    vault: keyVault({ store, host: systemHost, masterKey: new Uint8Array(32) }),
    policy: scriptedPolicy({
      tools: {},
      decide: ({ action }) =>
        action.name === deny ? { verdict: 'deny', reason_code: 'MODEL_NOT_ALLOWED' } : undefined,
    }),
    models: createModels({
      env,
      prices: loadPrices(),
      providers: { 'openai-compatible': provider },
      scripted: { spare: () => 'from the spare' },
    }),
    workflows: [flow],
    ...(limits ? { limits } : {}),
  })
  const items: StreamItem[] = []
  box.onItem((item) => items.push(item))
  const worker = box.work({ pollMs: 3 })
  open.push({
    close: async () => {
      await worker.stop()
      for (const row of await store.runs({ tenant: 'acme', limit: 10 })) await checkHistory(store, row)
      await box.close()
    },
  })
  return {
    box,
    peer,
    items,
    run: async () => {
      const { runId } = await box.runs.start({ workflow: 'desk', input: 'hello', principal: ana })
      const { status, output, reason } = await box.runs.wait('acme', runId)
      return { runId, status, output, reason, records: await box.runs.records('acme', runId) }
    },
  }
}

const outcomes = (records: readonly RunRecord[]) => records.filter((record) => record.type === 'activity.outcome')
const intents = (records: readonly RunRecord[]) => records.filter((record) => record.type === 'activity.intent')

describe('trouble that passes', () => {
  it.each([
    ['rate_limited', { status: 429, headers: { 'retry-after': '0' } }, '0'],
    ['overloaded', { status: 500 }, 'all'],
    ['unreachable', { drop: 'before' }, 'all'],
  ] as const)(
    'AGT-120, AGT-121: %s: the call is tried again as an attempt of the one activity',
    async (trouble, answer, cost) => {
      const one = await desk([answer, { say: 'hello there' }])
      const { status, output, records, runId } = await one.run()
      expect({ status, output }).toEqual({ status: 'completed', output: 'hello there' })
      expect(one.peer.asked).toEqual(['llama3', 'llama3'])
      const [first, second] = outcomes(records)
      expect(first).toMatchObject({ status: 'failed', code: 'MODEL_FAILED', trouble, retry: { attempt: 1 } })
      expect(first?.ask.key).toBe(second?.ask.key)
      // What the provider refused cost nothing; of every other attempt the whole reservation is charged.
      const reserved = intents(records)[0]?.reserved
      expect(first?.settled).toEqual({
        turns: 0,
        tool_calls: 0,
        tokens: cost === '0' ? 0 : reserved?.tokens,
        cost_nano_usd: cost === '0' ? '0' : reserved?.cost_nano_usd,
      })
      const end = records.findLast((record) => record.type === 'superstep.completed')
      expect(end?.type === 'superstep.completed' && end.checkpoint.spent).toEqual(costOf(records).spent)
      expect(end?.type === 'superstep.completed' && end.checkpoint.spent.turns).toBe(1)
      expect(lineageGaps(records)).toEqual([])
      expect(runId).toBe(first?.run)
    },
  )

  it('AGT-122: what the provider asks to wait is waited for, and holds nobody', async () => {
    const one = await desk([{ status: 429, headers: { 'retry-after': '1' } }, { say: 'ok' }])
    const { records, status } = await one.run()
    expect(status).toBe('completed')
    const [first, second] = outcomes(records)
    const [before, again] = intents(records)
    expect(Date.parse(again?.at ?? '')).toBeGreaterThanOrEqual(Date.parse(first?.retry?.at ?? ''))
    expect(Date.parse(first?.retry?.at ?? '') - Date.parse(before?.at ?? '')).toBeGreaterThanOrEqual(1_000)
    expect(second?.status).toBe('succeeded')
    const waits = records.flatMap((record) => (record.type === 'run.waiting' ? record.on : []))
    expect(waits).toEqual([{ kind: 'retry', id: first?.ask.key }])
  })

  it('AGT-122: it may ask for it in seconds, in milliseconds or as a date', () => {
    const now = Date.parse('2026-03-01T12:00:00Z')
    const asked = (headers: Record<string, string>): unknown => {
      const error = new APICallError({
        message: 'no',
        url: 'http://peer',
        requestBodyValues: {},
        statusCode: 429,
        responseHeaders: headers,
      })
      return modelFailure('p/m', error, false, now).details.retry_after_seconds
    }
    expect(asked({ 'retry-after': '7' })).toBe(7)
    expect(asked({ 'retry-after-ms': '1500', 'retry-after': '7' })).toBe(1.5)
    expect(asked({ 'retry-after': 'Sun, 01 Mar 2026 12:00:09 GMT' })).toBe(9)
    expect(asked({ 'retry-after': 'Sun, 01 Mar 2026 11:00:00 GMT' })).toBe(0)
    expect(asked({ 'retry-after': 'soon' })).toBeUndefined()
    expect(asked({})).toBeUndefined()
  })

  it('AGT-123: a wait longer than is waited for, or than the run has time left, fails the call at once', async () => {
    const one = await desk([{ status: 429, headers: { 'retry-after': '31' } }], {
      provider: { ...QUICK, maxWaitSeconds: 60 },
    })
    const { status, reason, records } = await one.run()
    expect(status).toBe('stopped')
    expect(reason).toMatchObject({ code: 'MODEL_FAILED' })
    expect(one.peer.asked).toHaveLength(1)
    expect(outcomes(records)).toHaveLength(1)
  })

  it('AGT-124: after the declared attempts the call has failed, each attempt on record', async () => {
    const one = await desk([{ status: 503 }], { provider: { ...QUICK, attempts: 4 } })
    const { status, records } = await one.run()
    expect(status).toBe('stopped')
    expect(one.peer.asked).toHaveLength(4)
    expect(outcomes(records).map((each) => each.retry?.attempt ?? 'end')).toEqual([1, 2, 3, 'end'])
  })

  it.each([
    ['interrupted', { drop: 'midway' }],
    ['unreadable', { garbage: 'data: {"this is": not json\n\n' }],
    ['unreadable', { garbage: '<html>gateway</html>' }],
  ] as const)(
    'AGT-125: %s: an answer of which a part came is not asked for again, nor what cannot be read',
    async (trouble, answer) => {
      const one = await desk([answer, { say: 'ok' }])
      const { status, records } = await one.run()
      expect(status).toBe('stopped')
      expect(one.peer.asked).toHaveLength(1)
      expect(outcomes(records)[0]).toMatchObject({ status: 'failed', trouble })
      expect(outcomes(records)[0]?.settled.tokens).toBe(intents(records)[0]?.reserved.tokens)
    },
  )

  it('AGT-126: a request that the provider refuses for what it is, is no trouble: it is not tried again', async () => {
    const one = await desk([{ status: 400 }, { say: 'ok' }], { fallback: ['scripted/spare'] })
    const { status, records } = await one.run()
    expect(status).toBe('stopped')
    expect(one.peer.asked).toHaveLength(1)
    expect(outcomes(records)).toHaveLength(1)
    expect(outcomes(records)[0]?.trouble).toBeUndefined()
  })

  it('AGT-127: deltas of an attempt in trouble are void for who watches', async () => {
    const one = await desk([{ status: 500 }, { say: 'hello there' }])
    await one.run()
    const seen = one.items.filter((item) => item.kind !== 'record')
    expect(seen[0]).toMatchObject({ kind: 'attempt_restarted', attempt: 2 })
    const text = seen.map((item) => (item.kind === 'delta' && 'delta' in item.delta ? item.delta.delta : '')).join('')
    expect(text).toBe('hello there')
  })

  it('AGT-128: a process that dies between two attempts is followed by one that makes the next', async () => {
    const one = await desk([{ status: 429, headers: { 'retry-after': '1' } }, { say: 'ok' }])
    const { runId } = await one.box.runs.start({ workflow: 'desk', input: 'hello', principal: ana })
    const waits = async (): Promise<void> => {
      while ((await one.box.runs.get('acme', runId)).status !== 'waiting') await systemHost.macrotask()
    }
    await waits()
    const story = explain(await one.box.runs.records('acme', runId), { now: systemHost.now() })
    expect(JSON.stringify(story)).toContain('rate_limited')
    const { status } = await one.box.runs.wait('acme', runId)
    expect(status).toBe('completed')
    const records = await one.box.runs.records('acme', runId)
    expect(records.filter((record) => record.type === 'segment.started')).toHaveLength(2)
    expect(one.peer.asked).toHaveLength(2)
  })

  it('AGT-129: a run that is cancelled while it waits for the next attempt sends none', async () => {
    const one = await desk([{ status: 429, headers: { 'retry-after': '20' } }, { say: 'ok' }])
    const { runId } = await one.box.runs.start({ workflow: 'desk', input: 'hello', principal: ana })
    while ((await one.box.runs.get('acme', runId)).status !== 'waiting') await systemHost.macrotask()
    await one.box.runs.cancel({ runId, by: ana, reason: 'not needed' })
    const { status } = await one.box.runs.wait('acme', runId)
    expect(status).toBe('cancelled')
    expect(one.peer.asked).toHaveLength(1)
    const last = outcomes(await one.box.runs.records('acme', runId)).at(-1)
    expect(last).toMatchObject({ status: 'cancelled', settled: { tokens: 0, cost_nano_usd: '0' } })
  })
})

describe('a declared fallback model', () => {
  it.each([
    ['overloaded', { status: 500 }],
    ['interrupted', { drop: 'midway' }],
    ['unreadable', { garbage: '<html>gateway</html>' }],
  ] as const)(
    'AGT-130: %s: the fallback is another call with its own decision, price and reservation, and the reason',
    async (trouble, answer) => {
      const one = await desk([answer], { fallback: ['scripted/spare'] })
      const { status, output, records } = await one.run()
      expect({ status, output }).toEqual({ status: 'completed', output: 'from the spare' })
      const failed = outcomes(records).findLast((each) => each.name === 'openai-compatible/llama3')
      const spare = intents(records).at(-1)
      expect(spare?.proposal).toMatchObject({
        name: 'scripted/spare',
        fallback_of: { model: 'openai-compatible/llama3', trouble, seq: failed?.seq },
      })
      expect(spare?.decision.id).not.toBe(intents(records)[0]?.decision.id)
      expect(spare?.ask.key).not.toBe(failed?.ask.key)
      expect(outcomes(records).at(-1)?.price).toContain('scripted/*')
      expect(lineageGaps(records)).toEqual([])
      const told = JSON.stringify(explain(records, { now: systemHost.now() }))
      expect(told).toContain('in place of')
      expect(told).toContain(trouble)
    },
  )

  it('AGT-130: timeout: a provider that is too slow is given up and charged, and the fallback called', async () => {
    const one = await desk([{ slow: 'slow answer' }], {
      fallback: ['scripted/spare'],
      limits: { modelTimeoutSeconds: 0.2 },
    })
    const { status, output, records } = await one.run()
    expect({ status, output }).toEqual({ status: 'completed', output: 'from the spare' })
    const [slow] = outcomes(records)
    expect(slow).toMatchObject({ status: 'failed', code: 'NODE_TIMEOUT', trouble: 'timeout' })
    expect(slow?.settled.tokens).toBe(intents(records)[0]?.reserved.tokens)
    expect(one.peer.asked).toHaveLength(1)
  })

  it('AGT-131: a fallback that the policy denies is not called', async () => {
    const one = await desk([{ status: 500 }], { fallback: ['scripted/spare'], deny: 'scripted/spare' })
    const { status, reason, records } = await one.run()
    expect(status).toBe('stopped')
    expect(reason).toMatchObject({ code: 'POLICY_DENIED' })
    expect(outcomes(records).at(-1)).toMatchObject({
      name: 'scripted/spare',
      status: 'denied',
      code: 'MODEL_NOT_ALLOWED',
    })
  })
})

describe('the circuit of a provider', () => {
  it('AGT-140: after so many calls in trouble none is sent for a while; what was not sent reserves and costs nothing', async () => {
    const one = await desk([{ status: 500 }], {
      provider: { attempts: 1, circuitFailures: 2, circuitSeconds: 600 },
      fallback: ['scripted/spare'],
    })
    for (const sent of [1, 2, 2, 2]) {
      const { status } = await one.run()
      expect(status).toBe('completed')
      expect(one.peer.asked).toHaveLength(sent)
    }
    const { records } = await one.run()
    expect(outcomes(records)[0]).toMatchObject({ status: 'not_sent', trouble: 'circuit_open', settled: { tokens: 0 } })
    expect(intents(records)).toHaveLength(1)
    expect(one.box.providers()).toMatchObject([
      { provider: 'openai-compatible', circuit: 'open', failures: 2, active: 0 },
    ])
    expect(lineageGaps(records)).toEqual([])
  })

  it('AGT-141: when the time has passed one call is tried, and its answer closes the circuit', async () => {
    const one = await desk([{ status: 500 }, { say: 'well again' }], {
      provider: { ...QUICK, attempts: 5, circuitFailures: 1, circuitSeconds: 0.2 },
    })
    const { status, records } = await one.run()
    expect(status).toBe('completed')
    expect(one.peer.asked).toHaveLength(2)
    expect(outcomes(records).map((each) => each.trouble)).toContain('circuit_open')
    expect(one.box.providers()).toMatchObject([{ circuit: 'closed', failures: 0, active: 0, waiting: 0 }])
  })
})

describe('turns at a provider', () => {
  it('AGT-142: no more calls than declared are under way at a time, and all of them are answered', async () => {
    const one = await desk([{ slow: 'slow answer' }], { provider: { ...QUICK, concurrency: 2 } })
    const runs = await Promise.all(
      Array.from({ length: 6 }, () => one.box.runs.start({ workflow: 'desk', input: 'hello', principal: ana })),
    )
    let ended = 0
    const all = Promise.all(runs.map(({ runId }) => one.box.runs.wait('acme', runId).then(() => ended++)))
    while (ended < 6) {
      await systemHost.macrotask()
      if (one.peer.open === 2 || one.peer.asked.length >= 5) one.peer.release()
    }
    await all
    expect(one.peer.most).toBe(2)
    expect(one.peer.asked).toHaveLength(6)
  })
})

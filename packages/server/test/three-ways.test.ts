/** One workflow run in several ways leaves the same behind; the same comparison goes red for planted faults. */
import type { ModelPort, Principal, RunRecord, RunResult, RunsApi, StreamItem } from 'signalbox'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { deskAnswer, deskBundle } from './ways/desk.ts'
import { type Provider, startProvider } from './ways/outside.ts'
import {
  ANA,
  type Box,
  type BoxOptions,
  collect,
  openBox,
  providedDesk,
  recordsOf,
  type Served,
  serve,
} from './ways/play.ts'
import { type Print, printOf } from './ways/print.ts'
import { deafReader, newReader, readOn, type Seen } from './ways/reader.ts'

const closing: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

async function made(options: BoxOptions = {}): Promise<Box> {
  const box = await openBox(options)
  closing.push(box.close)
  return box
}

async function provider(): Promise<Provider> {
  const started = await startProvider(deskAnswer)
  closing.push(started.close)
  return started
}

async function served(box: Box, runs?: RunsApi): Promise<Served> {
  const one = await serve(box, runs)
  closing.push(one.server.close)
  return one
}

async function collected(options: BoxOptions = {}): Promise<Print> {
  const box = await made(options)
  return printOf(box, await collect(box))
}

/** Over HTTP: start, read slowly, leave twice and come back, approve as another person, read to the end. */
async function streamed(box: Box, runs?: RunsApi): Promise<{ result: RunResult; seen: Seen }> {
  const web = await served(box, runs)
  const started = await web.ana.startRun({ body: { workflow: 'refund-desk', input: { orderId: 'o-7' } } })
  const runId = started.run_id
  const seen = newReader()
  await readOn(web, runId, seen, 3)
  await box.box.runs.wait('acme', runId, { untilWaiting: true })
  await readOn(web, runId, seen, 2)
  const [open] = (await web.paul.approvals({ query: { state: 'open' } })).approvals
  const params = { id: open?.id ?? '' }
  const { packet_hash } = await web.paul.approval({ params })
  await web.paul.decide({ params, body: { answer: 'approved', reason: 'fine by me', packet_hash } })
  await readOn(web, runId, seen)
  return { result: await box.box.runs.wait('acme', runId), seen }
}

/** Each record once, in order, as stored, and the end. */
function expectEachOnce(seen: Seen, stored: readonly RunRecord[]): void {
  expect(seen.records.map((record) => record.seq)).toEqual(stored.map((record) => record.seq))
  expect(seen.records).toEqual(stored)
  expect(seen.ended).toBe(true)
}

describe('one workflow, several ways', () => {
  it('WAY-001, WAY-002: collected and streamed over HTTP with a reader that leaves twice: same state, decisions, effects, output, records', async () => {
    const base = await collected()
    expect(base.status).toBe('completed')
    expect(base.states.at(-1)).toEqual({
      order: { id: 'o-7', total_cents: 5_000, version: '7' },
      notes: ['order found', 'refunded'],
    })
    expect(base.sent).toMatchObject([{ path: '/refunds' }, { path: '/letters' }])
    expect(base.decisions.join('\n')).toContain('allow APPROVED')
    const box = await made()
    const { result, seen } = await streamed(box)
    expect(await printOf(box, result)).toEqual(base)
    expectEachOnce(seen, await recordsOf(box, result.runId))
  })

  it.each([true, false])(
    'WAY-001: against a provider over HTTP, streaming %s, collected: the same as the script',
    async (streaming) => {
      const base = await collected()
      const { url, calls } = await provider()
      const options = { model: 'openai-compatible/clerk', models: providedDesk(url, streaming) }
      expect(await collected(options)).toEqual(base)
      expect(calls).toEqual([streaming, streaming, streaming])
    },
  )

  it.each([true, false])(
    'WAY-001, WAY-002: against a provider over HTTP, streaming %s, and streamed on to a reader that leaves twice',
    async (streaming) => {
      const base = await collected()
      const { url } = await provider()
      const box = await made({ model: 'openai-compatible/clerk', models: providedDesk(url, streaming) })
      const { result, seen } = await streamed(box)
      expect(await printOf(box, result)).toEqual(base)
      expectEachOnce(seen, await recordsOf(box, result.runId))
    },
  )
})

/** A model that says much and waits for nothing, or for `hold`. */
function wordy(hold: Promise<void> = Promise.resolve()): ModelPort {
  const { resolve } = providedDesk('http://127.0.0.1:1', false)
  const price = resolve('openai-compatible/wordy').price
  const text = 'w'.repeat(65_536)
  return {
    resolve: (id) => ({
      id,
      provider: 'test',
      scripted: true,
      price,
      inputUpperBound: () => 100,
      call: async (_request, { onDelta }) => {
        for (let part = 0; part < 200; part++) {
          onDelta({ type: 'text-delta', id: '0', delta: text })
          await new Promise((next) => setImmediate(next))
        }
        await hold
        return {
          content: [{ type: 'text', text: '{"refunded":false,"why":"none"}' }],
          finishReason: 'stop',
          usage: {
            input_tokens: 1,
            output_tokens: 1,
            cache_read_tokens: 0,
            cache_write_tokens: 0,
            reasoning_tokens: 0,
          },
          responseId: null,
          responseModel: null,
        }
      },
    }),
  }
}

/** Whether the run ends while its reader has not taken a byte; false after `limitMs`. */
async function endsWithDeafReader(box: Box, limitMs: number): Promise<{ ended: boolean; rest: () => Promise<string> }> {
  const web = await served(box)
  const { run_id: runId } = await web.ana.startRun({ body: { workflow: 'answer', input: { orderId: 'o-7' } } })
  const { socket, rest } = await deafReader(web, runId)
  closing.push(async () => {
    socket.destroy()
  })
  const stop = AbortSignal.timeout(limitMs)
  const result = await box.box.runs.wait('acme', runId, { signal: stop })
  // Nothing was taken but what a paused socket had in its first buffer.
  expect(socket.bytesRead).toBeLessThanOrEqual(65_536)
  return { ended: result.status === 'completed', rest }
}

describe('a reader that never reads', () => {
  it('WAY-003: does not hold the run back, and gets every record once when it reads at last', async () => {
    const box = await made({ models: wordy() })
    const { ended, rest } = await endsWithDeafReader(box, 20_000)
    expect(ended).toBe(true)
    const text = await rest()
    const ids = [...text.matchAll(/^id: (\d+)$/gm)].map((match) => Number(match[1]))
    const [row] = await box.box.runs.list({ tenant: 'acme', limit: 1 })
    expect(ids).toEqual(Array.from({ length: row?.seq ?? 0 }, (_, i) => i + 1))
  })

  it('WAY-003: one who leaves before the end gives up its place in the run, even between two records', async () => {
    const box = await made()
    const { runId } = await collect(box)
    const [record] = await recordsOf(box, runId)
    let [given, left] = [0, false]
    const endless: RunsApi = {
      ...box.box.runs,
      stream: async function* () {
        try {
          for (;;) {
            given += 1
            if (record) yield { kind: 'record', runId, record }
          }
        } finally {
          left = true
        }
      },
    }
    const { socket } = await deafReader(await served(box, endless), runId)
    // Pulling comes to a rest once the buffers on the way are full.
    let before = -1
    await vi.waitFor(
      () => {
        const resting = given > 1 && given === before
        before = given
        expect(resting).toBe(true)
      },
      { interval: 200, timeout: 20_000 },
    )
    expect(left).toBe(false)
    socket.destroy()
    await vi.waitFor(() => expect(left).toBe(true), { timeout: 5_000 })
  })

  it('WAY-003: does not hold up a server that stops', async () => {
    const box = await made({ models: wordy() })
    const web = await serve(box)
    const { run_id: runId } = await web.ana.startRun({ body: { workflow: 'answer', input: { orderId: 'o-7' } } })
    const { socket } = await deafReader(web, runId)
    closing.push(async () => {
      socket.destroy()
    })
    await box.box.runs.wait('acme', runId)
    await web.server.close()
    expect(socket.bytesRead).toBeLessThanOrEqual(65_536)
  })

  it('WAY-006: planted fault: a call that waits for its reader is seen as a run that does not end', async () => {
    let letGo: () => void = () => undefined
    const hold = new Promise<void>((resolve) => {
      letGo = resolve
    })
    const box = await made({ models: wordy(hold) })
    closing.push(async () => letGo())
    expect((await endsWithDeafReader(box, 1_500)).ended).toBe(false)
  })
})

/** The runs of a box whose streams are changed on their way out. */
function streamsThrough(box: Box, change: (item: StreamItem) => readonly StreamItem[]): RunsApi {
  const { runs } = box.box
  return {
    ...runs,
    stream: async function* (tenant, runId, options) {
      for await (const item of runs.stream(tenant, runId, options)) yield* change(item)
    },
  }
}

const red = async (check: () => unknown): Promise<boolean> => {
  try {
    await check()
    return false
  } catch {
    return true
  }
}

describe('planted faults', () => {
  it.each([
    ['drops a record', (item: StreamItem) => (item.kind === 'record' && item.record.seq === 6 ? [] : [item])],
    [
      'gives a record twice',
      (item: StreamItem) => (item.kind === 'record' && item.record.seq === 6 ? [item, item] : [item]),
    ],
    [
      'changes a record',
      (item: StreamItem) =>
        item.kind === 'record' && item.record.seq === 6
          ? [{ ...item, record: { ...item.record, segment: item.record.segment + 1 } }]
          : [item],
    ],
  ] as const)('WAY-006: a stream that %s is found', async (_what, change) => {
    const box = await made()
    const { result, seen } = await streamed(box, streamsThrough(box, change))
    const stored = await recordsOf(box, result.runId)
    expect(await red(() => expectEachOnce(seen, stored))).toBe(true)
  })

  it('WAY-006: a server that starts over when the reader comes back is found', async () => {
    const box = await made()
    const { runs } = box.box
    const forgetful: RunsApi = {
      ...runs,
      stream: (tenant, runId, { signal } = {}) => runs.stream(tenant, runId, signal ? { signal } : {}),
    }
    const { result, seen } = await streamed(box, forgetful)
    expect(await red(async () => expectEachOnce(seen, await recordsOf(box, result.runId)))).toBe(true)
  })

  it('WAY-006: another reason, another answer of the model, an effect beside the door: each makes the comparison go red', async () => {
    const base = await collected()
    const otherReason = await collected({ policy: deskBundle({ reason: 'OTHER_REASON' }) })
    expect(await red(() => expect(otherReason).toEqual(base))).toBe(true)
    const { url, close } = await startProvider((results) => deskAnswer(results, 'Something else.'))
    closing.push(close)
    const otherWords = await collected({ model: 'openai-compatible/clerk', models: providedDesk(url, true) })
    expect(await red(() => expect(otherWords).toEqual(base))).toBe(true)
    const box = await made()
    const result = await collect(box)
    await fetch(`${box.shop.url}/refunds`, { method: 'POST', body: '{}' })
    const beside = await printOf(box, result)
    expect(await red(() => expect(beside).toEqual(base))).toBe(true)
  })

  it('WAY-006: a rejected refund is told from an approved one', async () => {
    const base = await collected()
    const box = await made()
    const { runId } = await box.box.run({ workflow: 'refund-desk', input: { orderId: 'o-7' }, principal: ANA })
    const [row] = await box.box.runs.requests({ tenant: 'acme', runId, state: 'open', limit: 1 })
    await box.box.runs.decide({
      approvalId: row?.id ?? '',
      answer: 'rejected',
      by: { id: 'user:paul', kind: 'user', tenant: 'acme', roles: ['approver'] },
      reason: 'not this one',
      seen: null,
    })
    const rejected = await printOf(box, await box.box.runs.wait('acme', runId))
    expect(rejected.effects).not.toEqual(base.effects)
    expect(rejected.sent).toHaveLength(base.sent.length - 1)
  })
})

describe('who may start', () => {
  it('WAY-007: only the roles of the row in the catalogue; without a row nobody', async () => {
    const box = await made()
    const body = { workflow: 'refund-desk', input: { orderId: 'o-7' } }
    const outsider: Principal = { ...ANA, roles: ['viewer', 'approver'] }
    await expect(box.box.runs.start({ ...body, principal: outsider })).rejects.toMatchObject({
      code: 'FORBIDDEN',
      message: expect.stringContaining('catalogue'),
    })
    const policy = deskBundle()
    const unlisted = await made({ policy: { ...policy, mayStart: (name, who) => policy.mayStart(`${name}2`, who) } })
    await expect(unlisted.box.runs.start({ ...body, principal: ANA })).rejects.toMatchObject({ code: 'FORBIDDEN' })
    expect(await box.box.runs.list({ tenant: 'acme', limit: 5 })).toEqual([])
  })
})
